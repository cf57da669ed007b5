"""Files as rows: the table behind a set at a version, its rows as records and back, and which contents a set has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from modelyard.kernel.clock import to_ms
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import ref
from modelyard.lake.api import Cell, Column
from modelyard.lake.api.files import File, FileEntry, FileFacts, FileSet
from modelyard.lake.api.paths import shown
from modelyard.lake.model.columns import arrow_type
from modelyard.lake.model.filesets import FACTS, PREFIX, own_columns, table_of
from modelyard.lake.model.media import named
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.service.reading import cell
from modelyard.lake.store import catalogue, filesets
from modelyard.ports import calls

Row = dict[str, Any]
PATHS = pa.schema([("path", pa.string())])
DIGESTS = pa.schema([("digest", pa.string())])


def anywhere(name: str) -> catalogue.Entry:
    """The table behind a set on `main`, or as it last was on any branch.

    Raises:
        NotFound: no branch has such a set.
    """
    tx, table = calls.current().tx, table_of(name)
    newest = catalogue.newest(tx, table)
    found = catalogue.entry(tx, table) or (None if newest is None else catalogue.entry(tx, table, newest))
    return found or entry_of(name, None)


def entry_of(name: str, at: str | None, *, branch: str | None = None) -> catalogue.Entry:
    """The table behind a set at what stands behind its `@`.

    Raises:
        NotFound: no such set, version or tag.
    """
    table = table_of(name)
    try:
        return resolve(table, at, branch=branch)
    except NotFound as err:
        text = err.detail.replace(f"table {table}", f"file set {name}").replace(table, name)
        raise NotFound(text.replace("yard lake tables", "yard lake filesets")) from err


def fileset_of(entry: catalogue.Entry) -> FileSet:
    """A set, as its table has it."""
    name = entry.name.removeprefix(PREFIX)
    return FileSet(
        name=name, ref=ref("fileset", name, entry.version), table=entry.name, version=entry.version, files=entry.rows,
        columns=own_columns(entry.columns), description=entry.description, created_ms=entry.created_ms,
        updated_ms=entry.at_ms,
    )  # fmt: skip


def file_of(row: Mapping[str, Any], own: Sequence[Column]) -> File:
    """A file, as its row has it."""
    facts = {name: row[name] for name in FACTS}
    return File(
        path=row["path"], facts=FileFacts(**facts), labels=tuple(row["labels"] or ()), split=row["split"] or "",
        added_by=row["added_by"] or "", added_ms=to_ms(row["added_at"]),
        attributes={column.name: cell(row[column.name]) for column in own},
    )  # fmt: skip


def one(desk: Desk, entry: catalogue.Entry, path: str) -> File:
    """A file of a version.

    Raises:
        NotFound: the version has no such file.
    """
    with desk.queries().session() as session:
        rows = session.reader(filesets.one(desk.uris(entry), entry.columns, path)).read_all().to_pylist()
    if not rows:
        name = entry.name.removeprefix(PREFIX)
        raise NotFound(
            f"file set {name}@{entry.version} has no file {shown(path)}; list them: yard lake list-files {name}"
        )
    return file_of(rows[0], own_columns(entry.columns))


def known_contents(desk: Desk, table: str, digests: Collection[str]) -> dict[str, FileFacts]:
    """What is known of those contents that some version of a set has."""
    stored = every_listing(desk, table)
    if not digests or not stored:
        return {}
    found: dict[str, FileFacts] = {}
    with desk.queries().session() as session:
        session.offer(filesets.GIVEN, pa.table([pa.array(list(digests), pa.string())], DIGESTS))
        for row in session.rows(filesets.facts_in(stored, FACTS)):
            facts = msgspec.convert(dict(zip(FACTS, row, strict=True)), FileFacts)
            found[facts.digest] = facts
    return found


def every_listing(desk: Desk, table: str) -> list[str]:
    """The data files of every version of a table, those included that nobody sees yet."""
    tables = desk.tables()
    if table not in tables.locations():
        return []
    return [tables.uri(table, path) for path in tables.listing(table) if path.endswith(".parquet")]


def beside(desk: Desk, entry: catalogue.Entry | None, paths: Sequence[str]) -> dict[str, Row]:
    """The rows that a version has at some paths."""
    if entry is None or not paths:
        return {}
    with desk.queries().session() as session:
        session.offer(filesets.GIVEN, pa.table([pa.array(paths, pa.string())], PATHS))
        rows = session.reader(filesets.beside(desk.uris(entry), entry.columns)).read_all().to_pylist()
    return {row["path"]: row for row in rows}


def fresh_row(
    given: FileEntry, facts: FileFacts, old: Row | None, *, own: Sequence[Column], by: tuple[str, int]
) -> Row:
    """The row of a file that is added, replaced or edited; what is not given stays."""
    author, now_ms = by
    row: Row = {"path": given.path, **{name: getattr(facts, name) for name in FACTS}}
    row["media_type"] = named(facts.media_type, given.path)
    row["labels"] = _labels(given.labels) if given.labels is not None else old["labels"] if old is not None else []
    row["split"] = given.split if given.split is not None else old["split"] if old is not None else ""
    if old is not None and old["digest"] == facts.digest:
        row["added_by"], row["added_at"] = old["added_by"], old["added_at"]
    else:
        row["added_by"], row["added_at"] = author, datetime.fromtimestamp(now_ms / 1000, UTC)
    told = given.attributes or {}
    known = {column.name for column in own}
    if unknown := sorted(told.keys() - known):
        raise InvalidInput(
            f"file {shown(given.path)} tells {unknown[0]!r}, which is no column of the set; it has "
            f"{', '.join(sorted(known)) or 'none of its own'}. Columns are declared when a set is made: "
            "yard lake create-fileset"
        )
    for column in own:
        kept = None if old is None else old[column.name]
        row[column.name] = _value(told[column.name], column, given.path) if column.name in told else kept
    return row


def _labels(given: Sequence[str]) -> list[str]:
    return sorted(dict.fromkeys(given))


def _value(value: Cell, column: Column, path: str) -> Any:
    """A value of one of the set's own columns, as its type has it."""
    if value is None:
        return None
    try:
        if column.type == "bool" and not isinstance(value, bool):
            raise ValueError
        if column.type == "string" and not isinstance(value, str):
            return str(value)
        written = pa.array([value if isinstance(value, str) or column.type == "bool" else str(value)])
        return written.cast(arrow_type(column.type))[0].as_py()
    except (ValueError, pa.ArrowException) as err:
        raise InvalidInput(
            f"file {shown(path)}: {column.name} is {column.type}, and {str(value)[:60]!r} is not; nothing was added"
        ) from err


def as_table(rows: Sequence[Row], columns: Sequence[Column]) -> pa.Table:
    """Rows in order of path."""
    ordered = sorted(rows, key=lambda row: str(row["path"]))
    return pa.table({c.name: pa.array([row[c.name] for row in ordered], arrow_type(c.type)) for c in columns})
