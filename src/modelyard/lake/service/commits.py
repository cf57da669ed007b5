"""Lake commits: a change to a table made visible whole, or not at all.

The table's log is written first, then the catalogue's head moves to it in one short transaction. What a crash leaves
between the two is a version that nobody sees; the next commit on the table undoes it. Writers of one machine queue at
the table's lock; those of other machines meet at the compare-and-swap of the head, and the slower one tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.kernel.errors import AlreadyExists, Internal, StaleVersion
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import COMMIT, Column, CommitId, LoadId, Mode, TableCommitted, Version
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN, arrow_schema, schema_hash
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import catalogue, merging
from modelyard.ports import calls
from modelyard.ports.tables import DataFile

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a table.

    Attributes:
        added: new data files and where they lie now.
        lookup: the state of the table that the change was prepared for; None: the table was not there.
        folder: where files that a merge rewrites are made.
        beside: further rows to write in the same transaction, once the version is known.
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
    beside: Callable[[int], None] = field(default=lambda _: None)


def commit(desk: Desk, change: Change) -> Version:
    """Make a change visible.

    Raises:
        AlreadyExists: it was to create a table that has come to exist.
        StaleVersion: the table's columns changed meanwhile, or other writers were always quicker.
    """
    tables = desk.tables()
    call = calls.current()
    moved = False
    with tables.locked(change.table):
        for attempt in range(_ATTEMPTS):
            head = call.unit(lambda: catalogue.entry(calls.current().tx, change.table))
            _check(change, head)
            if head is None and not moved:
                tables.create(change.table, arrow_schema(change.columns))
            if not moved:
                for file, path in change.added:
                    tables.publish(change.table, file.path, path)
                moved = True
            try:
                return _attempt(desk, change, head, number=attempt)
            except StaleVersion:
                continue
    raise StaleVersion(f"table {change.table}: other writers were quicker {_ATTEMPTS} times; try again")


def _check(change: Change, head: catalogue.Entry | None) -> None:
    if change.mode is Mode.CREATE and head is not None:
        raise AlreadyExists(f"table {change.table} exists, at version {head.version}; append to it or overwrite it")
    if change.mode in (Mode.APPEND, Mode.MERGE) and head is not None and head.columns != change.columns:
        raise StaleVersion(f"table {change.table} got other columns meanwhile; load again")


def _attempt(desk: Desk, change: Change, head: catalogue.Entry | None, *, number: int) -> Version:
    call = calls.current()
    tables = desk.tables()
    base = 0 if head is None else head.version
    before = () if head is None else tables.files(change.table, base)
    added = [file for file, _ in change.added]
    if change.mode is Mode.MERGE and head is not None and added:
        before = _without_replaced(desk, change, head, number=number)
    target = added if change.mode is Mode.OVERWRITE else [*before, *added]
    commit_id = COMMIT.new(call.clock)
    version = tables.advance(
        change.table, base=base, target=target, schema=arrow_schema(change.columns), info={"commit": commit_id}
    )
    record = _record(change, head, target=target, version=version, commit=commit_id)

    def publish() -> None:
        tx = calls.current().tx
        if head is None:
            catalogue.add_table(
                tx, change.table, location=change.table, keys=change.keys, description=change.description,
                created_ms=call.now_ms, version=version,
            )  # fmt: skip
        else:
            catalogue.move_head(tx, change.table, base=base, fresh=version)
        catalogue.add_commit(
            tx, commit=commit_id, at_ms=call.now_ms, author=call.actor.id, message=change.message, run=change.run,
            reads=change.reads,
        )  # fmt: skip
        catalogue.add_version(tx, record, change.columns)
        change.beside(version)
        calls.current().emit(
            TableCommitted(
                table=change.table, version=version, commit=commit_id, operation=change.operation, rows=record.rows,
                rows_added=record.rows_added, rows_removed=record.rows_removed, load=change.load, run=change.run,
            ),
            reads=change.reads,
            writes=(record.ref,),
        )  # fmt: skip

    call.unit(publish)
    return record


def _without_replaced(desk: Desk, change: Change, head: catalogue.Entry, *, number: int) -> tuple[DataFile, ...]:
    """The table's files without the rows that new ones replace; files that lose rows are rewritten under new names."""
    import pyarrow.parquet as pq

    from modelyard.lake.service.intake import describe

    tables = desk.tables()
    if change.folder is None:
        raise Internal("a merge needs a folder to rewrite files in")
    new = [tables.uri(change.table, file.path) for file, _ in change.added]
    kept: list[DataFile] = []
    open_ = [c.name for c in change.columns if c.classification is None] + [LOAD_COLUMN, ROW_COLUMN]
    with desk.queries().session() as session:
        for place, file in enumerate(tables.files(change.table, head.version)):
            uri = tables.uri(change.table, file.path)
            replaced = int(session.rows(merging.replaced(uri, new, head.keys))[0][0] or 0)
            if replaced == 0:
                kept.append(file)
            elif replaced < file.rows:
                name = f"{change.load}-m{number}n{place}.parquet"
                fresh = change.folder / name
                with pq.ParquetWriter(fresh, pq.read_schema(uri), compression="zstd", write_statistics=open_) as writer:
                    for batch in session.reader(merging.remaining(uri, new, head.keys)):
                        writer.write_batch(batch.cast(writer.schema))
                kept.append(describe(fresh, name))
                tables.publish(change.table, name, fresh)
    return tuple(kept)


def _record(
    change: Change, head: catalogue.Entry | None, *, target: Sequence[DataFile], version: int, commit: CommitId
) -> Version:
    call = calls.current()
    added = sum(file.rows for file, _ in change.added)
    rows = sum(file.rows for file in target)
    before = 0 if head is None else head.rows
    return Version(
        table=change.table, version=version, ref=ref("table", change.table, version), commit=commit,
        operation=change.operation, author=call.actor.id, message=change.message, run=change.run, at_ms=call.now_ms,
        rows=rows, rows_added=added, rows_removed=before + added - rows,
        size_bytes=sum(file.size_bytes for file in target), schema_hash=schema_hash(change.columns),
        load=change.load, reads=change.reads,
    )  # fmt: skip
