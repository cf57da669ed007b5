"""Schemas of pandera as contracts: of pandas or Polars, a `DataFrameSchema` or a `DataFrameModel`.

    from modelyard.sdk.pandera import contract_of
    found = contract_of(TripsSchema)
    yard.quality.declare("trips", found.contract)
    print(found.left_out)

The schema is looked at, never run: pandera itself is imported by whoever wrote the schema, not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.quality.api import ColumnRule, Contract, Severity, Translated, UniqueRule

_TYPES = {
    "bool": "bool", "boolean": "bool", "string": "string", "str": "string", "utf8": "string", "date": "date",
    "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64", "uint8": "int16", "uint16": "int32",
    "uint32": "int64", "float32": "float32", "float64": "float64", "float": "float64", "int": "int64",
    "binary": "binary",
}  # fmt: skip
_BACKWARDS = re.compile(r"\(\?(?:[=!]|<[=!]|P=)|\\[1-9]")
Drop = Callable[[str], None]


@runtime_checkable
class Schema(Protocol):
    """What is asked of a schema."""

    columns: Mapping[str, Any]
    checks: Sequence[Any]
    unique: Any


def contract_of(schema: object) -> Translated:
    """The contract that a pandera schema means; rows that break it go to the quarantine, warnings are noted.

    Raises:
        InvalidInput: it is no schema of pandera.
    """
    made = schema.to_schema() if isinstance(schema, type) and hasattr(schema, "to_schema") else schema
    if not isinstance(made, Schema):
        raise InvalidInput(f"{type(schema).__name__} is no schema of pandera: give a DataFrameSchema or DataFrameModel")
    left: list[str] = []
    columns: dict[str, ColumnRule] = {}
    unique: list[UniqueRule] = []
    for name, column in made.columns.items():

        def drop(what: str, name: str = str(name)) -> None:
            left.append(f"{name}: {what}")

        if getattr(column, "regex", False):
            drop("it stands for all columns of a pattern; name them one by one")
        elif not getattr(column, "required", True):
            drop("it may be left out of a table; columns of a contract are always there")
        else:
            columns[str(name)] = _rule(column, drop)
            if getattr(column, "unique", False):
                unique.append(UniqueRule(columns=(str(name),)))
    together = [made.unique] if isinstance(made.unique, str) else list(made.unique or ())
    if together:
        unique.append(UniqueRule(columns=tuple(map(str, together))))
    left += [f"check {_named(check)} of the whole frame: its code cannot be asked in SQL" for check in made.checks]
    left += _of_frame(made)
    contract = Contract(columns=columns, unique=tuple(dict.fromkeys(unique)))
    return Translated(contract=msgspec.convert(msgspec.to_builtins(contract), Contract), left_out=tuple(left))


def _of_frame(schema: Schema) -> list[str]:
    """What a schema says of the frame beside its columns."""
    found = []
    if getattr(schema, "index", None) is not None:
        found.append("index: a table has none; make it a column")
    for word, why in (
        ("strict", "a table may have further columns"), ("ordered", "columns go by name"),
        ("coerce", "types are converted when rows are loaded"),
    ):  # fmt: skip
        if getattr(schema, word, False):
            found.append(f"{word}: {why}")
    return found


def _rule(column: Any, drop: Drop) -> ColumnRule:
    fields: dict[str, Any] = {"type": _type(column.dtype, drop), "nullable": bool(column.nullable)}
    severities = {bool(getattr(check, "raise_warning", False)) for check in column.checks}
    if severities == {True}:
        fields["severity"] = Severity.WARN
    elif len(severities) == 2:
        drop("some of its checks are warnings; a column has one severity, so they quarantine")
    for check in column.checks:
        given = _fields(str(check.name), dict(check.statistics or {}))
        if given is None:
            drop(f"check {_named(check)}: its code cannot be asked in SQL")
        elif taken := fields.keys() & given.keys():
            drop(f"check {_named(check)}: a rule has one {min(taken)}")
        elif _BACKWARDS.search(str(given.get("pattern") or "")):
            drop(f"check {_named(check)}: RE2 knows no look-around and no references backwards")
        else:
            fields |= given
    return ColumnRule(**fields)


def _fields(name: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields of a column's rule that a built-in check means; None for any other."""
    low, high, text = given.get("min_value"), given.get("max_value"), str(given.get("string", ""))
    anything, value = "(?s:.*)", _plain(given.get("value"))
    if name == "in_range":
        least = "min" if given.get("include_min", True) else "above"
        most = "max" if given.get("include_max", True) else "below"
        return {least: _plain(low), most: _plain(high)}
    if name == "str_length":
        exact = given.get("exact_value")
        span = (
            {"min_length": exact, "max_length": exact} if exact is not None else {"min_length": low, "max_length": high}
        )
        return {key: value for key, value in span.items() if value is not None}
    found: dict[str, dict[str, Any]] = {
        "greater_than": {"above": _plain(low)}, "greater_than_or_equal_to": {"min": _plain(low)},
        "less_than": {"below": _plain(high)}, "less_than_or_equal_to": {"max": _plain(high)},
        "equal_to": {"one_of": (value,)}, "not_equal_to": {"none_of": (value,)},
        "isin": {"one_of": tuple(map(_plain, given.get("allowed_values") or ()))},
        "notin": {"none_of": tuple(map(_plain, given.get("forbidden_values") or ()))},
        "str_matches": {"pattern": f"(?:{_pattern(given)}){anything}"},
        "str_contains": {"pattern": f"{anything}(?:{_pattern(given)}){anything}"},
        "str_startswith": {"pattern": f"{re.escape(text)}{anything}"},
        "str_endswith": {"pattern": f"{anything}{re.escape(text)}"},
    }  # fmt: skip
    return found.get(name)


def _pattern(given: Mapping[str, Any]) -> str:
    pattern = given.get("pattern", "")
    return str(getattr(pattern, "pattern", pattern))


def _plain(value: Any) -> Any:
    """A value as a contract writes it: times as ISO 8601 text, numbers of NumPy as numbers."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _type(dtype: object, drop: Drop) -> str | None:
    text = str(dtype).lower()
    if dtype is None:
        return None
    if text.startswith("datetime"):
        return "timestamp"
    if digits := re.fullmatch(r"decimal\((?:precision=)?(\d+), ?(?:scale=)?(\d+)\)", text):
        return f"decimal({digits[1]}, {digits[2]})"
    if inner := re.fullmatch(r"list\((\w+)\)", text):
        kind = _TYPES.get(inner[1])
        return f"list<{kind}>" if kind in ("bool", "int32", "int64", "float32", "float64", "string") else None
    if (known := _TYPES.get(text.partition("[")[0])) is None:
        drop(f"type {dtype}: the lake has no one type for it")
    return known


def _named(check: Any) -> str:
    return str(check.error or check.name or "without a name")[:120]
