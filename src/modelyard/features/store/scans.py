"""SQL that reads a source for features: keys, moments, expressions; and the one that takes an expression apart.

Expressions come from users: they were checked (`model/expressions.py`) and run in a confined session that sees the
source's files and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.features.api import EpochUnit, FeatureType, Key, KeyType
from modelyard.features.model.columns import TIMES
from modelyard.lake.api import SHAPE

_FACTOR = {EpochUnit.SECONDS: 1_000_000, EpochUnit.MILLISECONDS: 1_000, EpochUnit.MICROSECONDS: 1}
_FARTHEST = 4_000_000_000_000_000_000
_TYPES = {
    FeatureType.BOOL: "BOOLEAN", FeatureType.INT64: "BIGINT", FeatureType.FLOAT64: "DOUBLE",
    FeatureType.STRING: "VARCHAR",
}  # fmt: skip
_LAKE_TYPES = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "float32": "FLOAT", "float64": "DOUBLE", "string": "VARCHAR", "binary": "BLOB", "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}  # fmt: skip
EVENT, CREATED = "_event", "_created"
LOAD, ROW = "_load", "_row"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def parse(expression: str) -> str:
    """The expression's tree as JSON."""
    return "SELECT json_serialize_sql(" + literal(f"SELECT {expression}\n") + ")"


def types_of(columns: Mapping[str, str], expressions: Sequence[str]) -> str:
    """No row, with a column for each expression, from which its type is read."""
    wanted = ", ".join(f"(\n{text}\n) AS {value_name(place)}" for place, text in enumerate(expressions))
    return f"SELECT {wanted} FROM {empty(columns)}"


def empty(columns: Mapping[str, str]) -> str:
    """A source without rows."""
    typed = ", ".join(f"CAST(NULL AS {_lake_type(kind)}) AS {quoted(name)}" for name, kind in columns.items())
    return f"(SELECT {typed}, CAST(NULL AS VARCHAR) AS {LOAD}, CAST(NULL AS BIGINT) AS {ROW} WHERE FALSE)"


def files(paths: Sequence[str], columns: Mapping[str, str]) -> str:
    """The rows of a version; also where it has no file at all."""
    if not paths:
        return empty(columns)
    uneven = paths[0].endswith(SHAPE)
    return "read_parquet([" + ", ".join(map(literal, paths)) + ("], union_by_name = true)" if uneven else "])")


def recast(name: str, columns: Mapping[str, str]) -> str:
    """Rows that were offered under a name, with the types that the source's columns have."""
    typed = ", ".join(
        f"CAST({quoted(column)} AS {_lake_type(kind)}) AS {quoted(column)}" for column, kind in columns.items()
    )
    return f"(SELECT {typed} FROM {quoted(name)})"


def value_name(place: int) -> str:
    """What the value of the expression at a place is called in an answer."""
    return f"v{place}"


def key_name(place: int) -> str:
    """What the key at a place is called in an answer."""
    return f"k{place}"


def moment(column: str, kind: str, unit: EpochUnit) -> str:
    """A column as microseconds since the epoch; null where it holds no moment."""
    name = quoted(column)
    if kind in TIMES:
        return f"CASE WHEN isfinite({name}) THEN epoch_us(CAST({name} AS TIMESTAMPTZ)) END"
    factor = _FACTOR[unit]
    far = _FARTHEST // factor
    if kind.startswith("int"):
        return f"CASE WHEN {name} BETWEEN -{far} AND {far} THEN CAST({name} AS BIGINT) * {factor} END"
    return f"CASE WHEN {name} BETWEEN -{far} AND {far} THEN CAST(round({name} * {factor}) AS BIGINT) END"


def key(spec: Key, column: str) -> str:
    """A column as a key of an entity."""
    return f"CAST({quoted(column)} AS {'BIGINT' if spec.type is KeyType.INT64 else 'VARCHAR'})"


def valued(expression: str, kind: FeatureType | None) -> str:
    """An expression's value as a feature's type; as it is where None."""
    return f"(\n{expression}\n)" if kind is None else f"CAST((\n{expression}\n) AS {_TYPES[kind]})"


def select(
    source: str, fields: Mapping[str, str], *, where: str = "", ordered: bool = False, rest: str = ""
) -> str:  # fmt: skip
    """Some fields of a source, in the order in which rows arrived if that is wanted."""
    chosen = ", ".join(f"{text} AS {quoted(name)}" for name, text in fields.items())
    condition = f" WHERE (\n{where}\n)" if where else ""
    order = f" ORDER BY {LOAD}, {ROW}" if ordered else ""
    return f"SELECT {chosen}{rest} FROM {source}{condition}{order}"


def _lake_type(kind: str) -> str:
    if kind.startswith("list<"):
        return _LAKE_TYPES[kind[5:-1]] + "[]"
    return _LAKE_TYPES.get(kind, kind.upper())
