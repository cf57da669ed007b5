"""Distances between two binned distributions; several windows at once, one a row of `shares`.

Shares are `(windows, bins)` or `(bins,)` and sum to 1 over the bins; the reference is `(bins,)`. Pure arithmetic.
"""

from __future__ import annotations

import numpy as np

from modelyard.monitoring.model.samples import Floats


def kolmogorov_smirnov(shares: Floats, reference: Floats) -> Floats:
    """Largest gap between the cumulative distributions at the bins' edges (Smirnov 1948), 0 to 1."""
    gap = np.abs(np.cumsum(shares - reference, axis=-1))
    return np.asarray(gap.max(axis=-1), dtype=np.float64)


def wasserstein(shares: Floats, reference: Floats, widths: Floats, scale: float) -> Floats:
    """Area between the cumulative distributions, in standard deviations of the reference (Vaserstein 1969).

    Args:
        widths: distance from each edge to the next, `(bins - 2,)`; what lies beyond the outer edges counts nothing.
        scale: the reference's standard deviation; 0 gives 0.
    """
    if scale <= 0 or len(widths) == 0:
        return np.zeros(shares.shape[:-1])
    gap = np.abs(np.cumsum(shares - reference, axis=-1))[..., : len(widths)]
    return np.asarray((gap * widths).sum(axis=-1) / scale, dtype=np.float64)


def jensen_shannon(shares: Floats, reference: Floats) -> Floats:
    """Jensen-Shannon divergence in bits (Lin 1991, eq. 4.1), 0 to 1; its square root is a metric."""
    middle = (shares + reference) / 2

    def entropy(share: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(share > 0, share * np.log2(share / middle), 0.0)
        return np.asarray(terms.sum(axis=-1), dtype=np.float64)

    return np.clip((entropy(shares) + entropy(np.broadcast_to(reference, shares.shape))) / 2, 0.0, 1.0)


def population_stability(shares: Floats, reference: Floats, *, rows: int, reference_rows: int) -> Floats:
    """Population stability index: the symmetrised Kullback-Leibler divergence in nats (Yurdakul 2018, eq. 2.1).

    Half a row is added to every bin on either side, so that an empty bin costs much but not infinitely.
    """
    bins = shares.shape[-1]
    new = (shares * rows + 0.5) / (rows + 0.5 * bins)
    old = (reference * reference_rows + 0.5) / (reference_rows + 0.5 * bins)
    return np.asarray(((new - old) * np.log(new / old)).sum(axis=-1), dtype=np.float64)


def coarse(shares: Floats, reference: Floats, bins: int) -> tuple[Floats, Floats]:
    """Both distributions with neighbouring bins joined into at most `bins` of about equal reference share."""
    if shares.shape[-1] <= bins:
        return shares, reference
    before = np.concatenate(([0.0], np.cumsum(reference)[:-1]))
    group = np.minimum((before * bins + 1e-9).astype(np.int64), bins - 1)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.add.reduceat(shares, starts, axis=-1), np.add.reduceat(reference, starts)
