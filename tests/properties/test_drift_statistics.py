"""Drift statistics: what holds for every column, however odd."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.monitoring.model import distances, drift, nulls, performance, sketches
from modelyard.monitoring.model.discovery import false_discovery_rates
from modelyard.monitoring.model.samples import Categories, Numbers, Sample
from modelyard.monitoring.model.sketches import Measure, Sketch

odd_numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=300).map(
    lambda values: Numbers(np.array(values, dtype=np.float64))
)
odd_words = st.lists(st.integers(-1, 4), min_size=1, max_size=300).map(
    lambda codes: Categories(np.array(codes, dtype=np.int64), ("a", "b", "", "\u00e9", "e"))
)
samples = st.one_of(odd_numbers, odd_words)
shares = st.lists(st.floats(0.001, 1), min_size=2, max_size=30).map(lambda s: np.array(s) / np.sum(s))


def sketched(sample: Sample, measure: Measure = Measure.KS) -> Sketch:
    return sketches.sketch("x", sample, numbers=measure, categories=Measure.JS, window_rows=50, seed=1, ordered=True)


@settings(max_examples=60, deadline=None)
@given(samples, samples)
def test_every_row_falls_into_one_bin(reference: Sample, window: Sample) -> None:
    known = sketched(reference)
    assert sum(known.counts) == known.rows == len(reference)
    assert int(sketches.counts_in(known, window).sum()) == len(window)


@settings(max_examples=60, deadline=None)
@given(samples, st.sampled_from([Measure.KS, Measure.WASSERSTEIN, Measure.PSI]))
def test_a_window_that_is_the_reference_has_not_drifted(reference: Sample, measure: Measure) -> None:
    known = sketched(reference, measure)
    (found,) = drift.judge([known], {"x": reference}, alpha=0.05, least_distance=0.0)
    assert found.distance < 1e-6
    assert not found.drifted
    assert found.unseen == ()


@settings(max_examples=60, deadline=None)
@given(samples, samples)
def test_p_and_q_are_chances_and_distances_are_finite(reference: Sample, window: Sample) -> None:
    (found,) = drift.judge([sketched(reference)], {"x": window}, alpha=0.05, least_distance=0.0)
    assert 0 <= found.p_value <= found.q_value <= 1
    assert np.isfinite([found.distance, found.threshold, found.stability]).all()
    assert 0 <= found.null_share <= 1


@settings(max_examples=60, deadline=None)
@given(odd_numbers, st.randoms(use_true_random=False))
def test_the_order_of_a_window_does_not_matter(window: Numbers, chance: object) -> None:
    known = sketched(Numbers(np.linspace(-1, 1, 200)))
    turned = Numbers(window.values[::-1].copy())
    assert (sketches.counts_in(known, window) == sketches.counts_in(known, turned)).all()


@given(shares)
def test_distances_are_zero_for_equals_and_bounded(reference: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    other = reference[::-1]
    for pair in ((reference, reference), (other, reference)):
        js = float(distances.jensen_shannon(pair[0][None, :], pair[1])[0])
        ks = float(distances.kolmogorov_smirnov(pair[0][None, :], pair[1])[0])
        assert 0 <= js <= 1
        assert 0 <= ks <= 1 + 1e-9
    assert float(distances.jensen_shannon(reference[None, :], reference)[0]) < 1e-12
    back = float(distances.jensen_shannon(reference[None, :], other)[0])
    assert abs(back - float(distances.jensen_shannon(other[None, :], reference)[0])) < 1e-12


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_adjusted_chances_are_no_smaller_and_keep_the_order(p: list[float]) -> None:
    q = false_discovery_rates(p)
    assert all(a <= b <= 1 for a, b in zip(p, q, strict=True))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(q)[order]) >= 0).all()


@given(st.floats(1e-9, 1e6), st.floats(0.3, 100), st.floats(0, 1e7), st.floats(0, 1e7))
def test_the_gamma_tail_falls(mean: float, shape: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    near, far = (nulls.gamma_tail(value, mean=mean, shape=shape) for value in (low, high))
    assert 0 <= far <= near <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 400))
def test_calibrated_probabilities_never_fall_as_the_score_rises(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=rows)
    truth = (rng.uniform(size=rows) < score).astype(np.float64)
    found = performance.calibrate(truth, score)
    if found is not None:
        steps = found.probabilities(np.linspace(0, 1, 50))
        assert (np.diff(steps) >= 0).all()
        assert 0 <= steps[0] <= steps[-1] <= 1
