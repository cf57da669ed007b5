"""Lake commits: a change to tables made visible whole, or not at all.

Each table's log is written first, then the catalogue's heads move to it in one short transaction. What a crash leaves
between the two is a version that nobody sees; the next commit on the table undoes it. On a branch the log only gives
the version its number, and a manifest names its files. Writers of one machine queue at the table's lock; those of other
machines meet at the compare-and-swap of the head, and the slower one tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from modelyard.kernel.actors import ActorKind
from modelyard.kernel.errors import AlreadyExists, Conflict, Internal, InvalidInput, NotFound, StaleVersion
from modelyard.kernel.refs import Ref
from modelyard.lake.api import (
    COMMIT,
    Column,
    CommitId,
    LoadId,
    Mode,
    SchemaChanged,
    TableCommitted,
    TableDropped,
    Version,
)
from modelyard.lake.model.columns import arrow_schema, evened, schema_hash
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.turns import turns
from modelyard.lake.store import branches, catalogue, descent, manifests
from modelyard.ports import calls
from modelyard.ports.tables import DataFile, Tables

Fresh = tuple[str, DataFile, Path]
"""A finished file that no version refers to yet: its table, what it is, where it lies."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a table.

    Attributes:
        added: new data files and where they lie now.
        folder: where files that a merge rewrites are made.
        gone: Parquet of keys whose rows a merge removes.
        beside: further rows to write in the same transaction, once the version is known.
        branch: the branch that is to show it.
        leaving: Parquet of the keys whose rows a merge removes; where None, those of the added rows.
        based_on: the version that the change was worked out on; None: any.
        base: the columns that the table has before, where the change keeps its rows; None: those that it will have.
    """

    table: str
    operation: str
    mode: Mode
    columns: tuple[Column, ...]
    added: Sequence[tuple[DataFile, Path]]
    keys: tuple[str, ...] = ()
    description: str = ""
    message: str = ""
    run: str | None = None
    reads: tuple[Ref, ...] = ()
    load: LoadId | None = None
    folder: Path | None = None
    gone: Path | None = None
    beside: Callable[[int], None] = field(default=lambda _: None)
    branch: str = MAIN
    leaving: Path | None = None
    based_on: int | None = None
    base: tuple[Column, ...] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A table as a branch has it when a commit begins.

    Attributes:
        mark: the branch's head: below zero where it dropped the table, None where it never had it.
        entry: what the branch shows; None if it shows nothing.
        known: True if the table exists, on whichever branch.
    """

    mark: int | None
    entry: catalogue.Entry | None
    files: tuple[DataFile, ...]
    known: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one table in a lake commit.

    Attributes:
        before: what it is built on.
        files: all files that the table is to have; None: it leaves the branch.
        added: rows that come in.
        keys, description: of a table that is new everywhere.
        merged: the version of another branch that it takes in.
    """

    table: str
    before: Standing
    files: Sequence[DataFile] | None
    columns: tuple[Column, ...]
    operation: str
    added: int = 0
    keys: tuple[str, ...] = ()
    description: str = ""
    load: LoadId | None = None
    merged: int | None = None
    reads: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What one lake commit says of itself.

    Attributes:
        direct: True if it is refused by a protected branch.
        beside: further rows to write in the same transaction; gets the commit and the version of each table.
    """

    branch: str
    message: str
    run: str | None = None
    reads: tuple[Ref, ...] = ()
    direct: bool = True
    beside: Callable[[CommitId, Mapping[str, int]], None] = field(default=lambda *_: None)


