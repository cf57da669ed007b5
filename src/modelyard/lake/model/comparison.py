"""Two profiles side by side: what changed in each column, and which of it is worth a word."""

from __future__ import annotations

from modelyard.kernel.clock import from_ms
from modelyard.lake.api import Cell, ColumnComparison, ColumnFate, ColumnProfile, ProfileComparison, TableProfile

_WORTH_SHARE = 0.01
_WORTH_SHIFT = 0.1
_WORTH_GROWTH = 0.2
_MOST_VALUES = 10
_MOMENTS = {"date": "%Y-%m-%d", "timestamp": "%Y-%m-%d %H:%M"}
_ORDER = (ColumnFate.REMOVED, ColumnFate.ADDED, ColumnFate.RETYPED, ColumnFate.CHANGED, ColumnFate.SAME)


def compared(base: TableProfile, target: TableProfile) -> ProfileComparison:
    """The columns of both, those that changed first."""
    before = {column.name: column for column in base.columns}
    after = {column.name: column for column in target.columns}
    each = [_column(before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])]
    each.sort(key=lambda column: _ORDER.index(column.fate))
    told = [column for column in each if column.fate is not ColumnFate.SAME]
    rows = (
        f"{base.rows:,} rows became {target.rows:,}" if base.rows != target.rows else f"{base.rows:,} rows, as before"
    )
    said = f"{rows}; {len(told)} of {len(each)} columns changed: {', '.join(column.name for column in told[:8])}"
    return ProfileComparison(
        table=base.table, base=base.ref, target=target.ref, rows_before=base.rows, rows_after=target.rows,
        columns=tuple(each), sentence=said + ("…" if len(told) > 8 else "") if told else f"{rows}; no column changed",
    )  # fmt: skip


def _column(before: ColumnProfile | None, after: ColumnProfile | None) -> ColumnComparison:
    if before is None or after is None:
        only = before or after
        fate = ColumnFate.ADDED if before is None else ColumnFate.REMOVED
        name = "" if only is None else only.name
        return _made(name, fate, before, after, sentence=f"{name} is {'new' if before is None else 'gone'}")
    if before.type != after.type:
        said = f"{after.name} was {before.type} and is {after.type}"
        return _made(after.name, ColumnFate.RETYPED, before, after, sentence=said)
    nulls = _share(after) - _share(before)
    new, gone = _values(before, after)
    shift = _shift(before, after)
    said = _sentence(before, after, nulls=nulls, shift=shift, new=new, gone=gone)
    return _made(
        after.name, ColumnFate.CHANGED if said else ColumnFate.SAME, before, after, sentence=said, null_change=nulls,
        shift=shift, values=(new, gone),
    )  # fmt: skip


def _made(
    name: str, fate: ColumnFate, before: ColumnProfile | None, after: ColumnProfile | None, *, sentence: str,
    null_change: float = 0.0, shift: float | None = None, values: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
) -> ColumnComparison:  # fmt: skip
    return ColumnComparison(
        name=name, fate=fate, before=before, after=after, null_change=null_change, shift=shift, new_values=values[0],
        gone_values=values[1], sentence=sentence,
    )  # fmt: skip


def _share(column: ColumnProfile) -> float:
    return column.nulls / column.rows if column.rows else 0.0


def _values(before: ColumnProfile, after: ColumnProfile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Values that came and went; nobody knows where not all of them are listed."""
    if not (_is_listed(before) and _is_listed(after)):
        return (), ()
    old, new = ({str(top.value) for top in column.top} for column in (before, after))
    return tuple(sorted(new - old))[:_MOST_VALUES], tuple(sorted(old - new))[:_MOST_VALUES]


def _is_listed(column: ColumnProfile) -> bool:
    return bool(column.top) and sum(top.count for top in column.top) == column.rows - column.nulls


def _shift(before: ColumnProfile, after: ColumnProfile) -> float | None:
    old, new = before.quantiles, after.quantiles
    if not old or not new or old["0.75"] == old["0.25"]:
        return None
    return (new["0.5"] - old["0.5"]) / (old["0.75"] - old["0.25"])


def _sentence(
    before: ColumnProfile, after: ColumnProfile, *, nulls: float, shift: float | None, new: tuple[str, ...],
    gone: tuple[str, ...],
) -> str:  # fmt: skip
    parts = []
    if abs(nulls) >= _WORTH_SHARE or (after.nulls > 0) != (before.nulls > 0):
        parts.append(f"missing values went from {_share(before):.1%} to {_share(after):.1%}")
    if shift is not None and abs(shift) >= _WORTH_SHIFT:
        parts.append(f"the median went from {_median(before)} to {_median(after)}")
    elif _widened(before, after):
        parts.append(f"the range went from {before.low} to {before.high} to {after.low} to {after.high}")
    if new:
        parts.append(f"new values: {', '.join(new)}")
    if gone:
        parts.append(f"values gone: {', '.join(gone)}")
    if not parts and before.distinct and abs(after.distinct / before.distinct - 1) >= _WORTH_GROWTH:
        parts.append(f"different values went from {before.distinct:,} to {after.distinct:,}")
    return f"{after.name}: {'; '.join(parts)}" if parts else ""


def _median(column: ColumnProfile) -> str:
    """The middle value in words; those of moments are kept as seconds."""
    value = column.quantiles["0.5"]
    if column.type not in _MOMENTS:
        return f"{value:,.6g}"
    return f"{from_ms(round(value * 1000)):{_MOMENTS[column.type]}}"


def _widened(before: ColumnProfile, after: ColumnProfile) -> bool:
    """True if a number lies beyond all that were there by more than a tenth of their range."""
    lows, highs = (before.low, after.low), (before.high, after.high)
    if not all(_is_number(each) for each in (*lows, *highs)):
        return False
    margin = (float(before.high or 0) - float(before.low or 0)) * _WORTH_SHIFT
    return (
        float(after.low or 0) < float(before.low or 0) - margin
        or float(after.high or 0) > float(before.high or 0) + margin
    )


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
