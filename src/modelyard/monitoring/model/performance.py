"""How right predictions were, where truth has arrived, and how right they ought to be where it has not.

The estimate rests on calibrated probabilities: it sees a shift of the inputs, and it cannot see that the same inputs
have come to mean something else (concept drift). Only labels show that.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from modelyard.monitoring.model.samples import Floats

Z95 = 1.959963984540054
_TINY = 1e-15


def accuracy(truth: Floats, predicted: Floats) -> float | None:
    """Share of predictions that equal the truth; None without rows."""
    return float((truth == predicted).mean()) if len(truth) else None


def log_loss(truth: Floats, probability: Floats) -> float | None:
    """Mean negative log likelihood in nats of truths 0 and 1 (Good 1952); probabilities are kept 1e-15 off the ends."""
    if not len(truth):
        return None
    p = np.clip(probability, _TINY, 1 - _TINY)
    return float(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)).mean())


def area_under_curve(truth: Floats, score: Floats) -> float | None:
    """Chance that a positive scores above a negative, ties half (Hanley and McNeil 1982).

    None if a class is missing.
    """
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[truth == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def mean_absolute_error(truth: Floats, predicted: Floats) -> float | None:
    """Mean distance between prediction and truth, in the target's unit; None without rows."""
    return float(np.abs(truth - predicted).mean()) if len(truth) else None


def root_mean_squared_error(truth: Floats, predicted: Floats) -> float | None:
    """Root of the mean squared distance, in the target's unit; None without rows."""
    return float(np.sqrt(((truth - predicted) ** 2).mean())) if len(truth) else None


class Calibration(Struct, frozen=True):
    """What a score has meant: score levels, ascending, and the share of positives at each."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]

    def probabilities(self, scores: Floats) -> Floats:
        """Calibrated probabilities of scores; between levels by a straight line."""
        return np.asarray(np.interp(scores, np.asarray(self.scores), np.asarray(self.shares)), dtype=np.float64)


def calibrate(truth: Floats, score: Floats, *, bins: int = 20) -> Calibration | None:
    """Learn what scores mean from labelled rows; None with fewer than 50 rows or one class.

    Bins of equal size (Zadrozny and Elkan 2001), made monotone by pooling adjacent violators (Ayer et al. 1955).
    """
    if len(truth) < 50 or not 0 < truth.sum() < len(truth):
        return None
    order = np.argsort(score, kind="stable")
    pooled: list[tuple[float, float, int]] = []
    for part in np.array_split(order, min(bins, len(order) // 10)):
        now = (float(score[part].mean()), float(truth[part].mean()), len(part))
        while pooled and pooled[-1][1] >= now[1]:
            s, t, n = pooled.pop()
            whole = n + now[2]
            now = ((s * n + now[0] * now[2]) / whole, (t * n + now[1] * now[2]) / whole, whole)
        pooled.append(now)
    return Calibration(tuple(s for s, _, _ in pooled), tuple(t for _, t, _ in pooled))


class Expected(Struct, frozen=True, kw_only=True):
    """Performance without labels: what it would be if probabilities mean what they meant."""

    accuracy: float
    log_loss: float
    auc: float | None


def expected(score: Floats, predicted: Floats, calibration: Calibration) -> Expected:
    """Expected accuracy, log loss and AUC of a window without labels.

    Confidence-based estimation: each row is right with its calibrated probability (Guillory et al. 2021, sec. 3;
    for the curve, rows count as positive by `p` and as negative by `1 - p`). Blind to concept drift.
    """
    p = calibration.probabilities(score)
    right = np.where(predicted == 1, p, 1 - p)
    shown = np.clip(score, _TINY, 1 - _TINY)
    loss = -(p * np.log(shown) + (1 - p) * np.log1p(-shown))
    return Expected(accuracy=float(right.mean()), log_loss=float(loss.mean()), auc=_expected_auc(score, p))


def _expected_auc(score: Floats, p: Floats) -> float | None:
    levels, inverse = np.unique(score, return_inverse=True)
    positive = np.bincount(inverse, weights=p, minlength=len(levels))
    negative = np.bincount(inverse, weights=1 - p, minlength=len(levels))
    both = positive.sum() * negative.sum()
    if both <= 0:
        return None
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / both)


def wilson(hits: float, rows: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if rows == 0:
        return 0.0, 1.0
    share, z2 = hits / rows, Z95**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = Z95 * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return max(0.0, middle - half), min(1.0, middle + half)
