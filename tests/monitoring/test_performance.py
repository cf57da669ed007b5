"""Performance with and without labels, and fairness, against another library's figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from modelyard.monitoring.model import fairness, performance
from modelyard.monitoring.model.samples import Categories, Floats


def scored(seed: int, rows: int, slope: float = 1.0) -> tuple[Floats, Floats]:
    """Truth and the probability that a model gives; `slope` 1 is calibrated."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1.5, rows)
    truth = (rng.uniform(size=rows) < 1 / (1 + np.exp(-x))).astype(np.float64)
    return truth, 1 / (1 + np.exp(-slope * x))


def test_figures_are_those_of_scikit_learn() -> None:
    truth, score = scored(1, 500)
    score = np.round(score, 2)
    assert performance.area_under_curve(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score))
    assert performance.log_loss(truth, score) == pytest.approx(metrics.log_loss(truth, np.clip(score, 1e-15, 1)))
    assert performance.accuracy(truth, np.round(score)) == metrics.accuracy_score(truth, np.round(score))


def test_what_cannot_be_told_is_none() -> None:
    none = np.empty(0)
    assert performance.accuracy(none, none) is None
    assert performance.log_loss(none, none) is None
    assert performance.area_under_curve(np.ones(5), np.arange(5.0)) is None
    assert performance.calibrate(np.ones(100), np.arange(100.0)) is None


def test_without_labels_the_estimate_follows_a_shift_of_the_inputs() -> None:
    truth, score = scored(1, 20_000, slope=2.0)
    calibration = performance.calibrate(truth, score)
    assert calibration is not None
    easy = np.abs(score - 0.5) > 0.3
    for rows in (easy, ~easy):
        predicted = (score[rows] > 0.5).astype(np.float64)
        guess = performance.expected(score[rows], predicted, calibration)
        assert guess.accuracy == pytest.approx(float((truth[rows] == predicted).mean()), abs=0.02)
        assert guess.auc == pytest.approx(performance.area_under_curve(truth[rows], score[rows]), abs=0.03)
        assert guess.log_loss == pytest.approx(performance.log_loss(truth[rows], score[rows]), abs=0.03)


def test_the_estimate_does_not_see_that_the_concept_has_changed() -> None:
    truth, score = scored(1, 20_000)
    calibration = performance.calibrate(truth, score)
    assert calibration is not None
    predicted = (score > 0.5).astype(np.float64)
    guess = performance.expected(score, predicted, calibration).accuracy
    assert guess - float((1 - truth == predicted).mean()) > 0.3


def test_wilsons_interval_is_that_of_scipy() -> None:
    theirs = stats.binomtest(37, 120).proportion_ci(method="wilson")
    assert performance.wilson(37, 120) == pytest.approx((theirs.low, theirs.high))
    assert performance.wilson(0, 0) == (0.0, 1.0)


def test_a_gap_between_groups_is_found_with_its_interval() -> None:
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 2, 4_000)
    predicted = (rng.uniform(size=4_000) < np.where(codes == 1, 0.5, 0.3)).astype(np.float64)
    groups = fairness.by_group(Categories(codes, ("a", "b")), predicted, np.full(4_000, math.nan))
    gap = fairness.selection_gap(groups)
    assert gap is not None
    assert (gap.high, gap.low) == ("b", "a")
    assert gap.lower < 0.2 < gap.upper
    assert gap.lower > 0.1
    assert fairness.opportunity_gap(groups) is None


def test_groups_too_small_to_speak_of_are_not_compared() -> None:
    groups = fairness.by_group(Categories(np.array([0] * 40 + [1] * 5), ("a", "b")), np.ones(45), np.full(45, math.nan))
    assert [g.rows for g in groups] == [40, 5]
    assert fairness.selection_gap(groups) is None
