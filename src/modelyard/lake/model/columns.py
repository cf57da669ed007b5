"""Columns: their types in our words, Arrow's and the query engine's; unique names; what a declaration must obey."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column, Declared, RowCheck
from modelyard.lake.model.pseudonyms import check_pseudonyms

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
_LATER = frozenset({"partitioned", "sparse", "checks", "pseudonym"})
_LIST = re.compile(r"list<(\w+)>")
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")

INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
NUMBERS = INTEGERS | {"float32", "float64"}
PARTING = INTEGERS | {"string", "date", "bool"}


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
    """The stored form of a table's columns: nullable throughout, the provenance columns last.

    The metadata holds what a table's log says beside the columns: comments, partition columns, conditions by name.
    """
    import pyarrow as pa

    fields = [
        pa.field(c.name, arrow_type(c.type), metadata={"comment": c.comment} if c.comment else None) for c in columns
    ]
    if provenance:
        fields += [pa.field(LOAD_COLUMN, pa.string()), pa.field(ROW_COLUMN, pa.int64())]
    told = {}
    if parted := partitions(columns):
        told["partitions"] = json.dumps(parted)
    if named := {check.name: check.condition for check in checks(columns)}:
        told["constraints"] = json.dumps(named)
    return pa.schema(fields, metadata=told or None)


def partitions(columns: Sequence[Column]) -> list[str]:
    """The columns by whose values a table's files are kept apart."""
    return [c.name for c in columns if c.partitioned]


def checks(columns: Sequence[Column]) -> list[RowCheck]:
    """The conditions that a table's rows hold."""
    return [check for column in columns for check in column.checks]


def is_uneven(columns: Sequence[Column]) -> bool:
    """True if some files may lack a column."""
    return any(c.sparse for c in columns)


def evened(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of a table whose files were all written anew."""
    return tuple(msgspec.structs.replace(c, sparse=False) if c.sparse else c for c in columns)


def alike(declared: Sequence[Column], held: Sequence[Column]) -> bool:
    """True if a declaration says nothing else than what a table has; it need not repeat checks and partitions."""
    told = [
        [(c.name, c.type, c.nullable, c.comment, c.classification, c.pseudonym) for c in each]
        for each in (declared, held)
    ]
    return told[0] == told[1]


def schema_hash(columns: Sequence[Column]) -> str:
    """16 hex digits, equal for equal columns in equal order."""
    told = []
    for column in columns:
        built = msgspec.to_builtins(column)
        told.append({k: v for k, v in built.items() if k not in _LATER or v})  # so that older hashes stay
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


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
        if column.name != column.name.strip():
            raise InvalidInput(f"{column.name!r} begins or ends with a space; no source could name it")
        if column.name in RESERVED:
            raise InvalidInput(f"{column.name!r} is the lake's own column; call it something else")
        if (digits := decimal_parts(column.type)) is not None and not (0 < digits[0] <= 38 and digits[1] <= digits[0]):
            raise InvalidInput(
                f"{column.name}: {column.type} has more than 38 digits, or more after the point than all"
            )
        seen.add(column.name.lower())
    check_pseudonyms(declared.columns)
    if declared.columns:
        check_keys(declared.keys, declared.columns)
        check_partitions([*declared.partitions, *partitions(declared.columns)], declared.columns)
    named = [check.name for check in (*declared.checks, *checks(declared.columns))]
    if twice := [name for name in named if named.count(name) > 1]:
        raise InvalidInput(f"check {twice[0]!r} is declared twice")
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


def check_partitions(names: Sequence[str], columns: Sequence[Column]) -> None:
    """Refuse columns that cannot keep rows apart.

    Raises:
        InvalidInput: a name is no column, or a column's type or class does not allow it.
    """
    known = {c.name: c for c in columns}
    for name in names:
        if name not in known:
            raise InvalidInput(f"partition {name!r} is no column; there are {', '.join(sorted(known))[:300]}")
        if known[name].classification is not None:
            raise InvalidInput(f"column {name} is classified; partition values stand open in the table's log")
        if known[name].type not in PARTING:
            raise InvalidInput(f"a column of {known[name].type} cannot part rows; take {', '.join(sorted(PARTING))}")
    if names and len(set(names)) == len(known):
        raise InvalidInput("a table has columns beside its partitions")


def laid_out(columns: Sequence[Column], declared: Declared) -> tuple[Column, ...]:
    """The columns with the partitions and checks that a declaration gives them, as new files have them."""
    parted = set(declared.partitions)
    found = [
        msgspec.structs.replace(c, partitioned=c.partitioned or c.name in parted, sparse=False) for c in columns
    ]  # fmt: skip
    for check in declared.checks:
        place = naming(check.condition, [c.name for c in found])
        found[place] = msgspec.structs.replace(found[place], checks=(*found[place].checks, check))
    return tuple(found)


def naming(condition: str, names: Sequence[str]) -> int:
    """The place of the first column that a condition names; 0 where it names none that can be told."""
    low = condition.lower()
    met = [(found.start(), n) for n, name in enumerate(names) if (found := _word(name.lower()).search(low))]
    return min(met)[1] if met else 0


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
