"""The bootstrap of many rows, held against the bootstrap that draws every row, and against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.registry.api import Metric, Parity, Task
from modelyard.registry.model import resampling, scoring
from modelyard.registry.model.evaluating import metrics_of
from modelyard.registry.model.parities import Column, Tally
from modelyard.registry.model.scoring import Answers, Floats

ROWS = 3000


def yes_or_no(shift: float = 0.0, *, rows: int = ROWS, share: float = 0.3, seed: int = 5) -> Answers:
    """Answers on always the same rows; a shift makes them better, another seed gives another model."""
    rng, own = np.random.default_rng(7), np.random.default_rng(seed)
    labels = (rng.random(rows) < share).astype(float)
    base = labels * 0.3 + 0.3 + rng.normal(0, 0.15, rows)
    scores = np.clip(base + (labels - 0.5) * shift + own.normal(0, 0.05, rows), 0.01, 0.99)
    return Answers(labels, scores, 0.5, rng.gamma(2, 3, rows) + own.gamma(2, 1, rows))


def numbers(noise: float = 0.5, *, seed: int = 5, worst: float = 40.0, rows: int = ROWS) -> Answers:
    """Answers that are numbers, a few of them far off."""
    rng, own = np.random.default_rng(7), np.random.default_rng(seed)
    labels = rng.gamma(2, 5, rows) + 1000
    scores = labels + rng.normal(0, 3, rows) + own.normal(0, noise, rows)
    scores[:3] += own.normal(worst, 5, 3)
    return Answers(labels, scores, 0.5, rng.gamma(2, 3, rows) + own.gamma(2, 1, rows))


def middle(samples: Floats) -> tuple[float, float]:
    low, high = scoring.interval(samples)
    assert low is not None and high is not None
    return low, high


@pytest.mark.parametrize(
    ("task", "candidate", "champion"),
    [
        (Task.BINARY, yes_or_no(0.02), yes_or_no(seed=6)),
        (Task.BINARY, yes_or_no(), None),
        (Task.REGRESSION, numbers(), numbers(seed=6)),
        (Task.REGRESSION, numbers(), None),
        (Task.BINARY, yes_or_no(0.02, rows=300), yes_or_no(rows=300, seed=6)),
        (Task.REGRESSION, numbers(rows=300), numbers(rows=300, seed=6)),
    ],
    ids=["ahead-yes-or-no", "one-yes-or-no", "ahead-numbers", "one-numbers", "few-yes-or-no", "few-numbers"],
)
def test_intervals_are_those_of_drawing_every_row(task: Task, candidate: Answers, champion: Answers | None) -> None:
    wanted = metrics_of(task, timed=True)
    drawn = resampling.spread(wanted, candidate, champion)
    every = resampling.plain(wanted, candidate, champion, seed=1)
    for metric, ours, theirs in zip(wanted, drawn, every, strict=True):
        (low, high), (expected_low, expected_high) = middle(ours), middle(theirs)
        width = expected_high - expected_low
        assert (low, high) == pytest.approx((expected_low, expected_high), abs=0.12 * width), metric
        assert ours.std() == pytest.approx(theirs.std(), rel=0.1), metric
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.15 * theirs.std()), metric


def test_one_row_far_off_keeps_its_weight_in_the_interval() -> None:
    far = numbers(worst=4000.0)
    ours = resampling.spread([Metric.RMSE], far)[0]
    theirs = resampling.plain([Metric.RMSE], far, seed=1)[0]
    for share in (2.5, 25, 50, 75, 97.5):
        assert np.percentile(ours, share) == pytest.approx(np.percentile(theirs, share), rel=0.05)


def test_what_is_counted_is_drawn_as_counts() -> None:
    hits = resampling.spread([Metric.ACCURACY], yes_or_no())[0] * ROWS
    assert len(np.unique(np.rint(hits))) > 50
    assert hits == pytest.approx(np.rint(hits), abs=1e-6)


@pytest.mark.parametrize("rows", [200, ROWS])
def test_equal_models_are_ahead_by_nothing(rows: int) -> None:
    for metric in metrics_of(Task.BINARY, timed=True):
        samples = resampling.spread([metric], yes_or_no(rows=rows), yes_or_no(rows=rows))[0]
        assert not samples.any(), metric


def test_the_same_rows_give_the_same_samples_and_another_seed_others() -> None:
    first, again, other = (
        resampling.spread([Metric.AUC, Metric.LATENCY_P99], yes_or_no(), yes_or_no(seed=6), seed=seed)
        for seed in (0, 0, 1)
    )
    for one, two, three in zip(first, again, other, strict=True):
        assert (one == two).all()
        assert len(one) == resampling.RESAMPLES
        assert (one != three).any()


def test_rows_that_do_not_allow_a_metric_have_no_interval() -> None:
    alike = Answers(np.ones(ROWS), np.full(ROWS, 0.5))
    assert scoring.interval(resampling.spread([Metric.AUC], alike)[0]) == (None, None)
    assert scoring.interval(resampling.spread([Metric.R2], alike)[0]) == (None, None)
    assert scoring.interval(resampling.spread([Metric.LATENCY_P50], alike)[0]) == (None, None)
    assert middle(resampling.spread([Metric.BRIER], alike)[0]) == (0.25, 0.25)


def test_resamples_without_any_yes_do_not_count() -> None:
    labels = np.zeros(ROWS)
    labels[:2] = 1.0
    samples = resampling.spread([Metric.AUC], Answers(labels, np.linspace(1, 0, ROWS) ** 2))[0]
    assert np.isnan(samples).mean() == pytest.approx(np.exp(-2), abs=0.04)
    assert np.nanmin(samples) > 0.9


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40))
def test_placements_average_to_the_auc(rows: list[tuple[bool, int]]) -> None:
    answers = Answers(np.array([float(yes) for yes, _ in rows]), np.array([s / 9 for _, s in rows]))
    whole = scoring.value_of(Metric.AUC, answers)
    if whole is not None:
        for label in (0.0, 1.0):
            assert answers.placements[answers.labels == label].mean() == pytest.approx(whole)


def test_small_groups_are_not_judged() -> None:
    answers = Answers(np.ones(70), np.full(70, 0.9))
    tally = Tally(Parity.SELECTION_RATE, answers, Column(["a"] * 35 + ["b"] * 34 + ["c"]))
    assert tally.rates == {"a": 1.0, "b": 1.0}


def test_the_gap_of_two_groups_spreads_as_theory_says() -> None:
    rng = np.random.default_rng(2)
    yes = np.r_[rng.random(2000) < 0.6, rng.random(1000) < 0.3].astype(float)
    answers = Answers(np.r_[np.ones(1500), np.zeros(500), np.ones(1000)], yes)
    column = Column(["a"] * 2000 + ["b"] * 1000)
    for parity, held in ((Parity.SELECTION_RATE, 2000), (Parity.TRUE_POSITIVE_RATE, 1500)):
        tally = Tally(parity, answers, column)
        high, low = tally.rates["a"], tally.rates["b"]
        assert high == pytest.approx(yes[:held].mean())
        expected = (high * (1 - high) / held + low * (1 - low) / 1000) ** 0.5
        samples = tally.gaps()
        assert samples.std() == pytest.approx(expected, rel=0.1)
        assert samples.mean() == pytest.approx(high - low, abs=0.005)
