"""How good answers are, over rows and over resampled rows, and what may be said of such figures.

Most metrics are a function of means over rows (`Moments`): a bootstrap resample changes nothing but the means, so it is
enough to resample those. What is left, AUC and how long answers took, is also written over weights: a resample is a row
of counts (Efron & Tibshirani 1993, ch. 6). Intervals are percentiles. Shapes: weights (resamples, rows); every figure
over resamples is (resamples,) float64, NaN where the rows do not allow the metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import erfc, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelyard.registry.api import Metric

Floats = NDArray[np.float64]
_EPSILON = 1e-15
_BINS = 10
_SLICE = 1 << 16
"""Rows whose parts of a mean are made at a time: what bounds the memory beside the rows themselves."""
_MOST_HELD = 6_000_000
"""Numbers that are kept rather than made again, 48 MB."""


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

    def part(self, keep: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Answers:
        """The answers on some of the rows."""
        latencies = None if self.latencies is None else self.latencies[keep]
        return Answers(self.labels[keep], self.scores[keep], self.threshold, latencies)

    @cached_property
    def centre(self) -> float:
        """The mean of the truth."""
        return float(self.labels.mean())

    @cached_property
    def order(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows by score, and where each run of equal scores begins."""
        rows = np.argsort(self.scores, kind="stable")
        ranked = self.scores[rows]
        return rows, np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    @cached_property
    def by_time(self) -> NDArray[np.intp]:
        """Rows by how long their answers took; none where that was not measured."""
        if self.latencies is None:
            return np.empty(0, dtype=np.intp)
        return np.argsort(self.latencies, kind="stable")

    @cached_property
    def placements(self) -> Floats:
        """Of each yes the share of noes that score lower, of each no the share of yeses that score higher.

        Ties count half (DeLong et al. 1988, eq. 4 and 5). The mean over either is the AUC. NaN if all rows are alike.
        """
        rows, starts = self.order
        yes = self.labels[rows]
        ups, downs = np.add.reduceat(yes, starts), np.add.reduceat(1 - yes, starts)
        above = ups.sum() - np.cumsum(ups) + ups / 2
        below = np.cumsum(downs) - downs / 2
        runs = np.diff(np.r_[starts, len(rows)])
        found = np.empty(len(rows))
        with np.errstate(invalid="ignore", divide="ignore"):
            found[rows] = np.where(
                yes > 0.5, np.repeat(below / downs.sum(), runs), np.repeat(above / ups.sum(), runs)
            )  # fmt: skip
        return found


class Moments(NamedTuple):
    """A figure as a function of means over rows.

    Attributes:
        columns: what of each row goes into the means, (rows, columns), for a slice of the rows.
        figure: from means, (resamples, columns), to figures, (resamples,).
        kinds: 0 or 1 for each row where it matters whether a resample has any rows of a kind, (rows,).
    """

    columns: Callable[[slice], Floats]
    figure: Callable[[Floats], Floats]
    kinds: NDArray[np.intp] | None = None

    def held(self, rows: int) -> Moments:
        """The same with its columns made once and kept, if they are few."""
        if rows * self.columns(slice(0, 1)).shape[1] > _MOST_HELD:
            return self
        kept = np.concatenate([columns for _, columns in self.slices(rows)])
        return self._replace(columns=lambda at: kept[at])

    def slices(self, rows: int) -> Iterator[tuple[slice, Floats]]:
        """The columns of all rows, a slice at a time."""
        for start in range(0, rows, _SLICE):
            at = slice(start, min(start + _SLICE, rows))
            yield at, self.columns(at)


def _first(means: Floats) -> Floats:
    return means[:, 0]


def _mean_of(row: Callable[[Answers], Floats], answers: Answers) -> Moments:
    return Moments(lambda at: row(answers.part(at))[:, None], _first)


def _log_losses(part: Answers) -> Floats:
    """-log of the probability given to the truth, clipped at 1e-15."""
    p = np.clip(part.scores, _EPSILON, 1 - _EPSILON)
    return np.asarray(-(part.labels * np.log(p) + (1 - part.labels) * np.log1p(-p)), dtype=np.float64)


def _hits(part: Answers) -> Floats:
    """1 where the answer at the threshold is the truth."""
    return np.asarray((part.scores >= part.threshold) == (part.labels > 0.5), dtype=np.float64)


def _squares(part: Answers) -> Floats:
    """Squared error; for probabilities the Brier score of a row (Brier 1950)."""
    return np.asarray(np.square(part.scores - part.labels), dtype=np.float64)


def _distances(part: Answers) -> Floats:
    return np.asarray(np.abs(part.scores - part.labels), dtype=np.float64)


def _rmse(answers: Answers) -> Moments:
    return Moments(lambda at: _squares(answers.part(at))[:, None], lambda means: np.sqrt(np.maximum(means[:, 0], 0.0)))


