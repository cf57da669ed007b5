"""Joining two versions of a table that both changed since a third: which rows come over, and the files that result.

Files that keep all of their rows stay as they are, and files whose rows all come over are shared, so a merge of
appended rows writes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelyard.kernel.errors import Conflict, InvalidInput
from modelyard.lake.api import Cell, Column, Resolve, RowConflict
from modelyard.lake.model.columns import checks, evened, partitions
from modelyard.lake.service.datafiles import FileWriter
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.reading import cell
from modelyard.lake.service.reshaping import TIMEOUT_S
from modelyard.lake.store import catalogue, reshaping, threeway
from modelyard.lake.store.casts import quoted
from modelyard.lake.store.threeway import PLACE, Rows, Triple
from modelyard.ports.queries import Session
from modelyard.ports.tables import DataFile

Files = Sequence[DataFile]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Three versions of one table; `base` is None where the two have nothing in common."""

    base: catalogue.Entry | None
    ours: catalogue.Entry
    theirs: catalogue.Entry


@dataclass(frozen=True, slots=True)
class Counted:
    """What theirs changed since the base, and how much of that is disputed.

    Attributes:
        names: columns that differ between base and theirs.
        why: what keeps the two from being joined, whatever the rows; empty if nothing does.
    """

    by: tuple[str, ...]
    added: int = 0
    removed: int = 0
    changed: int = 0
    conflicts: int = 0
    names: tuple[str, ...] = ()
    why: str = ""


def columns_of(meeting: Meeting, resolve: Resolve | None) -> tuple[Column, ...] | None:
    """The columns of the joined table: of the side that changed them; None where both did, differently.

    Whether files may lack a column is no change of anybody's: the joined table allows it where either side's may.
    """
    ours, theirs = evened(meeting.ours.columns), evened(meeting.theirs.columns)
    base = None if meeting.base is None else evened(meeting.base.columns)
    if theirs in (ours, base) or (ours != base and resolve is Resolve.OURS):
        chosen = ours
    elif ours == base or resolve is Resolve.THEIRS:
        chosen = theirs
    else:
        return None
    sides = [{c.name: c for c in side.columns} for side in (meeting.ours, meeting.theirs)]
    lacking = {c.name for c in chosen if any(c.name not in side or side[c.name].sparse for side in sides)}
    return tuple(msgspec.structs.replace(c, sparse=True) if c.name in lacking else c for c in chosen)


def changed_columns(base: catalogue.Entry | None, theirs: catalogue.Entry) -> tuple[str, ...]:
    """Names of columns that differ."""
    if base is None:
        return ()
    old, new = ({c.name: c for c in evened(each.columns)} for each in (base, theirs))
    return tuple(name for name in {**new, **old} if old.get(name) != new.get(name))


def count(desk: Desk, meeting: Meeting) -> Counted:
    """Compare, without making anything."""
    names = changed_columns(meeting.base, meeting.theirs)
    columns = columns_of(meeting, None)
    if columns is None:
        return Counted(by=(), names=names, why="both sides changed its columns")
    with _compared(desk, meeting, columns) as (session, triple):
        added, removed, changed = (int(n or 0) for n in session.rows(threeway.counts("theirs"))[0])
        disputed = int(session.rows(threeway.conflicts(triple))[0][0] or 0)
    return Counted(by=tuple(triple.by), added=added, removed=removed, changed=changed, conflicts=disputed, names=names)


def disputed(desk: Desk, meeting: Meeting, *, offset: int, limit: int) -> list[RowConflict]:
    """Rows that both sides changed differently, by key."""
    columns = columns_of(meeting, Resolve.OURS) or meeting.ours.columns
    with _compared(desk, meeting, columns) as (session, triple):
        table = session.reader(threeway.conflict_page(triple, offset=offset, limit=limit)).read_all()
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return [_conflict(meeting.ours.name, triple, row) for row in rows]


def _conflict(table: str, triple: Triple, row: Sequence[object]) -> RowConflict:
    keys, width = len(triple.by), len(triple.columns)
    names = [c.name for c in triple.columns]
    there = row[keys : keys + 3]
    sides: list[dict[str, Cell] | None] = []
    for place, held in enumerate(there):
        values = row[keys + 3 + place * width : keys + 3 + (place + 1) * width]
        sides.append({n: cell(v) for n, v in zip(names, values, strict=True)} if held else None)
    key = {name: cell(value) for name, value in zip(triple.by, row[:keys], strict=True)}
    return RowConflict(table=table, key=key, base=sides[0], ours=sides[1], theirs=sides[2])


def join(
    desk: Desk, meeting: Meeting, *, resolve: Resolve | None, folder: Path, stem: str
) -> tuple[tuple[Column, ...], list[DataFile], list[tuple[DataFile, Path]], int]:
    """Join the two: the columns, the files that stay, the files that are new with their place, and rows that came.

    Raises:
        Conflict: both sides changed a row or the columns differently, and `resolve` does not say whose counts.
    """
    columns = columns_of(meeting, resolve)
    if columns is None:
        raise Conflict(f"{meeting.ours.name}: both sides changed its columns")
    with _compared(desk, meeting, columns) as (session, triple):
        if resolve is None and int(session.rows(threeway.conflicts(triple))[0][0] or 0):
            raise Conflict(f"{meeting.ours.name}: both sides changed a row differently")
        session.run(threeway.take(triple, theirs_win=resolve is Resolve.THEIRS))
        maker = _Maker(desk, session, triple, folder=folder, stem=stem)
        ours = desk.files(meeting.ours)
        kept = maker.of_ours(meeting.ours, ours)
        shared, came = maker.of_theirs(meeting, {file.path for file in ours})
        made = maker.finish()
    _hold(desk, meeting, columns, [file.path for file in (*kept, *shared)], [str(path) for _, path in made])
    return columns, [*kept, *shared], made, came


