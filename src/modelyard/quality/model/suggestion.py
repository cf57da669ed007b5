"""A contract suggested from a profile: what holds now, with a margin, and would surprise if it did not.

Bounds lie a quarter of the range beyond what was seen, texts may be half as long again, sets are listed where few
values make up the whole column, a key is a column that repeats nothing, freshness goes by how often versions came.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from modelyard.lake.api import ColumnProfile, TableProfile, Version
from modelyard.quality.api import (
    ColumnRule,
    Contract,
    FreshnessRule,
    RowsRule,
    Severity,
    UniqueRule,
    VolumeRule,
)

_ENOUGH_ROWS = 50
_ENOUGH_VERSIONS = 3
_MARGIN = 0.25
_LONGER = 1.5
_KEYS = ("id", "key", "uuid")
_WHOLE = ("int8", "int16", "int32", "int64")


def suggest(profile: TableProfile, history: Sequence[Version]) -> Contract:
    """A contract that the version holds, with room for the next ones.

    Args:
        history: versions of the table, newest first, the profiled one among them.
    """
    keys = sorted((c for c in profile.columns if _repeats_nothing(c)), key=_unlike_a_key)
    return Contract(
        columns={column.name: _rule(column) for column in profile.columns},
        unique=(UniqueRule(columns=(keys[0].name,)),) if keys else (),
        rows=RowsRule(min=1) if profile.rows else None,
        volume=_volume(history),
        freshness=_freshness(profile, history),
        description=f"suggested from {profile.ref}",
    )


def _rule(column: ColumnProfile) -> ColumnRule:
    told = column.rows - column.nulls >= _ENOUGH_ROWS
    low, high = _bounds(column) if told else (None, None)
    words: tuple[str, ...] = ()
    listed = sum(each.count for each in column.top) == column.rows - column.nulls
    if told and column.type == "string" and listed and len(column.top) * 10 <= column.rows:
        words = tuple(sorted(str(each.value) for each in column.top))
    longest = column.longest if told and not words else None
    return ColumnRule(
        type=column.type, nullable=column.nulls > 0 or not told, min=low, max=high, one_of=words,
        max_length=None if not longest else math.ceil(longest * _LONGER), severity=Severity.QUARANTINE,
    )  # fmt: skip


def _bounds(column: ColumnProfile) -> tuple[int | float | None, int | float | None]:
    """Bounds of a number with a margin; one that was never negative stays so, a key has no upper one: it grows."""
    low, high = column.low, column.high
    if not isinstance(low, int | float) or not isinstance(high, int | float) or isinstance(low, bool):
        return None, None
    margin = (high - low) * _MARGIN
    least: float = 0 if low >= 0 else low - margin
    most: float | None = None if _repeats_nothing(column) or not margin else high + margin
    if column.type in _WHOLE:
        return math.floor(least), None if most is None else math.ceil(most)
    return _short(least, math.floor), None if most is None else _short(most, math.ceil)


def _short(value: float, outward: Callable[[float], int]) -> float:
    """A bound of three digits, rounded away from the values."""
    if not value or not math.isfinite(value):
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    whole = outward(value / step)
    return float(f"{whole * step:.12g}")


def _repeats_nothing(column: ColumnProfile) -> bool:
    """True for a column that could be a key; times and fractions repeat nothing by chance."""
    is_discrete = column.type in _WHOLE or column.type == "string"
    return is_discrete and column.rows >= _ENOUGH_ROWS and column.nulls == 0 and column.distinct == column.rows


def _unlike_a_key(column: ColumnProfile) -> tuple[bool, bool]:
    name = column.name.lower()
    named = name in _KEYS or name.endswith(tuple("_" + key for key in _KEYS))
    return not named, column.type == "string"


def _volume(history: Sequence[Version]) -> VolumeRule | None:
    """Where the table never lost a row, that it loses none; and that it grows as it did."""
    if len(history) < _ENOUGH_VERSIONS:
        return None
    changes = [new.rows / old.rows - 1 for new, old in pairwise(history) if old.rows]
    if not changes:
        return None
    grow = max(0.1, round(max(changes) * 2, 1))
    return VolumeRule(shrink=0.0 if min(changes) >= 0 else min(1.0, round(-min(changes) * 2, 2)), grow=grow)


def _freshness(profile: TableProfile, history: Sequence[Version]) -> tuple[FreshnessRule, ...]:
    """An age for the time column whose newest value is near the moment of its version, from how often versions came."""
    here = next((version for version in history if version.version == profile.version), None)
    if here is None or profile.rows < _ENOUGH_ROWS:
        return ()
    gaps = [(new.at_ms - old.at_ms) / 1000 for new, old in pairwise(history)]
    found = []
    for column in profile.columns:
        if column.type not in ("timestamp", "date") or column.high is None:
            continue
        age = here.at_ms / 1000 - _seconds(str(column.high))
        cadence = statistics.median(gaps) if len(gaps) >= _ENOUGH_VERSIONS - 1 else _cadence(column)
        if cadence and -86_400 <= age <= 10 * max(cadence, 3600):
            found.append((age, column.name, 3 * cadence + max(age, 0)))
    if not found:
        return ()
    _, name, allowed = min(found)
    hours = math.ceil(allowed / 3600)
    return (FreshnessRule(column=name, max_age=f"{hours}h" if hours < 72 else f"{math.ceil(hours / 24)}d"),)


def _cadence(column: ColumnProfile) -> float:
    """The usual distance of neighbouring values, in seconds."""
    span = _seconds(str(column.high)) - _seconds(str(column.low))
    return span / (column.distinct - 1) if column.distinct > 1 else 0.0


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
