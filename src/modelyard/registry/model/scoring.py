"""How good answers are, and how sure one may be of it: metrics over rows, and the same over resampled rows.

Everything is written over weights: a bootstrap resample is a row of counts (Efron & Tibshirani 1993, ch. 6), so a
metric over a thousand resamples is a few matrix products, and two models are resampled by the same counts (paired).
Intervals are percentiles. Shapes: weights (resamples, rows); every function answers (resamples,) float64, NaN where
the rows do not allow the metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from modelyard.registry.api import Metric, Parity

Floats = NDArray[np.float64]
Members = dict[str, NDArray[np.intp]]
"""Groups by name, each as the places of its rows."""
_EPSILON = 1e-15
_BINS = 10
_RESAMPLES = 1000
_FEWEST = 200
_BUDGET = 200_000_000
_CHUNK_CELLS = 500_000
_CHUNK_RESAMPLES = 20
_MOST_CHUNK_CELLS = 2_000_000
MIN_GROUP_ROWS = 30


class Answers:
    """One model's answers on rows, ready to be measured under any weights.

    Args:
        labels: the truth, (rows,).
        scores: the answers, (rows,).
        threshold: score from which the answer counts as yes.
        latencies: how long each answer took, ms, (rows,).
    """

    def __init__(
        self, labels: Floats, scores: Floats, threshold: float = 0.5, latencies: Floats | None = None
    ) -> None:  # fmt: skip
        self.labels = labels
        self.scores = scores
        self.threshold = threshold
        self.latencies = latencies

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, keep: NDArray[np.bool_]) -> Answers:
        """The answers on some of the rows."""
        latencies = None if self.latencies is None else self.latencies[keep]
        return Answers(self.labels[keep], self.scores[keep], self.threshold, latencies)

    @cached_property
    def log_losses(self) -> Floats:
        """-log of the probability given to the truth, clipped at 1e-15."""
        p = np.clip(self.scores, _EPSILON, 1 - _EPSILON)
        return np.asarray(-(self.labels * np.log(p) + (1 - self.labels) * np.log1p(-p)), dtype=np.float64)

    @cached_property
    def hits(self) -> Floats:
        """1 where the answer at the threshold is the truth."""
        return np.asarray((self.scores >= self.threshold) == (self.labels > 0.5), dtype=np.float64)

    @cached_property
    def squares(self) -> Floats:
        """Squared error; for probabilities the Brier score of a row (Brier 1950)."""
        return np.asarray(np.square(self.scores - self.labels), dtype=np.float64)

    @cached_property
    def order(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows by score, and where each run of equal scores begins."""
        rows = np.argsort(self.scores, kind="stable")
        ranked = self.scores[rows]
        return rows, np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])


def _mean(weights: Floats, values: Floats) -> Floats:
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weights @ values / total, dtype=np.float64)


def _auc(answers: Answers, weights: Floats) -> Floats:
    """Share of (yes, no) pairs in which yes scores higher, ties counting half (Hanley & McNeil 1982)."""
    rows, starts = answers.order
    yes = answers.labels[rows]
    ranked = weights[:, rows]
    ups = np.add.reduceat(ranked * yes, starts, axis=1)
    downs = np.add.reduceat(ranked * (1 - yes), starts, axis=1)
    below = np.cumsum(downs, axis=1) - downs
    pairs = ups.sum(axis=1) * downs.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((ups * (below + downs / 2)).sum(axis=1) / pairs, dtype=np.float64)


