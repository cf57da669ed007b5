"""Rows of an Arrow stream as pages show them: the first of many, the rest never computed where the maker can stop."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from modelyard.kernel.contents import Pieces
from modelyard.lake.api import Cell as Value
from modelyard.ui import profiles
from modelyard.ui.kit.tables import Column, Kind, Table


class Answer(Struct, frozen=True):
    """Some rows of a stream; `columns` are names with whether they stand right, `cut` says that more follow."""

    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Value, ...], ...]
    cut: bool
    metadata: dict[str, str]


def read(stream: Iterator[bytes], *, most: int, first: int = 0) -> Answer:
    """Rows `first` up to `first + most` of an Arrow IPC stream; the stream is closed."""
    import pyarrow as pa

    rows, passed = list[tuple[Value, ...]](), 0
    try:
        with pa.ipc.open_stream(Pieces(stream)) as reader:
            schema = reader.schema
            for batch in reader:
                begin, passed = min(batch.num_rows, max(0, first - passed)), passed + batch.num_rows
                part = batch.slice(begin, most + 1 - len(rows))
                lists = [[_value(v) for v in column.to_pylist()] for column in part.columns]
                rows += list(zip(*lists, strict=True)) if lists else []
                if len(rows) > most:
                    break
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
    columns = tuple(
        (name, pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
        for name, kind in zip(schema.names, schema.types, strict=True)
    )
    told = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    return Answer(columns, tuple(rows[:most]), len(rows) > most, told)


def shown(answer: Answer, name: str, label: str, *, first: int = 0, following: str = "") -> Table:
    """An answer as a table of a page."""
    columns = tuple(
        Column(f"c{i}", head, Kind.NUMBER if right else Kind.TEXT) for i, (head, right) in enumerate(answer.columns)
    )
    return Table(name, label, columns, profiles.rows(answer.rows, first), next=following, total=None)


def _value(value: object) -> Value:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return "; ".join(str(part) for part in value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
