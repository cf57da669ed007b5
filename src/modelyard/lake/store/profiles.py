"""SQL that measures what columns hold: one aggregate over all columns, one of histograms, one of frequent values."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.lake.api import Column
from modelyard.lake.model.columns import NUMBERS, decimal_parts
from modelyard.lake.store.casts import quoted
from modelyard.lake.store.scans import source

BUCKETS = 24
TOP = 12
QUANTILES = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")
_MOSTLY_DIFFERENT = 10_000
_COUNTED_ROWS = 200_000


def measures_as_number(column: Column) -> str | None:
    """An expression of the column as a float64; None where it has no order of magnitude."""
    name = quoted(column.name)
    if column.type in NUMBERS or decimal_parts(column.type) is not None:
        return f"CAST({name} AS DOUBLE)"
    return f"epoch({name})" if column.type in ("timestamp", "date") else None


def _finite(number: str) -> str:
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def measures(paths: Sequence[str], columns: Sequence[Column], rows: int) -> str:
    """Twelve values a column: values, distinct, smallest and largest as text, mean, deviation, smallest and largest,
    quantiles as text, shortest, longest and mean length.
    """
    shares = ", ".join(QUANTILES)
    parts = []
    for column in columns:
        name = quoted(column.name)
        listed = column.type.startswith("list") or column.type == "binary"
        number = measures_as_number(column)
        quantile = "quantile_cont" if rows <= _COUNTED_ROWS else "approx_quantile"
        spread = _finite(number) if number else "CAST(NULL AS DOUBLE)"
        low, high = ("NULL", "NULL") if listed else (f"min({name})", f"max({name})")
        parts += [
            f"count({name})",
            f"count(DISTINCT {name})" if rows <= _COUNTED_ROWS else f"approx_count_distinct({name})",
            f"CAST({low} AS VARCHAR)",
            f"CAST({high} AS VARCHAR)",
            f"avg({spread})",
            f"stddev_samp({spread})",
            f"min({spread})",
            f"max({spread})",
            f"array_to_string({quantile}({spread}, [{shares}]), ',')" if number else "NULL",
            *(f"{kind}(length({name}))" if column.type == "string" else "NULL" for kind in ("min", "max", "avg")),
        ]
    return f"SELECT {', '.join(['count(*)', *parts])} FROM {source(paths, columns)}"


def histograms(paths: Sequence[str], columns: Sequence[tuple[Column, float, float]]) -> str:
    """A row for each bar that is not empty: place of the column, place of the bar, count."""
    each = []
    for place, (column, low, high) in enumerate(columns):
        number = _finite(str(measures_as_number(column)))
        bar = f"least({BUCKETS - 1}, CAST(floor(({number} - {low!r}) / {(high - low)!r} * {BUCKETS}) AS INTEGER))"
        each.append(
            f"SELECT {place} AS place, {bar} AS bar, count(*) AS n FROM {source(paths, [column])} "
            f"WHERE {number} IS NOT NULL GROUP BY ALL"
        )
    return " UNION ALL ".join(each)


def frequent(paths: Sequence[str], columns: Sequence[Column]) -> str:
    """A row for each frequent value: place of the column, the value as text, count."""
    each = [
        f"(SELECT {place} AS place, CAST({quoted(column.name)} AS VARCHAR) AS value, count(*) AS n "
        f"FROM {source(paths, [column])} WHERE {quoted(column.name)} IS NOT NULL "
        f"GROUP BY ALL ORDER BY n DESC, value LIMIT {TOP})"
        for place, column in enumerate(columns)
    ]
    return " UNION ALL ".join(each)


def worth_counting(column: Column, rows: int, distinct: int) -> bool:
    """True where frequent values say something: not where nearly every value is another one."""
    if column.type.startswith("list") or column.type == "binary":
        return False
    return distinct <= _MOSTLY_DIFFERENT and distinct * 2 <= max(rows, 40)
