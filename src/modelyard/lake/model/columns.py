"""Columns: their types in our words, Arrow's and the query engine's; unique names; what a declaration must obey."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column, Declared

if TYPE_CHECKING:
    import pyarrow as pa

LOAD_COLUMN = "_load"
ROW_COLUMN = "_row"
RESERVED = frozenset({LOAD_COLUMN, ROW_COLUMN})
MOST_COLUMNS = 4096

_SQL = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "float32": "FLOAT", "float64": "DOUBLE", "string": "VARCHAR", "binary": "BLOB", "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}  # fmt: skip
_LIST = re.compile(r"list<(\w+)>")
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")

INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
NUMBERS = INTEGERS | {"float32", "float64"}


def sql_type(name: str) -> str:
    """The query engine's word for a column type."""
    if found := _LIST.fullmatch(name):
        return _SQL[found[1]] + "[]"
    if found := _DECIMAL.fullmatch(name):
        return f"DECIMAL({found[1]}, {found[2]})"
    return _SQL[name]


def decimal_parts(name: str) -> tuple[int, int] | None:
    """Digits and digits after the point of a decimal type; None for other types."""
    found = _DECIMAL.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def arrow_type(name: str) -> pa.DataType:
    """Arrow's word for a column type."""
    import pyarrow as pa

    if found := _LIST.fullmatch(name):
        return pa.list_(arrow_type(found[1]))
    if (digits := decimal_parts(name)) is not None:
        return pa.decimal128(*digits)
    if name == "timestamp":
        return pa.timestamp("us", tz="UTC")
    if name == "date":
        return pa.date32()
    if name == "bool":
        return pa.bool_()
    return getattr(pa, name)()


def type_name(given: pa.DataType) -> str:
    """Our word for an Arrow type; the nearest that holds all of its values.

    Raises:
        InvalidInput: the lake has no such type.
    """
    import pyarrow as pa

    t = pa.types
    if t.is_dictionary(given):
        return type_name(given.value_type)
    if t.is_list(given) or t.is_large_list(given) or t.is_fixed_size_list(given):
        element = {"int8": "int32", "int16": "int32"}.get(type_name(given.value_type), type_name(given.value_type))
        if f"list<{element}>" in _LISTS:
            return f"list<{element}>"
    if t.is_decimal(given) and given.precision <= 38:
        return f"decimal({given.precision}, {given.scale})"
    if t.is_unsigned_integer(given):
        return {8: "int16", 16: "int32", 32: "int64", 64: "decimal(20, 0)"}[given.bit_width]
    if t.is_timestamp(given):
        return "timestamp"
    for name, matches in _KINDS:
        if getattr(t, matches)(given):
            return name
    raise InvalidInput(f"the lake has no type for Arrow's {given}; cast the column first, e.g. to string")


_LISTS = frozenset(f"list<{name}>" for name in ("bool", "int32", "int64", "float32", "float64", "string"))
_KINDS = (
    ("bool", "is_boolean"), ("int8", "is_int8"), ("int16", "is_int16"), ("int32", "is_int32"), ("int64", "is_int64"),
    ("float32", "is_float32"), ("float32", "is_float16"), ("float64", "is_float64"), ("string", "is_string"),
    ("string", "is_large_string"), ("string", "is_string_view"), ("binary", "is_binary"),
    ("binary", "is_large_binary"), ("date", "is_date"), ("string", "is_null"),
)  # fmt: skip


def arrow_schema(columns: Sequence[Column], *, provenance: bool = True) -> pa.Schema:
    """The stored form of a table's columns: nullable throughout, the provenance columns last."""
    import pyarrow as pa

    fields = [pa.field(c.name, arrow_type(c.type)) for c in columns]
    if provenance:
        fields += [pa.field(LOAD_COLUMN, pa.string()), pa.field(ROW_COLUMN, pa.int64())]
    return pa.schema(fields)


def schema_hash(columns: Sequence[Column]) -> str:
    """16 hex digits, equal for equal columns in equal order."""
    return hashlib.sha256(msgspec.json.encode(columns)).hexdigest()[:16]


def unique_names(given: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names fit for a table's columns, and a note for each that had to change."""
    taken: set[str] = set()
    names, notes = [], []
    for place, raw in enumerate(given, start=1):
        plain = raw.strip()[:180] or f"column_{place}"
        name, suffix = plain, 2
        while name.lower() in taken or name in RESERVED:
            name, suffix = f"{plain}_{suffix}", suffix + 1
        taken.add(name.lower())
        names.append(name)
        if name != raw:
            notes.append(f"column {place}, {raw[:60]!r}, is called {name!r}")
    return tuple(names), tuple(notes)


def check_declared(declared: Declared) -> None:
    """Refuse a declaration that contradicts itself.

    Raises:
        InvalidInput: a column comes twice, is reserved, or a key is no column.
    """
    seen: set[str] = set()
    for column in declared.columns:
        if column.name.lower() in seen:
            raise InvalidInput(f"column {column.name!r} is declared twice; letter case does not tell columns apart")
        if column.name in RESERVED:
            raise InvalidInput(f"{column.name!r} is the lake's own column; call it something else")
        if (digits := decimal_parts(column.type)) is not None and not (0 < digits[0] <= 38 and digits[1] <= digits[0]):
            raise InvalidInput(
                f"{column.name}: {column.type} has more than 38 digits, or more after the point than all"
            )
        seen.add(column.name.lower())
    if declared.columns:
        check_keys(declared.keys, declared.columns)
    if len(declared.columns) > MOST_COLUMNS:
        raise InvalidInput(f"a table has at most {MOST_COLUMNS:,} columns, not {len(declared.columns):,}")


def check_keys(keys: Sequence[str], columns: Sequence[Column]) -> None:
    """Refuse keys that are no columns.

    Raises:
        InvalidInput: a key is no column.
    """
    names = {c.name for c in columns}
    if missing := [key for key in keys if key not in names]:
        raise InvalidInput(f"key {missing[0]!r} is no column; there are {', '.join(sorted(names))[:300]}")