def commit(desk: Desk, change: Change) -> Version:
    """Make a change of one table visible.

    Raises:
        AlreadyExists: it was to create a table that has come to exist.
        StaleVersion: the table's columns changed meanwhile, or other writers were always quicker.
        Conflict: the branch is protected, or is closed by now.
    """
    tables = desk.tables()
    about = About(
        branch=change.branch, message=change.message, run=change.run, reads=change.reads,
        beside=lambda _, versions: change.beside(versions[change.table]),
    )  # fmt: skip
    with tables.locked(change.table):
        before = standing(desk, change.table, change.branch)
        _check(change, before.entry)
        if not before.known:
            tables.create(change.table, arrow_schema(change.columns))
        with _in_place(desk, [(change.table, file, path) for file, path in change.added]):
            for attempt in turns(tables):
                if attempt:
                    before = standing(desk, change.table, change.branch)
                    _check(change, before.entry)
                step, rest = _step(desk, change, before, number=attempt)
                with suppress(StaleVersion):
                    return carry_out(desk, about, [step], fresh=rest)[0]
            settle(tables, change.table)
            raise StaleVersion(f"table {change.table}: other writers were always quicker; try again")


@contextmanager
def _in_place(desk: Desk, fresh: Sequence[Fresh]) -> Iterator[None]:
    """Files moved into their tables; where what follows is refused, out again: no version refers to them.

    After any other failure nobody knows here whether the commit came about, so they stay.
    """
    moved: list[Fresh] = []
    try:
        for each in fresh:
            table, file, path = each
            desk.tables().publish(table, file.path, path)
            moved.append(each)
        yield
    except (Conflict, InvalidInput, NotFound):
        for table, file, _ in moved:
            desk.tables().expel(table, [file.path])
        raise


def may_write(branch: str) -> None:
    """Refuse a direct write early, where the branch does not take it; the yard itself may write anywhere.

    Raises:
        NotFound: there is no such open branch.
        Conflict: it is protected.
    """
    call = calls.current()
    if call.actor.kind is ActorKind.SYSTEM:
        branches.opened(call.tx, branch)
    else:
        branches.writable(call.tx, branch)


def standing(desk: Desk, table: str, branch: str) -> Standing:
    """The table as the branch has it now, not as this call's snapshot had it."""

    def look() -> tuple[int | None, catalogue.Entry | None, tuple[DataFile, ...] | None, bool]:
        tx = calls.current().tx
        entry = catalogue.entry(tx, table, branch=branch)
        listed = manifests.get(tx, table, entry.version) if entry is not None and entry.listed else None
        return branches.head(tx, branch, table), entry, listed, catalogue.place(tx, table) is not None

    mark, entry, listed, known = calls.current().unit(look)
    files = listed if listed is not None else () if entry is None else desk.tables().files(table, entry.version)
    if listed is not None:
        desk.tables().learn(table, listed)
    return Standing(mark=mark, entry=entry, files=files, known=known)


def _check(change: Change, head: catalogue.Entry | None) -> None:
    if change.mode is Mode.CREATE and head is not None:
        raise AlreadyExists(f"table {change.table} exists, at version {head.version}; append to it or overwrite it")
    base = change.columns if change.base is None else change.base
    if change.mode in (Mode.APPEND, Mode.MERGE) and head is not None and head.columns != base:
        raise StaleVersion(f"table {change.table} got other columns meanwhile; load again")
    if change.based_on is not None and (head is None or head.version != change.based_on):
        raise StaleVersion(f"table {change.table} is no longer at version {change.based_on}; look again and repeat")


def _step(desk: Desk, change: Change, before: Standing, *, number: int) -> tuple[Step, list[Fresh]]:
    """What becomes of the table, and the files written anew for it."""
    kept: Sequence[DataFile] = before.files
    entry = before.entry
    anew: dict[str, tuple[DataFile, Path]] = {}
    added = [file for file, _ in change.added]
    if change.mode is not Mode.OVERWRITE and entry is not None and entry.columns != change.columns:
        from modelyard.lake.service.replacing import widened

        kept, anew = widened(desk, entry, kept, change.columns, folder=_folder(change), stem=f"{change.load}-w{number}")
        entry = msgspec.structs.replace(entry, columns=change.columns)
    if change.mode is Mode.MERGE and entry is not None and (added or change.leaving or change.gone):
        from modelyard.lake.service.replacing import Incoming, without_replaced

        incoming = Incoming(added, change.leaving, change.gone, {name: path for name, (_, path) in anew.items()})
        kept, made = without_replaced(
            desk, entry, kept, incoming, folder=_folder(change), stem=f"{change.load}-m{number}"
        )  # fmt: skip
        anew |= {file.path: (file, path) for file, path in made}
    step = Step(
        table=change.table, before=before, files=added if change.mode is Mode.OVERWRITE else [*kept, *added],
        columns=change.columns, operation=change.operation, added=sum(file.rows for file in added), keys=change.keys,
        description=change.description, load=change.load, reads=change.reads,
    )  # fmt: skip
    stays = {file.path for file in kept}
    return step, [(change.table, file, path) for name, (file, path) in anew.items() if name in stays]


