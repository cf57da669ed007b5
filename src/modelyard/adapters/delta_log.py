"""Entries of a Delta log: files that come and go, and what a table is: columns, comments, partitions, constraints.

The Delta library changes columns only by replacing every file, and takes some seven milliseconds for an entry of one
file. These entries are written by us in the protocol's form (github.com/delta-io/delta, PROTOCOL.md, "Actions"), so
that files may stay. A table with constraints asks its writers to hold them (writer version 3).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
from deltalake import Schema
from msgspec import Struct

from modelyard.kernel.errors import Internal
from modelyard.ports.tables import DataFile

PROPERTIES = {"delta.enableExpiredLogCleanup": "false", "delta.checkpointInterval": "100000"}
_CONSTRAINT = "delta.constraints."
_HOLDS_CONSTRAINTS = 3
_MOST_READER, _MOST_WRITER = 1, 3


class Layout(Struct, frozen=True):
    """What a table is, beside its rows: columns as the log's JSON, partition columns, conditions by name."""

    columns: Any
    partitions: list[str]
    constraints: dict[str, str]


def wanted(schema: pa.Schema) -> Layout:
    """What a table of this schema is to be."""
    told = schema.metadata or {}
    return Layout(
        json.loads(Schema.from_arrow(schema).to_json())["fields"],
        json.loads(told.get(b"partitions", b"[]")),
        json.loads(told.get(b"constraints", b"{}")),
    )


def held(table: Any) -> Layout:
    """What an opened table is."""
    about = table.metadata()
    named = {k.removeprefix(_CONSTRAINT): v for k, v in about.configuration.items() if k.startswith(_CONSTRAINT)}
    return Layout(json.loads(table.schema().to_json())["fields"], list(about.partition_columns), named)


def entry(
    table: Any, layout: Layout | None, *, added: Iterable[DataFile], removed: Iterable[DataFile],
    info: Mapping[str, str], at_ms: int,
) -> bytes:  # fmt: skip
    """The log's next entry: some files come, some go; the table becomes `layout`, or stays as it is."""
    about, protocol = table.metadata(), table.protocol()
    if protocol.min_reader_version > _MOST_READER or protocol.min_writer_version > _MOST_WRITER:
        raise Internal(f"a foreign writer gave the table features of writer version {protocol.min_writer_version}")
    operation = "WRITE" if layout is None else "SET TBLPROPERTIES"
    actions: list[dict[str, object]] = [
        {"commitInfo": {"timestamp": at_ms, "operation": operation, "operationParameters": {}, **info}}
    ]
    if layout is not None:
        actions += _becomes(about, protocol, layout)
    actions += [
        {"remove": {"path": file.path, "deletionTimestamp": at_ms, "dataChange": True, "partitionValues": file.part,
                    "extendedFileMetadata": True, "size": file.size_bytes}}
        for file in removed
    ]  # fmt: skip
    actions += [
        {"add": {"path": file.path, "partitionValues": file.part, "size": file.size_bytes, "modificationTime": at_ms,
                 "dataChange": True, "stats": file.stats}}
        for file in added
    ]  # fmt: skip
    return "".join(json.dumps(action) + "\n" for action in actions).encode()


def _becomes(about: Any, protocol: Any, layout: Layout) -> Iterator[dict[str, object]]:
    """The actions by which a table becomes what it is to be."""
    kept = {k: v for k, v in about.configuration.items() if not k.startswith(_CONSTRAINT)}
    if layout.constraints and protocol.min_writer_version < _HOLDS_CONSTRAINTS:
        yield {"protocol": {"minReaderVersion": 1, "minWriterVersion": _HOLDS_CONSTRAINTS}}
    yield {
        "metaData": {
            "id": str(about.id),
            "name": about.name,
            "description": about.description,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps({"type": "struct", "fields": layout.columns}),
            "partitionColumns": layout.partitions,
            "createdTime": about.created_time,
            "configuration": kept | {_CONSTRAINT + name: text for name, text in layout.constraints.items()},
        }
    }


def part(row: Mapping[str, Any]) -> dict[str, str | None]:
    """The partition values of a live file, as the log has them."""
    given = row.get("partition") or row.get("partition_values") or {}
    return {name: _text(value) for name, value in given.items()}


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
