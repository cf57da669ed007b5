"""A property of the standard as a rule on a column: type, presence, options, uniqueness, references."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from modelyard.quality.api import ColumnRule, ReferenceRule, SqlRule

_LOGICAL = {"string": "string", "date": "date", "timestamp": "timestamp", "integer": "int64", "boolean": "bool"}
_PHYSICAL = (
    (r"(?:decimal|numeric)\((\d+), ?(\d+)\)", "decimal({0}, {1})"),
    (r"double.*|float8|float64", "float64"), (r"real|float4|float32", "float32"), (r"float|number", "float64"),
    (r"bigint|int8|int64|long", "int64"), (r"int|integer|int4|int32", "int32"), (r"smallint|int2|int16", "int16"),
    (r"tinyint", "int8"), (r"bool.*", "bool"), (r"date", "date"), (r"timestamp.*|datetime.*", "timestamp"),
    (r".*char.*|text|string|clob", "string"), (r"bytes|bytea|binary.*|varbinary.*|blob", "binary"),
)  # fmt: skip
_FAMILIES = ({"int8", "int16", "int32", "int64"}, {"float32", "float64"})
_OPTIONS = {
    "minimum": "min", "maximum": "max", "minLength": "min_length", "maxLength": "max_length", "minItems": "min_length",
    "maxItems": "max_length", "pattern": "pattern",
}  # fmt: skip
#: What a property says that is not about its values.
SILENT = frozenset(
    {
        "id", "name", "physicalName", "businessName", "description", "tags", "customProperties", "partitioned",
        "authoritativeDefinitions", "partitionKeyPosition", "criticalDataElement", "encryptedName", "examples",
        "transformSourceObjects", "transformLogic", "transformDescription", "deprecated", "dimension", "measure",
    }
)  # fmt: skip
KNOWN = frozenset(
    {
        "logicalType", "physicalType", "required", "unique", "primaryKey", "primaryKeyPosition", "logicalTypeOptions",
        "quality", "relationships", "items", "enum",
    }
)  # fmt: skip
Drop = Callable[[str], None]


def type_of(given: Mapping[str, Any], known: str | None, drop: Drop) -> str | None:
    """The lake's word for a property's type; None where the document leaves it open.

    Args:
        known: the type that the table has; an integer of the standard has no width, so the table's stands.
    """
    logical, physical = str(given.get("logicalType") or ""), str(given.get("physicalType") or "").strip().lower()
    found = _LOGICAL.get(logical) or (_physical(physical) if logical in ("", "number") else None)
    if logical == "array" and isinstance(items := given.get("items"), Mapping):
        inner = type_of(items, None, drop)
        found = f"list<{inner}>" if inner else None
    if found is None:
        if logical or physical:
            drop(f"type {logical or physical}: the lake has no one type for it")
        return None
    family = next((each for each in _FAMILIES if found in each), {found})
    return known if known in family else found


def _physical(text: str) -> str | None:
    for pattern, kind in _PHYSICAL:
        if match := re.fullmatch(pattern, text):
            return kind.format(*match.groups())
    return None


def rule_of(given: Mapping[str, Any], known: str | None, drop: Drop) -> tuple[ColumnRule, list[SqlRule]]:
    """What a property promises of its column by itself."""
    options = given.get("logicalTypeOptions") or {}
    fields: dict[str, Any] = {"type": type_of(given, known, drop)}
    fields["nullable"] = not (given.get("required") is True or given.get("primaryKey") is True)
    more: list[SqlRule] = []
    for name, value in options.items() if isinstance(options, Mapping) else ():
        if name in _OPTIONS:
            fields[_OPTIONS[name]] = unanchored(value) if name == "pattern" else value
        elif name in ("exclusiveMinimum", "exclusiveMaximum"):
            _exclusive(fields, name, value)
        elif name == "multipleOf" and isinstance(value, int | float):
            column = str(given["name"])
            quoted = '"' + column.replace('"', '""') + '"'
            more.append(SqlRule(name=f"{column}: a multiple of {value}", sql=f"{quoted} % {value!r} = 0"))
        else:
            drop(f"logicalTypeOptions.{name}: no such rule here")
    if isinstance(listed := given.get("enum"), list):
        fields["one_of"] = tuple(each.get("value") if isinstance(each, Mapping) else each for each in listed)
    return ColumnRule(**fields), more


def _exclusive(fields: dict[str, Any], name: str, value: object) -> None:
    """Bounds that are not allowed themselves: a number, or a word that turns the other bound."""
    closed, open_ = ("min", "above") if name == "exclusiveMinimum" else ("max", "below")
    if value is True and closed in fields:
        fields[open_] = fields.pop(closed)
    elif not isinstance(value, bool):
        fields[open_] = value


def unanchored(pattern: object) -> str:
    """A pattern that is looked for anywhere, as one that the whole text matches."""
    text = str(pattern)
    start, end = text.startswith("^"), text.endswith("$") and not text.endswith("\\$")
    bare = text[1 if start else 0 : -1 if end else None]
    return bare if start and end else f"{'' if start else '(?s:.*)'}(?:{bare}){'' if end else '(?s:.*)'}"


def references_of(columns: list[str], given: object, drop: Drop) -> list[ReferenceRule]:
    """The references that `relationships` mean.

    Args:
        columns: the property that they stand at; empty where each names its own.
    """
    found = []
    for each in given if isinstance(given, list) else ():
        if not isinstance(each, Mapping) or each.get("type", "foreignKey") != "foreignKey":
            drop(f"relationship {str(each)[:80]}: only foreign keys are checked")
            continue
        to = each.get("to")
        theirs = [str(one).rpartition(".") for one in (to if isinstance(to, list) else [to])]
        own = columns or [str(one).rpartition(".")[2] for one in _listed(each.get("from"))]
        tables = {table for table, _, _ in theirs}
        if len(tables) != 1 or "" in tables or len(own) != len(theirs) or any("/" in str(one) for one in _listed(to)):
            drop(f"relationship to {str(to)[:80]}: it is not written as table.column")
            continue
        their = tuple(column for _, _, column in theirs)
        found.append(ReferenceRule(columns=tuple(own), table=tables.pop(), their=their))
    return found


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]
