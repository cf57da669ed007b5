"""Edits of a set: worked out on the newest version, committed on top of it, and worked out again if it has moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import AlreadyExists, InvalidInput, StaleVersion
from modelyard.kernel.refs import ref
from modelyard.lake.api import LOAD, Column, Format, Inspection, Load, LoadId, LoadState, Mode
from modelyard.lake.api.files import FilesCommit, FileSetChanged
from modelyard.lake.model.filesets import KEY, columns_with, table_of, thing
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.commits import Change, commit, may_write
from modelyard.lake.service.datafiles import FileWriter, describe
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.rows import PATHS, Row, as_table
from modelyard.lake.store import catalogue, filesets, loads
from modelyard.ports import calls
from modelyard.ports.tables import DataFile

ROWS_PER_FILE = 100_000
_ATTEMPTS = 8


@dataclass(slots=True)
class Edit:
    """What is to become of a set.

    Attributes:
        rows: files as they are to be, whole.
        gone: paths that are to leave.
        columns: of a set that is made by it.
    """

    rows: list[Row] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    added: int = 0
    replaced: int = 0
    edited: int = 0
    unchanged: int = 0
    columns: tuple[Column, ...] = ()
    description: str = ""

    @property
    def is_empty(self) -> bool:
        """True if nothing changes."""
        return not self.rows and not self.gone


@dataclass(frozen=True, slots=True)
class Terms:
    """How an edit is to be known.

    Attributes:
        add: the adding that it ends.
        branch: the branch that is to show it.
    """

    fileset: str
    operation: str
    message: str
    add: str | None = None
    branch: str = MAIN


Prepare = Callable[["catalogue.Entry | None"], Edit]


def carry_out(desk: Desk, terms: Terms, prepare: Prepare) -> FilesCommit:
    """Commit an edit; `prepare` works it out on what the set is now, and again if somebody else was quicker.

    Raises:
        StaleVersion: others were always quicker.
    """
    call, table = calls.current(), table_of(terms.fileset)
    may_write(terms.branch)
    for _ in range(_ATTEMPTS):
        head = call.unit(lambda: catalogue.entry(calls.current().tx, table, branch=terms.branch))
        edit = prepare(head)
        if head is not None and edit.is_empty:
            _end(terms)
            return _said(terms, edit, head.version)
        with desk.bench(load := LOAD.new(call.clock)) as folder:
            try:
                made = commit(desk, _change(desk, terms, edit, head, load=load, folder=folder))
            except (StaleVersion, AlreadyExists):
                continue
        return _said(terms, edit, made.version)
    raise StaleVersion(f"file set {terms.fileset}: other writers were quicker {_ATTEMPTS} times; try again")


def _end(terms: Terms) -> None:
    if (add := terms.add) is not None:
        calls.current().unit(lambda: filesets.end_add(calls.current().tx, add))


def _said(terms: Terms, edit: Edit, version: int) -> FilesCommit:
    return FilesCommit(
        fileset=terms.fileset, ref=ref("fileset", terms.fileset, version), version=version, added=edit.added,
        replaced=edit.replaced, removed=len(edit.gone), edited=edit.edited, unchanged=edit.unchanged,
    )  # fmt: skip


def _change(
    desk: Desk, terms: Terms, edit: Edit, head: catalogue.Entry | None, *, load: LoadId, folder: Path
) -> Change:  # fmt: skip
    table = table_of(terms.fileset)
    columns = columns_with(edit.columns) if head is None else head.columns
    files = _written(edit, columns, load, folder)
    if files:
        _inspected(desk, table, load, columns=columns, files=files, folder=folder)
    leaving = folder / "leaving.parquet"
    if head is not None:
        paths = [row["path"] for row in edit.rows] + edit.gone
        pq.write_table(pa.table([pa.array(paths, pa.string())], PATHS), leaving)
    record = _load(terms, table, load, rows=len(edit.rows))

    def beside(version: int) -> None:
        now = calls.current()
        loads.add(now.tx, _at(record, version))
        if terms.add is not None:
            filesets.end_add(now.tx, terms.add)
        news = FileSetChanged(
            fileset=terms.fileset, version=version, operation=terms.operation, added=edit.added,
            replaced=edit.replaced, removed=len(edit.gone), edited=edit.edited,
        )  # fmt: skip
        now.emit(news, reads=(thing(table, head.version),) if head is not None else (), writes=(thing(table, version),))

    return Change(
        table=table, operation=terms.operation, mode=Mode.CREATE if head is None else Mode.MERGE, columns=columns,
        added=files, keys=(KEY,), description=edit.description, message=terms.message or terms.operation,
        load=load, folder=folder, beside=beside, leaving=None if head is None else leaving,
        based_on=None if head is None else head.version, branch=terms.branch,
    )  # fmt: skip


def _written(edit: Edit, columns: tuple[Column, ...], load: LoadId, folder: Path) -> list[tuple[DataFile, Path]]:
    """The rows as data files."""
    rows = as_table(edit.rows, columns)
    rows = rows.append_column("_load", pa.array([load] * rows.num_rows, pa.string()))
    rows = rows.append_column("_row", pa.array(range(1, rows.num_rows + 1), pa.int64()))
    paths: list[Path] = []
    for place, begin in enumerate(range(0, rows.num_rows, ROWS_PER_FILE)):
        writer = FileWriter(folder / f"files{place:04d}", columns)
        for batch in rows.slice(begin, ROWS_PER_FILE).to_batches():
            writer.write(batch)
        writer.close()
        paths += writer.paths
    return [(describe(path, f"{load}-{n:03d}.parquet"), path) for n, path in enumerate(paths)]


def _inspected(
    desk: Desk, table: str, load: LoadId, *, columns: tuple[Column, ...], files: list[tuple[DataFile, Path]],
    folder: Path,
) -> None:  # fmt: skip
    """Have the set's contract judge new rows; files are taken all or none, there is no quarantine for them.

    Raises:
        InvalidInput: some break the contract.
    """
    if desk.inspector is None:
        return
    rejects = folder / "rejects.parquet"
    verdict = desk.inspector.inspect(
        Inspection(
            table=table, load=load, columns=columns, files=tuple(str(path) for _, path in files), existing=(),
            rejects=str(rejects),
        )
    )  # fmt: skip
    reasons = list(verdict.blocks)
    if verdict.rejected:
        reasons += dict.fromkeys(pq.read_table(rejects, columns=["reason"])["reason"].to_pylist()[:1000])
    if reasons:
        raise InvalidInput(f"the contract of {table} refuses the files: {'; '.join(reasons[:10])}. Nothing was taken")


def _load(terms: Terms, table: str, load: LoadId, *, rows: int) -> Load:
    """The record of what brought the rows; without it they would count as leftovers."""
    call = calls.current()
    return Load(
        id=load, table=table, version=None, state=LoadState.DONE, source=terms.operation, source_ref=None, digest="",
        size_bytes=0, format=Format.ARROW, mode=Mode.MERGE, rows_in=rows, rows_loaded=rows, rows_quarantined=0, held=0,
        started_ms=call.now_ms, took_ms=0, author=call.actor.id, dialect={}, notes=(), branch=terms.branch,
    )  # fmt: skip


def _at(record: Load, version: int) -> Load:
    import msgspec

    return msgspec.structs.replace(record, version=version)