def _calibration(answers: Answers) -> Moments:
    """Expected calibration error over ten bins of equal width (Guo et al. 2017, eq. 3)."""

    def columns(at: slice) -> Floats:
        part = answers.part(at)
        found = np.zeros((len(part), _BINS))
        bins = np.minimum((part.scores * _BINS).astype(np.intp), _BINS - 1)
        found[np.arange(len(part)), bins] = part.labels - part.scores
        return found

    return Moments(columns, lambda means: np.asarray(np.abs(means).sum(axis=1), dtype=np.float64))


def _r2(answers: Answers) -> Moments:
    """Share of the variance that is explained; the truth is taken from its mean, so that large numbers do no harm."""

    def columns(at: slice) -> Floats:
        part = answers.part(at)
        truth = part.labels - answers.centre
        return np.stack([truth, np.square(truth), _squares(part)], axis=1)

    def figure(means: Floats) -> Floats:
        spread = means[:, 1] - np.square(means[:, 0])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(spread > 0, 1 - means[:, 2] / spread, np.nan)

    return Moments(columns, figure)


def _placed(answers: Answers) -> Moments:
    """AUC up to its part of second order: the means of the placements (Hájek's projection; van der Vaart 1998, 12.2).

    What is left out is smaller than the bootstrap's own spread by the root of the larger class's rows.
    """
    rows = len(answers)
    whole = float(_auc(answers, np.ones((1, rows)))[0])

    def columns(at: slice) -> Floats:
        yes, placements = answers.labels[at], answers.placements[at]
        return np.stack([yes * placements, (1 - yes) * placements, yes], axis=1)

    def figure(means: Floats) -> Floats:
        yes = np.rint(means[:, 2] * rows) / rows
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.clip(means[:, 0] / yes + means[:, 1] / (1 - yes) - whole, 0.0, 1.0)
        return np.where((yes > 0) & (yes < 1), found, np.nan)

    return Moments(columns, figure, (answers.labels > 0.5).astype(np.intp))


_MEANS: dict[Metric, Callable[[Answers], Moments]] = {
    Metric.LOG_LOSS: lambda a: _mean_of(_log_losses, a),
    Metric.ACCURACY: lambda a: _mean_of(_hits, a),
    Metric.BRIER: lambda a: _mean_of(_squares, a),
    Metric.CALIBRATION_ERROR: _calibration,
    Metric.MAE: lambda a: _mean_of(_distances, a),
    Metric.RMSE: _rmse,
    Metric.R2: _r2,
}
SHARES = {Metric.LATENCY_P50: 0.5, Metric.LATENCY_P99: 0.99}
"""The share of answers that came within the time that a metric names."""


def moments(metric: Metric, answers: Answers) -> Moments:
    """A metric that is no time as a function of means over rows; AUC to first order."""
    return _placed(answers) if metric is Metric.AUC else _MEANS[metric](answers)


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


def _latency(share: float, answers: Answers, weights: Floats) -> Floats:
    """The least time within which that share of answers came (inverse of the empirical distribution)."""
    if answers.latencies is None:
        return np.full(len(weights), np.nan)
    grown = np.cumsum(weights[:, answers.by_time], axis=1)
    places = (grown >= share * grown[:, -1:]).argmax(axis=1)
    return np.asarray(answers.latencies[answers.by_time[places]], dtype=np.float64)


def _averaged(known: Moments, weights: Floats) -> Floats:
    rows = weights.shape[1]
    sums = sum((weights[:, at] @ columns for at, columns in known.slices(rows)), start=np.zeros(()))
    with np.errstate(invalid="ignore", divide="ignore"):
        return known.figure(np.asarray(sums / weights.sum(axis=1, keepdims=True), dtype=np.float64))


def measure(metric: Metric, answers: Answers, weights: Floats | None = None) -> Floats:
    """A metric under each row of weights; without weights, one figure over all rows as they are."""
    chosen = np.ones((1, len(answers))) if weights is None else weights
    if metric in SHARES:
        return _latency(SHARES[metric], answers, chosen)
    return _auc(answers, chosen) if metric is Metric.AUC else _averaged(moments(metric, answers), chosen)


def value_of(metric: Metric, answers: Answers) -> float | None:
    """A metric over all rows; None where they do not allow it."""
    return finite(measure(metric, answers)[0]) if len(answers) else None


def advantage(metric: Metric, candidate: Answers, champion: Answers, weights: Floats | None = None) -> Floats:
    """How much better the candidate is under each row of weights; positive is better."""
    ahead = measure(metric, candidate, weights) - measure(metric, champion, weights)
    return ahead if metric.more_is_better else -ahead


def finite(value: float) -> float | None:
    """`value` as a float that JSON can carry, or None."""
    return float(value) if np.isfinite(value) else None


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
