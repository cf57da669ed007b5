"""Metrics against an independent library, and the bootstrap against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.registry.api import Metric
from modelyard.registry.model import resampling, scoring
from modelyard.registry.model.scoring import Answers

_ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60)


@settings(max_examples=80, deadline=None)
@given(_ROWS)
def test_metrics_equal_those_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: pip install 'modelyard[serving]'")
    labels = np.array([float(yes) for yes, _ in rows])
    scores = np.array([s / 20 for _, s in rows])
    answers = Answers(labels, scores)
    assert scoring.value_of(Metric.BRIER, answers) == pytest.approx(np.mean((scores - labels) ** 2))
    assert scoring.value_of(Metric.ACCURACY, answers) == pytest.approx(
        metrics.accuracy_score(labels, scores >= 0.5)
    )  # fmt: skip
    expected = metrics.log_loss(labels, np.clip(scores, 1e-15, 1 - 1e-15), labels=[0, 1])
    assert scoring.value_of(Metric.LOG_LOSS, answers) == pytest.approx(expected, rel=1e-6)
    if len(set(labels)) == 2:
        assert scoring.value_of(Metric.AUC, answers) == pytest.approx(metrics.roc_auc_score(labels, scores))
    else:
        assert scoring.value_of(Metric.AUC, answers) is None


@settings(max_examples=60, deadline=None)
@given(_ROWS, st.randoms(use_true_random=False))
def test_weights_count_rows_as_if_they_were_there_so_often(rows: list[tuple[bool, int]], random: object) -> None:
    labels = np.array([float(yes) for yes, _ in rows])
    scores = np.array([s / 20 for _, s in rows])
    counts = np.random.default_rng(len(rows)).integers(0, 3, len(rows))
    if counts.sum() == 0:
        return
    repeated = Answers(np.repeat(labels, counts), np.repeat(scores, counts))
    for metric in Metric:
        weighted = scoring.measure(metric, Answers(labels, scores), counts[None, :].astype(float))[0]
        plain = scoring.measure(metric, repeated)[0]
        assert weighted == pytest.approx(plain, rel=1e-9, abs=1e-9, nan_ok=True), metric


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random(2000) < 0.3).astype(float)
    answers = Answers(labels, np.full(2000, 0.0))
    samples = resampling.spread([Metric.ACCURACY], answers)[0]
    low, high = scoring.interval(samples)
    assert low is not None and high is not None
    expected = 2 * 1.96 * (0.3 * 0.7 / 2000) ** 0.5
    assert high - low == pytest.approx(expected, rel=0.15)


def test_pairing_makes_the_difference_of_two_like_models_sure() -> None:
    rng = np.random.default_rng(4)
    labels = (rng.random(1000) < 0.5).astype(float)
    scores = np.clip(labels * 0.4 + 0.3 + rng.normal(0, 0.2, 1000), 0.01, 0.99)
    worse, better = Answers(labels, scores), Answers(labels, np.clip(scores + (labels - 0.5) * 0.04, 0.01, 0.99))
    samples = resampling.spread([Metric.LOG_LOSS], better, worse)[0]
    low, _ = scoring.interval(samples)
    assert low is not None and low > 0


def test_resampling_is_the_same_for_the_same_rows() -> None:
    first, again = (np.concatenate(list(resampling.resamples(50, 0))) for _ in range(2))
    assert first.shape == (1000, 50)
    assert (first == again).all()
    assert (first.sum(axis=1) == 50).all()


def test_calibration_error_is_the_gap_between_said_and_seen() -> None:
    answers = Answers(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.75, 0.75, 0.25, 0.25]))
    assert scoring.value_of(Metric.CALIBRATION_ERROR, answers) == pytest.approx(0.25)