def _hold(
    desk: Desk, meeting: Meeting, columns: tuple[Column, ...], paths: Sequence[str], fresh: Sequence[str]
) -> None:
    """See that rows of one side hold what only the other one asks of them."""
    known = _conditions(meeting.ours.columns).items() & _conditions(meeting.theirs.columns).items()
    if not (asked := sorted(_conditions(columns).items() - known)):
        return
    files = [*desk.located(msgspec.structs.replace(meeting.ours, columns=columns), paths), *fresh]
    with desk.queries().confined(views={}, extra=files, timeout_s=TIMEOUT_S) as session:
        for name, condition in asked:
            if breaking := int(session.rows(reshaping.breaking(files, columns, condition))[0][0] or 0):
                raise Conflict(
                    f"{meeting.ours.name}: {breaking:,} rows of one side break what the other asks of them, {name}; "
                    "mend them where they stand, or drop it there, then repeat"
                )


def _conditions(columns: Sequence[Column]) -> dict[str, str]:
    """What each row of a table holds, by name."""
    filled = {f"that {c.name} is there": f"{quoted(c.name)} IS NOT NULL" for c in columns if not c.nullable}
    return {f"check {check.name}": check.condition for check in checks(columns)} | filled


@contextmanager
def _compared(desk: Desk, meeting: Meeting, columns: Sequence[Column]) -> Iterator[tuple[Session, Triple]]:
    """A session in which the changes of both sides stand as tables."""
    sides = [meeting.base, meeting.ours, meeting.theirs]
    files = [[] if side is None else desk.paths(side) for side in sides]
    common = set(files[0]) & set(files[1]) & set(files[2])
    rows = [
        Rows([], columns)
        if side is None
        else Rows(desk.located(side, [path for path in paths if path not in common]), side.columns)
        for side, paths in zip(sides, files, strict=True)
    ]
    keys = meeting.ours.keys
    held = [{c.name for c in side.columns} for side in sides if side is not None]
    known = bool(keys) and all(set(keys) <= names for names in (*held, {c.name for c in columns}))
    triple = Triple(rows[0], rows[1], rows[2], columns, keys if known else PLACE)
    with desk.queries().session() as session:
        try:
            if known and int(session.rows(threeway.unclear(triple))[0][0] or 0):
                triple = Triple(rows[0], rows[1], rows[2], columns, PLACE)
            session.run(threeway.changes(triple, triple.theirs, "theirs"))
            session.run(threeway.changes(triple, triple.ours, "ours"))
        except InvalidInput as err:
            raise Conflict(f"{meeting.ours.name}: rows of one side do not fit the columns of the other") from err
        yield session, triple


class _Maker:
    """Makes the files of a joined table in a folder."""

    def __init__(self, desk: Desk, session: Session, triple: Triple, *, folder: Path, stem: str) -> None:
        self._desk = desk
        self._session = session
        self._triple = triple
        self._stem = stem
        self._by = partitions(triple.columns)
        self._writer = FileWriter(folder / stem, triple.columns)

    def of_ours(self, entry: catalogue.Entry, files: Files) -> list[DataFile]:
        """The files of ours that stay; rows of the others that stay are written anew."""
        kept: list[DataFile] = []
        even = _fit(entry.columns, self._triple.columns)
        for file in files:
            rows = Rows(self._desk.located(entry, [file.path]), entry.columns)
            gone = int(self._session.rows(threeway.leaving(self._triple, rows))[0][0] or 0)
            if gone == 0 and even:
                kept.append(file)
            elif gone < file.rows:
                self._write(threeway.staying(self._triple, rows))
        return kept

    def of_theirs(self, meeting: Meeting, held: set[str]) -> tuple[list[DataFile], int]:
        """The files of theirs whose rows all come over, and how many rows come; the others are written anew."""
        shared: list[DataFile] = []
        came = 0
        old = set() if meeting.base is None else set(self._desk.paths(meeting.base))
        even = _fit(meeting.theirs.columns, self._triple.columns)
        for file in self._desk.files(meeting.theirs):
            if file.path in held or file.path in old:
                continue
            rows = Rows(self._desk.located(meeting.theirs, [file.path]), meeting.theirs.columns)
            wanted = int(self._session.rows(threeway.coming(self._triple, rows))[0][0] or 0)
            came += wanted
            if wanted == file.rows and even:
                shared.append(file)
            elif wanted:
                self._write(threeway.arriving(self._triple, rows))
        return shared, came

    def finish(self) -> list[tuple[DataFile, Path]]:
        """The new files, with their place."""
        self._writer.close()
        return self._writer.described(self._stem)

    def _write(self, query: str) -> None:
        sorted_ = reshaping.ordered(query, self._by) if self._by else query
        for batch in self._session.reader(sorted_):
            self._writer.write(batch)


def _fit(held: Sequence[Column], wanted: Sequence[Column]) -> bool:
    """True if files with the columns `held` can be read under the columns `wanted` as they are."""
    names = {c.name: c for c in held}
    return names.keys() <= {c.name for c in wanted} and all(
        (c.type, c.partitioned, c.classification is None) == (own.type, own.partitioned, own.classification is None)
        if (own := names.get(c.name)) is not None
        else c.sparse and not c.partitioned
        for c in wanted
    )
