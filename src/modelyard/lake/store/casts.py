"""SQL that turns the fields of a source into a table's types, value by value, and says which cannot be.

A value is taken only if nothing of it is lost: `12.7` is no integer, a date has no time of day, a decimal keeps all of
its digits. Text that is empty and not quoted came in as null already.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.lake.api import SHAPE, Column
from modelyard.lake.model.columns import INTEGERS, LOAD_COLUMN, ROW_COLUMN, decimal_parts, sql_type

BAD = "_bad"
CANDIDATES = (("int64", "float64"), ("bool", "date", "timestamp"))
"""What a text may turn out to be, in the order in which it is asked."""
_TOLERATED = 0.05


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def scan(paths: Sequence[str]) -> str:
    """The rows of Parquet files; where a shape stands first, a column that a file lacks is null there."""
    uneven = bool(paths) and paths[0].endswith(SHAPE)
    return "read_parquet([" + ", ".join(map(literal, paths)) + ("], union_by_name = true)" if uneven else "])")


def cast(field: str, kind: str) -> str:
    """An expression: the text `field` as a value of `kind`, null where it is none."""
    target = sql_type(kind)
    if kind == "string":
        return field
    if kind == "binary":
        return f"encode({field})"
    if kind in INTEGERS:
        whole = f"TRY_CAST({field} AS DOUBLE) = TRY_CAST({field} AS BIGINT)"
        return f"CASE WHEN {whole} THEN TRY_CAST({field} AS {target}) END"
    if kind == "date":
        day = f"TRY_CAST({field} AS DATE)"
        return f"CASE WHEN isfinite({day}) AND TRY_CAST({field} AS TIMESTAMP) = {day} THEN {day} END"
    if kind == "timestamp":
        number = f"TRY_CAST({field} AS DOUBLE)"
        moment = (
            f"coalesce(TRY_CAST({field} AS TIMESTAMPTZ), CASE WHEN abs({number}) < 1e11 THEN to_timestamp({number}) "
            f"WHEN abs({number}) < 1e14 THEN to_timestamp({number} / 1000) END)"
        )
        return f"CASE WHEN isfinite({moment}) THEN {moment} END"
    if (digits := decimal_parts(kind)) is not None:
        wide = f"TRY_CAST({field} AS DECIMAL(38, {min(38, max(digits[1], 18))}))"
        return f"CASE WHEN TRY_CAST({field} AS {target}) = {wide} THEN TRY_CAST({field} AS {target}) END"
    return f"TRY_CAST({field} AS {target})"


def field_of(name: str, given: str | None) -> str:
    """The text of a source's field; `given` is the type it comes in, None for text."""
    return quoted(name) if given in (None, "string") else f"CAST({quoted(name)} AS VARCHAR)"


def _value(column: Column, given: str | None, *, present: bool) -> str:
    if not present:
        return f"CAST(NULL AS {sql_type(column.type)})"
    if given == column.type:
        return quoted(column.name)
    return cast(field_of(column.name, given), column.type)


def conversion(columns: Sequence[Column], given: dict[str, str | None], load: str) -> str:
    """A query over the stream `source`: typed columns, provenance, and `_bad` where the row cannot be taken.

    Args:
        given: the source's columns and the type each comes in, None for text.
    """
    values, wrong = [], []
    for column in columns:
        value = _value(column, given.get(column.name), present=column.name in given)
        values.append(f"{value} AS {quoted(column.name)}")
        if failure := _failure(column, value, given):
            wrong.append(failure)
    return (
        f"SELECT {', '.join(values)}, {literal(load)} AS {LOAD_COLUMN}, {ROW_COLUMN}, "
        f"{' OR '.join(wrong) or 'FALSE'} AS {BAD} FROM source"
    )


def _failure(column: Column, value: str, given: dict[str, str | None]) -> str:
    """A condition that holds where a row's value of `column` cannot be taken; empty if it always can."""
    name = column.name
    if not column.nullable:
        return f"({value}) IS NULL"
    if name in given and given[name] != column.type and not (column.type == "string" and given[name] is None):
        return f"({quoted(name)} IS NOT NULL AND ({value}) IS NULL)"
    return ""


def failures(columns: Sequence[Column], given: dict[str, str | None]) -> tuple[str, list[Column]]:
    """A query over `source` with a true or false for each column that may fail, `_row` first; and those columns."""
    named = []
    flags = []
    for column in columns:
        value = _value(column, given.get(column.name), present=column.name in given)
        if failure := _failure(column, value, given):
            flags.append(f"{failure} AS {quoted(column.name)}")
            named.append(column)
    return f"SELECT {', '.join([ROW_COLUMN, *flags])} FROM source", named


def inference(kinds: Sequence[str]) -> str:
    """One aggregate over the table `source` (place, value, n): of each column how many values, how many of each kind.

    A value stands there once, `n` says how often it came. Zeros in front (`007`) make a value no number.
    """
    parts = ["sum(n)", "sum(n) FILTER (regexp_matches(value, '^[+-]?0[0-9]'))"]
    for kind in kinds:
        short = "CASE WHEN length(value) <= 10 THEN value END" if kind == "date" else "value"
        parts.append(f"sum(n) FILTER (({cast(short, kind)}) IS NOT NULL)")
    return f"SELECT place, {', '.join(parts)} FROM source GROUP BY place"


def inferred(kinds: Sequence[str], counts: Sequence[int]) -> str | None:
    """The kind of a column from its counts of `inference`: the first that all but 5 % of the values have."""
    total, padded, *fitting = counts
    if padded > total * _TOLERATED:
        return "string"
    fits = {kind: n >= total * (1 - _TOLERATED) for kind, n in zip(kinds, fitting, strict=True)}
    if fits.get("int64") and fitting[0] != fitting[1]:  # fractions among them
        return "float64"
    return next((kind for kind in kinds if fits[kind]), None)