def _calibration(answers: Answers, weights: Floats) -> Floats:
    """Expected calibration error over ten bins of equal width (Guo et al. 2017, eq. 3)."""
    bins = np.minimum((answers.scores * _BINS).astype(np.intp), _BINS - 1)
    gap = np.zeros(len(weights))
    for number in range(_BINS):
        inside = bins == number
        gap += np.abs(weights[:, inside] @ (answers.labels[inside] - answers.scores[inside]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(gap / weights.sum(axis=1), dtype=np.float64)


def _r2(answers: Answers, weights: Floats) -> Floats:
    """Share of the variance that is explained."""
    mean = _mean(weights, answers.labels)
    spread = _mean(weights, np.square(answers.labels)) - np.square(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, 1 - _mean(weights, answers.squares) / spread, np.nan)


def _latency(share: float) -> Callable[[Answers, Floats], Floats]:
    """The least time within which that share of answers came (inverse of the empirical distribution)."""

    def measured(answers: Answers, weights: Floats) -> Floats:
        if answers.latencies is None:
            return np.full(len(weights), np.nan)
        order = np.argsort(answers.latencies, kind="stable")
        grown = np.cumsum(weights[:, order], axis=1)
        places = (grown >= share * grown[:, -1:]).argmax(axis=1)
        return np.asarray(answers.latencies[order][places], dtype=np.float64)

    return measured


_METRICS: dict[Metric, Callable[[Answers, Floats], Floats]] = {
    Metric.LOG_LOSS: lambda a, w: _mean(w, a.log_losses),
    Metric.AUC: _auc,
    Metric.ACCURACY: lambda a, w: _mean(w, a.hits),
    Metric.BRIER: lambda a, w: _mean(w, a.squares),
    Metric.CALIBRATION_ERROR: _calibration,
    Metric.MAE: lambda a, w: _mean(w, np.abs(a.scores - a.labels)),
    Metric.RMSE: lambda a, w: np.sqrt(_mean(w, a.squares)),
    Metric.R2: _r2,
    Metric.LATENCY_P50: _latency(0.5),
    Metric.LATENCY_P99: _latency(0.99),
}


def measure(metric: Metric, answers: Answers, weights: Floats | None = None) -> Floats:
    """A metric under each row of weights; without weights, one figure over all rows as they are."""
    chosen = np.ones((1, len(answers))) if weights is None else weights
    return _METRICS[metric](answers, chosen)


def value_of(metric: Metric, answers: Answers) -> float | None:
    """A metric over all rows; None where they do not allow it."""
    return finite(measure(metric, answers)[0]) if len(answers) else None


def finite(value: float) -> float | None:
    """`value` as a float that JSON can carry, or None."""
    return float(value) if np.isfinite(value) else None


def resamples(rows: int, seed: int) -> Iterator[Floats]:
    """Chunks of weights, a thousand resamples in all (fewer where rows are very many), the same for a seed."""
    rng = np.random.default_rng(seed)
    left = int(max(_FEWEST, min(_RESAMPLES, _BUDGET // max(rows, 1))))
    cells = min(max(_CHUNK_CELLS, _CHUNK_RESAMPLES * rows), _MOST_CHUNK_CELLS)
    size = max(1, min(left, cells // max(rows, 1)))
    while left > 0:
        chunk = np.empty((min(size, left), rows))
        for row in chunk:
            row[:] = np.bincount(rng.integers(0, rows, rows), minlength=rows)
        yield chunk
        left -= len(chunk)


def interval(samples: Floats, confidence: float = 0.95) -> tuple[float | None, float | None]:
    """The middle `confidence` of the samples, two-sided; (None, None) where too few are finite."""
    kept = samples[np.isfinite(samples)]
    if len(kept) < len(samples) / 2 or not len(kept):
        return None, None
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(kept, [tail, 100 - tail])
    return float(low), float(high)


def chance(value: float, samples: Floats) -> float | None:
    """Two-sided p-value of a difference, its standard error from the bootstrap (Efron & Tibshirani 1993, sec. 12.5)."""
    kept = samples[np.isfinite(samples)]
    if len(kept) < len(samples) / 2 or len(kept) < 2 or not np.isfinite(value):
        return None
    error = float(kept.std(ddof=1))
    if error == 0.0:
        return 1.0 if value == 0.0 else 0.0
    return erfc(abs(value) / error / sqrt(2))


def discoveries(chances: Sequence[float | None], share: float = 0.05) -> list[bool]:
    """Which of many tests stand if at most `share` of those that do are false (Benjamini & Hochberg 1995)."""
    known = sorted(p for p in chances if p is not None)
    bound = max((p for k, p in enumerate(known, 1) if p <= share * k / len(known)), default=-1.0)
    return [p is not None and p <= bound for p in chances]


def spread(
    wanted: list[Callable[[Floats], Floats]], rows: int, *, seed: int = 0
) -> list[Floats]:  # fmt: skip
    """Each of several figures over all resamples of the same rows, (resamples,) each."""
    found: list[list[Floats]] = [[] for _ in wanted]
    for weights in resamples(rows, seed):
        for each, figure in zip(found, wanted, strict=True):
            each.append(figure(weights))
    return [np.concatenate(each) for each in found]


def advantage(metric: Metric, candidate: Answers, champion: Answers, weights: Floats | None = None) -> Floats:
    """How much better the candidate is under each row of weights; positive is better."""
    ahead = measure(metric, candidate, weights) - measure(metric, champion, weights)
    return ahead if metric.more_is_better else -ahead


def rates(parity: Parity, answers: Answers, members: Members, weights: Floats) -> Floats:
    """How often the answer is yes in each group, (resamples, groups); of the truly yes for one parity."""
    said = (answers.scores >= answers.threshold).astype(np.float64)
    counted = np.ones(len(answers)) if parity is Parity.SELECTION_RATE else (answers.labels > 0.5).astype(np.float64)
    found = np.empty((len(weights), len(members)))
    with np.errstate(invalid="ignore", divide="ignore"):
        for column, rows in enumerate(members.values()):
            part = weights[:, rows]
            found[:, column] = part @ (said[rows] * counted[rows]) / (part @ counted[rows])
    return found


def gap(parity: Parity, answers: Answers, members: Members, weights: Floats) -> Floats:
    """Highest less lowest rate over the groups."""
    found = rates(parity, answers, members, weights)
    return np.asarray(found.max(axis=1) - found.min(axis=1), dtype=np.float64)


def large_groups(parity: Parity, answers: Answers, column: list[str]) -> Members:
    """The groups of a column that have rows enough to speak of; among the truly yes for the true positive rate."""
    values = np.asarray(column, dtype=object)
    counts = np.ones(len(answers), dtype=bool) if parity is Parity.SELECTION_RATE else answers.labels > 0.5
    found: Members = {}
    for name in sorted(set(column)):
        keep = values == name
        if int((keep & counts).sum()) >= MIN_GROUP_ROWS:
            found[name] = np.flatnonzero(keep)
    return found
