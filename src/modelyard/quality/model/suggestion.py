"""A contract suggested from a profile: what holds now and would surprise if it did not. It promises little."""

from __future__ import annotations

from modelyard.lake.api import ColumnProfile, TableProfile
from modelyard.quality.api import ColumnRule, Contract, RowsRule, Severity, UniqueRule

_ENOUGH_ROWS = 50


def suggest(profile: TableProfile) -> Contract:
    """Types, presence, signs of numbers, small sets of words, and a key if a column looks like one."""
    keys = [c.name for c in profile.columns if _looks_like_key(c)]
    return Contract(
        columns={column.name: _rule(column) for column in profile.columns},
        unique=(UniqueRule(columns=(keys[0],)),) if keys else (),
        rows=RowsRule(min=1),
        description=f"suggested from {profile.ref}",
    )


def _rule(column: ColumnProfile) -> ColumnRule:
    told = column.rows - column.nulls >= _ENOUGH_ROWS
    low = None
    if told and column.histogram and isinstance(column.low, int | float) and column.low >= 0:
        low = 0
    words: tuple[str, ...] = ()
    listed = sum(each.count for each in column.top) == column.rows - column.nulls
    if told and column.type == "string" and listed and len(column.top) * 10 <= column.rows:
        words = tuple(sorted(str(each.value) for each in column.top))
    return ColumnRule(
        type=column.type, nullable=column.nulls > 0 or not told, min=low, one_of=words,
        severity=Severity.QUARANTINE,
    )  # fmt: skip


def _looks_like_key(column: ColumnProfile) -> bool:
    name = column.name.lower()
    named = name in ("id", "key", "uuid") or name.endswith(("_id", "_key", "_uuid"))
    return named and column.rows >= _ENOUGH_ROWS and column.nulls == 0 and column.distinct == column.rows