def _folder(change: Change) -> Path:
    if change.folder is None:
        raise Internal("this change needs a folder to rewrite files in")
    return change.folder


def carry_out(desk: Desk, about: About, steps: Sequence[Step], *, fresh: Sequence[Fresh] = ()) -> tuple[Version, ...]:
    """Write the logs of all tables, then move all heads at once; the versions made, without those of dropped tables.

    The caller holds the tables' locks. All files lie in place but `fresh`, which are moved there, and out again if
    the commit does not come about.

    Raises:
        StaleVersion: another writer was quicker somewhere; nothing is visible of it.
        Conflict: the branch is protected, or is closed by now.
    """
    with _in_place(desk, fresh):
        return _carry_out(desk, about, steps)


def _carry_out(desk: Desk, about: About, steps: Sequence[Step]) -> tuple[Version, ...]:
    call = calls.current()
    commit_id = COMMIT.new(call.clock)
    info = {"commit": commit_id, "branch": about.branch}
    made = [(step, _record(about, step, version=_logged(desk, about, step, info), commit=commit_id)) for step in steps]

    def publish() -> None:
        tx = calls.current().tx
        if about.direct:
            may_write(about.branch)
        else:
            branches.opened(tx, about.branch)
        catalogue.add_commit(
            tx, commit=commit_id, at_ms=call.now_ms, author=call.actor.id, message=about.message, run=about.run,
            reads=about.reads, branch=about.branch,
        )  # fmt: skip
        for step, record in made:
            _move(about, step, record)
        about.beside(commit_id, {record.table: record.version for _, record in made})

    try:
        call.unit(publish)
    except (Conflict, InvalidInput, NotFound) as err:
        if about.branch == MAIN and not isinstance(err, StaleVersion):
            for step in steps:
                settle(desk.tables(), step.table)
        raise
    return tuple(record for step, record in made if step.files is not None)


def settle(tables: Tables, name: str) -> list[int]:
    """Let a table's log end as the catalogue says, for foreign readers; the versions that are undone by it.

    Ask under the table's lock. Where another writer is quicker, he settles it.
    """

    def look() -> tuple[catalogue.Entry | None, catalogue.Entry | None, list[int]]:
        tx = calls.current().tx
        noted = catalogue.all_versions(tx, name)
        last = catalogue.entry(tx, name, noted[-1]) if noted else None
        return catalogue.entry(tx, name), last, noted

    head, last, noted = calls.current().unit(look)
    if last is None:
        return []
    latest = tables.latest(last.location)
    target = () if head is None else tables.files(last.location, head.version)
    base = 0 if head is None else head.version
    if _paths(tables.files(last.location, latest)) == _paths(target):
        return []
    schema = arrow_schema((head or last).columns)
    with suppress(StaleVersion):
        tables.advance(last.location, base=base, target=target, schema=schema, info={"cause": "undo"})
    return [version for version in range(base + 1, latest + 1) if version not in set(noted)]


def _paths(files: Sequence[DataFile]) -> list[str]:
    return sorted(file.path for file in files)


