"""Changing a table by a verb: worked out under its lock from what the branch shows, then one lake commit.

What a verb writes lies in its staging folder, is moved into the table, and becomes visible with the commit; killed
before that, the sweep removes it. Another machine's commit in between lets the verb work again on what is there then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from modelyard.kernel.errors import InvalidInput, NotFound, StaleVersion
from modelyard.kernel.refs import Ref
from modelyard.lake.api import COMMIT, Column, Version
from modelyard.lake.model.columns import evened, partitions
from modelyard.lake.service.commits import About, Step, carry_out, may_write, standing
from modelyard.lake.service.datafiles import FileWriter, describe
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.policies import check_reveals
from modelyard.lake.service.turns import turns
from modelyard.lake.store import catalogue, reshaping
from modelyard.ports import calls
from modelyard.ports.tables import DataFile

TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked for, and what the commit says of it."""

    table: str
    operation: str
    branch: str
    message: str
    run: str | None = None
    reads: tuple[Ref, ...] = ()
    beside: Callable[[int], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a table is to be.

    Attributes:
        files: all of its files.
        fresh: those of them that lie in the job's folder yet, and where.
    """

    columns: tuple[Column, ...]
    files: Sequence[DataFile]
    fresh: Sequence[tuple[DataFile, Path]] = ()
    added: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """What a verb works on.

    Attributes:
        files: what the table consists of on the branch.
        folder: for files that the verb makes; `stem` begins their names.
    """

    desk: Desk
    entry: catalogue.Entry
    files: tuple[DataFile, ...]
    folder: Path
    stem: str

    @property
    def uris(self) -> list[str]:
        """Where a query finds the rows."""
        return self.of([file.path for file in self.files])

    def of(self, paths: Sequence[str]) -> list[str]:
        """Where a query finds the rows of some files."""
        return self.desk.located(self.entry, paths)

    def column(self, name: str) -> Column:
        """A column of the table.

        Raises:
            InvalidInput: it has none of that name.
        """
        found = next((c for c in self.entry.columns if c.name == name), None)
        if found is None:
            known = ", ".join(c.name for c in self.entry.columns)[:300]
            raise InvalidInput(f"table {self.entry.name} has no column {name!r}; it has {known}")
        return found

    def count(self, query: str, uris: Sequence[str]) -> list[int]:
        """The figures that a query with a user's text gives in one row."""
        with self.desk.queries().confined(views={}, extra=uris, timeout_s=TIMEOUT_S) as session:
            return [int(n or 0) for n in session.rows(query)[0]]

    def written(self, query: str, uris: Sequence[str], columns: Sequence[Column]) -> list[tuple[DataFile, Path]]:
        """The rows of a query as fresh files."""
        writer = FileWriter(self.folder / "data", columns)
        try:
            with self.desk.queries().confined(views={}, extra=uris, timeout_s=TIMEOUT_S) as session:
                for batch in session.reader(query):
                    writer.write(batch)
        finally:
            writer.close()
        return writer.described(self.stem)

    def anew(self, query: Callable[[Sequence[str]], str], columns: Sequence[Column]) -> Outcome:
        """Every row written anew, under columns that all files then have."""
        whole = evened(columns)
        by = partitions(whole)

        def sorted_(uris: Sequence[str]) -> str:
            return reshaping.ordered(query(uris), by) if by else query(uris)

        fresh = self.written(sorted_(self.uris), self.uris, whole) if self.files else []
        return Outcome(whole, [file for file, _ in fresh], fresh)


def reshape(desk: Desk, order: Order, work: Callable[[Scene], Outcome]) -> Version:
    """Carry a verb out.

    Raises:
        NotFound: the branch shows no such table.
        StaleVersion: other writers were always quicker.
        Conflict: the branch is protected.
    """
    may_write(order.branch)
    check_reveals(desk, order.table, "columns")
    job = COMMIT.new(calls.current().clock)
    tables = desk.tables()
    with desk.bench(job) as bench, tables.locked(order.table):
        for attempt in turns(tables):
            before = standing(desk, order.table, order.branch)
            if before.entry is None:
                raise NotFound(f"there is no table {order.table} on {order.branch}; list them: yard lake tables")
            folder = bench / str(attempt)
            folder.mkdir()
            scene = Scene(desk, before.entry, before.files, folder, f"{job}-{attempt}")
            outcome = work(scene)
            step = Step(
                table=order.table, before=before, files=outcome.files, columns=outcome.columns,
                operation=order.operation, added=outcome.added, reads=order.reads,
            )  # fmt: skip
            try:
                fresh = [(order.table, file, path) for file, path in outcome.fresh]
                return carry_out(desk, _about(order), [step], fresh=fresh)[0]
            except StaleVersion:
                continue
    raise StaleVersion(f"table {order.table}: other writers were always quicker; try again")


def _about(order: Order) -> About:
    return About(
        branch=order.branch, message=order.message or order.operation, run=order.run, reads=order.reads,
        beside=lambda _commit, versions: order.beside(versions[order.table]),
    )  # fmt: skip


def one_expression(desk: Desk, text: str, what: str) -> None:
    """Refuse a text that is more or less than one SQL expression."""
    if not text.strip() or len(text) > 10_000:
        raise InvalidInput(f"{what} has 1 to 10,000 characters")
    if not all(desk.queries().is_select(each) for each in reshaping.alone(text)):
        raise InvalidInput(f"{what} is one SQL expression over the table's columns")


def without(scene: Scene, condition: str) -> Outcome:
    """The table without the rows that meet a condition; only files that hold one are written anew."""
    if not scene.files:
        return Outcome(scene.entry.columns, scene.files)
    one_expression(scene.desk, condition, "a condition")
    met = _met(scene, condition)
    columns = scene.entry.columns
    return spared(scene, met, lambda uris: reshaping.sparing(uris, columns, condition))


def _met(scene: Scene, condition: str) -> dict[str, int]:
    """How many rows of each file meet a condition."""
    by_uri = {scene.desk.tables().uri(scene.entry.location, file.path): file.path for file in scene.files}
    with scene.desk.queries().confined(views={}, extra=scene.uris, timeout_s=TIMEOUT_S) as session:
        found = session.rows(reshaping.meeting(scene.uris, scene.entry.columns, condition))
    return {by_uri[str(uri)]: int(n or 0) for uri, n in found if str(uri) in by_uri}


def spared(
    scene: Scene, met: Mapping[str, int], query: Callable[[Sequence[str]], str], *, extra: Sequence[Path] = ()
) -> Outcome:
    """The table without some rows of some files.

    Args:
        met: how many rows of a file go.
        query: what stays of some files.
        extra: further files that the query reads.
    """
    kept: list[DataFile] = []
    fresh: list[tuple[DataFile, Path]] = []
    for place, file in enumerate(scene.files):
        gone = met.get(file.path, 0)
        if gone == 0:
            kept.append(file)
        elif gone < file.rows:
            made = _rest(scene, file, place, query, extra)
            kept.append(made[0])
            fresh.append(made)
    return Outcome(scene.entry.columns, kept, fresh)


def _rest(
    scene: Scene, file: DataFile, place: int, query: Callable[[Sequence[str]], str], extra: Sequence[Path]
) -> tuple[DataFile, Path]:
    """What stays of one file, under a name that keeps its place in the order of loading."""
    columns = scene.entry.columns
    uris = scene.of([file.path])
    writer = FileWriter(scene.folder / f"rest{place}", columns, most_rows=file.rows)
    try:
        for batch in _confined(scene, query(uris), [*uris, *map(str, extra)]):
            writer.write(batch)
    finally:
        writer.close()
    (path,) = writer.paths
    name = f"{file.path.partition('.')[0]}.{scene.stem[-12:]}n{place}.parquet"
    return describe(path, name, file.part), path


def _confined(scene: Scene, query: str, uris: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with scene.desk.queries().confined(views={}, extra=uris, timeout_s=TIMEOUT_S) as session:
        yield from session.reader(query)
