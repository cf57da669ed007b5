"""Aggregates over many ranges of one array at once, without prefix sums.

A prefix sum loses small windows beside large totals by cancellation and lets one infinity spoil every window after it.
Here each level of a binary tree holds the fold of pairs of the level below, and a range is put together from at most
two nodes a level, so that a sum adds only what lies in its range: an error of O(log n) roundings, O(log n) passes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelyard.features.api import Aggregate

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_FOLDS: dict[Aggregate, tuple[np.ufunc, float]] = {
    Aggregate.SUM: (np.add, 0.0),
    Aggregate.MEAN: (np.add, 0.0),
    Aggregate.MIN: (np.minimum, np.inf),
    Aggregate.MAX: (np.maximum, -np.inf),
}


def over_ranges(aggregate: Aggregate, values: Floats, first: Places, end: Places) -> tuple[Floats, NDArray[np.bool_]]:
    """The aggregate of `values[first[i]:end[i]]` for each i, and where it is unknown.

    Args:
        values: (n,) float64, NaN where unknown.
        first, end: (m,) with 0 <= first <= end <= n.
    """
    unknown = np.isnan(values)
    before = np.concatenate(([0], np.cumsum(~unknown, dtype=np.int64)))
    counts = before[end] - before[first]
    if aggregate is Aggregate.COUNT:
        return counts.astype(np.float64), np.zeros(len(counts), dtype=bool)
    op, neutral = _FOLDS[aggregate]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        folded = _fold(op, np.where(unknown, neutral, values), neutral, first, end)
        if aggregate is Aggregate.MEAN:
            folded /= counts
    nothing = counts == 0
    return folded, np.isnan(folded) if aggregate is Aggregate.SUM else nothing | np.isnan(folded)


def _fold(op: np.ufunc, level: Floats, neutral: float, first: Places, end: Places) -> Floats:
    out = np.full(len(first), neutral)
    at = np.flatnonzero(first < end)
    low, high = first[at], end[at]
    while len(at):
        odd = np.flatnonzero(low & 1)
        out[at[odd]] = op(out[at[odd]], level[low[odd]])
        low[odd] += 1
        odd = np.flatnonzero(high & 1)
        high[odd] -= 1
        out[at[odd]] = op(out[at[odd]], level[high[odd]])
        low >>= 1
        high >>= 1
        left = np.flatnonzero(low < high)
        if len(left) < len(at):
            at, low, high = at[left], low[left], high[left]
        if len(level) & 1:
            level = np.append(level, neutral)
        level = op(level[0::2], level[1::2])
    return out