def _logged(desk: Desk, about: About, step: Step, info: Mapping[str, str]) -> int:
    """The number that the table's log gives; below zero where the table leaves the branch."""
    tables = desk.tables()
    if about.branch != MAIN:
        return _gone(step) if step.files is None else tables.reserve(step.table, info)
    base = 0 if step.before.entry is None else step.before.entry.version
    version = tables.advance(
        step.table, base=base, target=step.files or (), schema=arrow_schema(step.columns), info=info
    )
    return _gone(step) if step.files is None else version


def _gone(step: Step) -> int:
    if step.before.mark is None:
        raise Internal(f"table {step.table} cannot leave a branch that never had it")
    return -abs(step.before.mark)


def _move(about: About, step: Step, record: Version) -> None:
    """Let the branch show the version; runs in the unit of the lake commit."""
    now = calls.current()
    tx = now.tx
    if not step.before.known:
        _add_table(step)
    elif step.before.mark is None and step.keys:
        _check_keys(step)
    catalogue.move_head(tx, step.table, branch=about.branch, base=step.before.mark, fresh=record.version)
    descent.add_move(
        tx, record.commit, step.table, earlier=step.before.mark, later=record.version, operation=step.operation
    )
    if step.files is None:
        gone = abs(record.version)
        now.emit(TableDropped(table=step.table, version=gone, branch=about.branch), writes=(thing(step.table, gone),))
        return
    catalogue.add_version(tx, record, step.columns, listed=about.branch != MAIN)
    if about.branch != MAIN:
        manifests.add(tx, step.table, record.version, step.files)
    _tell_of_columns(about, step, record)
    now.emit(
        TableCommitted(
            table=step.table, version=record.version, commit=record.commit, operation=step.operation,
            rows=record.rows, rows_added=record.rows_added, rows_removed=record.rows_removed, load=step.load,
            run=about.run, branch=about.branch,
        ),
        reads=step.reads,
        writes=(record.ref,),
    )  # fmt: skip


def _tell_of_columns(about: About, step: Step, record: Version) -> None:
    """Say which columns a version has otherwise than the one that the branch showed before."""
    if step.before.entry is None:
        return
    old, new = ({c.name: c for c in evened(each)} for each in (step.before.entry.columns, step.columns))
    added, removed = (tuple(name for name in one if name not in other) for one, other in ((new, old), (old, new)))
    changed = tuple(name for name in new if name in old and new[name] != old[name])
    if added or removed or changed:
        calls.current().emit(
            SchemaChanged(
                table=step.table, version=record.version, operation=step.operation, branch=about.branch, added=added,
                removed=removed, changed=changed,
            ),
            writes=(record.ref,),
        )  # fmt: skip


def _add_table(step: Step) -> None:
    now = calls.current()
    try:
        catalogue.add_table(
            now.tx, step.table, location=step.table, keys=step.keys, description=step.description,
            created_ms=now.now_ms,
        )  # fmt: skip
    except AlreadyExists as err:
        raise StaleVersion(f"table {step.table} was made by another machine meanwhile; look again and repeat") from err


def _check_keys(step: Step) -> None:
    """A table has one key on all branches."""
    found = catalogue.place(calls.current().tx, step.table)
    if found is not None and found[1] != step.keys:
        raise Conflict(
            f"table {step.table} stands on another branch already, with the key ({', '.join(found[1])}); declare the "
            "same, or choose another name"
        )


def _record(about: About, step: Step, *, version: int, commit: CommitId) -> Version:
    call = calls.current()
    files = step.files or ()
    rows = sum(file.rows for file in files)
    before = step.before.entry.rows if step.before.entry is not None else 0
    return Version(
        table=step.table, version=version, ref=thing(step.table, abs(version)), commit=commit,
        operation=step.operation, author=call.actor.id, message=about.message, run=about.run, at_ms=call.now_ms,
        rows=rows, rows_added=step.added, rows_removed=before + step.added - rows,
        size_bytes=sum(file.size_bytes for file in files), schema_hash=schema_hash(step.columns), load=step.load,
        reads=about.reads, branch=about.branch,
        parent=None if step.before.mark is None else abs(step.before.mark), merged=step.merged,
    )  # fmt: skip
