"""What a statistic does when nothing has changed: a null learnt from the reference's own windows.

Two sources. Draws of so many rows from the reference's shares give what chance alone does. Windows that follow each
other in the reference, each against the rest, give what time does on top (weekdays, batches, slow waves); they are
believed where they exceed chance by more than chance. Both are summed up by two moments and read through a gamma
distribution, because a resample of hundreds has no tail that a test over many columns could use.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from msgspec import Struct

from modelyard.monitoring.model.samples import Counts, Floats

Statistic = Callable[[Floats], Floats]
"""Squared-scale distance of each window's shares `(windows, bins)` from the reference's."""

DRAWS = 256
_LEAST_SHAPE = 0.3


class Null(Struct, frozen=True, array_like=True):
    """The null distribution of a squared statistic `T`.

    Attributes:
        unit_mean, shape: of chance alone: `T / (1/n + 1/m)` has this mean and a gamma's shape, whatever `n`.
        time_mean, time_shape: of successive windows of `time_rows` rows, in units of `T`; 0 where time adds nothing.
        windows: how many independent windows the reference gave.
    """

    unit_mean: float
    shape: float
    time_mean: float = 0.0
    time_shape: float = 1.0
    time_rows: int = 0
    windows: int = 0

    def moments(self, rows: int, reference_rows: int) -> tuple[float, float]:
        """Mean and gamma shape of `T` for a window of `rows` rows."""
        chance = self.unit_mean * (1 / max(rows, 1) + 1 / max(reference_rows, 1))
        if self.time_mean <= chance:
            return chance, self.shape
        smaller = max(1.0, self.time_rows / max(rows, 1))
        return max(self.time_mean, chance) * smaller, min(self.shape, self.time_shape)

    def p_value(self, observed: float, rows: int, reference_rows: int) -> float:
        """Chance of at least `observed` when nothing has changed."""
        mean, shape = self.moments(rows, reference_rows)
        return gamma_tail(observed, mean=mean, shape=shape)

    def quantile(self, share: float, rows: int, reference_rows: int) -> float:
        """The value that `T` stays below in `share` of the windows when nothing has changed."""
        mean, shape = self.moments(rows, reference_rows)
        return gamma_quantile(share, mean=mean, shape=shape)


def learn(statistic: Statistic, counts: Counts, *, rows: int, blocks: Counts | None, seed: int) -> Null:
    """The null of `statistic` for windows of about `rows` rows.

    Args:
        counts: the reference's rows in each bin, `(bins,)`.
        blocks: the same by successive blocks of the reference, `(blocks, bins)`; None leaves time out.
    """
    total = int(counts.sum())
    rng = np.random.default_rng(seed)
    smoothed = (counts + 0.5) / (total + 0.5 * len(counts))
    drawn = rng.multinomial(max(rows, 1), smoothed, size=DRAWS) / max(rows, 1)
    chance = statistic(drawn)
    mean, shape = _fit(chance)
    null = Null(unit_mean=mean * max(rows, 1), shape=shape)
    return null if blocks is None else _with_time(null, statistic, blocks, rows=rows)


def _with_time(null: Null, statistic: Statistic, blocks: Counts, *, rows: int) -> Null:
    count, total = len(blocks), int(blocks.sum())
    width = max(1, min(round(rows * count / max(total, 1)), count // 5))
    if count < 5 or total == 0:
        return null
    running = np.concatenate((np.zeros((1, blocks.shape[1]), dtype=np.int64), np.cumsum(blocks, axis=0)))
    windows = running[width:] - running[:-width]
    sizes = windows.sum(axis=1, keepdims=True)
    inside = windows / np.maximum(sizes, 1)
    # a window holds part of the reference: against the rest alone it would be T / (1 - share)^2
    share = float(sizes.mean()) / total
    seen = statistic(inside) / (1 - share) ** 2
    size, independent = int(sizes.mean()), count // width
    mean, shape = _fit(seen)
    chance = null.unit_mean * (1 / max(size, 1) + 1 / max(total - size, 1))
    if mean <= chance * (1 + 2 / math.sqrt(max(null.shape * independent, 1e-9))):
        return Null(null.unit_mean, null.shape, windows=independent)
    return Null(null.unit_mean, null.shape, mean, shape, size, independent)


def _fit(values: Floats) -> tuple[float, float]:
    """Mean and gamma shape by moments."""
    mean, variance = float(values.mean()), float(values.var())
    shape = mean**2 / variance if variance > 0 else 1e3
    return max(mean, 1e-18), min(max(shape, _LEAST_SHAPE), 1e3)


def gamma_tail(value: float, *, mean: float, shape: float) -> float:
    """Upper tail of a gamma distribution, by the cube-root transformation (Wilson and Hilferty 1931)."""
    if value <= 0:
        return 1.0
    spread = 1 / (9 * shape)
    z = (math.cbrt(value / mean) - (1 - spread)) / math.sqrt(spread)
    return max(0.5 * math.erfc(z / math.sqrt(2)), 1e-300)


def gamma_quantile(share: float, *, mean: float, shape: float) -> float:
    """The inverse of `gamma_tail`: the value with `share` of the distribution below it."""
    from statistics import NormalDist

    spread = 1 / (9 * shape)
    root = 1 - spread + NormalDist().inv_cdf(share) * math.sqrt(spread)
    return float(mean * max(root, 0.0) ** 3)
