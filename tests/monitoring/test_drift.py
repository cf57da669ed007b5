"""Drift by columns: what is found, what is left alone, and the statistics against another library's."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial import distance as scipy_distance

from modelyard.monitoring.model import distances, drift, nulls, sketches
from modelyard.monitoring.model.discovery import false_discovery_rates
from modelyard.monitoring.model.samples import Categories, Floats, Numbers, Sample, sample_of
from modelyard.monitoring.model.sketches import Measure, Sketch


def sketched(sample: Sample, name: str = "x", *, rows: int = 500, numbers: Measure = Measure.KS) -> Sketch:
    return sketches.sketch(name, sample, numbers=numbers, categories=Measure.JS, window_rows=rows, seed=1, ordered=True)


def judged(known: Sketch, window: Sample, *, least: float = 0.0) -> drift.Finding:
    return drift.judge([known], {known.name: window}, alpha=0.05, least_distance=least)[0]


def normal(seed: int, rows: int, shift: float = 0.0) -> Floats:
    return np.random.default_rng(seed).normal(shift, 1.0, rows)


def letters(seed: int, rows: int, shares: list[float]) -> Categories:
    codes = np.random.default_rng(seed).choice(len(shares), size=rows, p=shares).astype(np.int64)
    return Categories(codes, tuple("abcdefgh"[: len(shares)]))


def test_smirnovs_distance_is_that_of_scipy_up_to_the_width_of_a_bin() -> None:
    reference, window = normal(1, 20_000), normal(2, 3_000, 0.2)
    found = judged(sketched(Numbers(reference)), Numbers(window))
    assert abs(found.distance - stats.ks_2samp(reference, window).statistic) < 1 / sketches.BINS


def test_wassersteins_distance_is_that_of_scipy_but_for_the_tails() -> None:
    reference, window = normal(1, 20_000), normal(2, 3_000, 0.5)
    found = judged(sketched(Numbers(reference), numbers=Measure.WASSERSTEIN), Numbers(window))
    assert found.distance == pytest.approx(stats.wasserstein_distance(reference, window) / reference.std(), rel=0.05)


def test_jensen_and_shannons_distance_is_that_of_scipy() -> None:
    one, other = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.3, 0.2, 0.4])
    ours = float(distances.jensen_shannon(one[None, :], other)[0])
    assert math.sqrt(ours) == pytest.approx(scipy_distance.jensenshannon(one, other, base=2))


@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("tail", [0.2, 0.01, 0.0005])
def test_the_gamma_tail_is_that_of_scipy(shape: float, tail: float) -> None:
    value = float(stats.gamma.isf(tail, shape, scale=2.0 / shape))
    assert nulls.gamma_tail(value, mean=2.0, shape=shape) == pytest.approx(tail, rel=0.3)
    back = nulls.gamma_quantile(1 - tail, mean=2.0, shape=shape)
    assert nulls.gamma_tail(back, mean=2.0, shape=shape) == pytest.approx(tail, rel=1e-6)


def test_false_discovery_rates_are_those_of_scipy() -> None:
    p = np.random.default_rng(3).uniform(size=40) ** 3
    assert false_discovery_rates(list(p)) == pytest.approx(list(stats.false_discovery_control(p)))
    assert false_discovery_rates([]) == []


@pytest.mark.parametrize("measure", [Measure.KS, Measure.WASSERSTEIN, Measure.PSI])
def test_without_a_change_about_one_call_in_twenty_is_false(measure: Measure) -> None:
    calls = 0
    for seed in range(300):
        rows = normal(seed, 4_500)
        known = sketched(Numbers(rows[:4_000]), numbers=measure)
        counts = sketches.counts_in(known, Numbers(rows[4_000:]))
        calls += known.values_null.p_value(sketches.distance(known, measure, counts), 500, 4_000) <= 0.05
    assert 3 <= calls <= 30


def test_a_wave_in_the_reference_is_no_drift_where_it_goes_on() -> None:
    def wave(seed: int, rows: int) -> Floats:
        return np.sin(np.arange(rows) / 300) + normal(seed, rows, 0.0) * 0.3

    calls = 0
    for seed in range(20):
        rows = wave(seed, 20_000 + 500 * seed + 400)
        calls += judged(sketched(Numbers(rows[:20_000]), rows=400), Numbers(rows[-400:])).drifted
    assert calls <= 2
    assert sketched(Numbers(wave(1, 20_000)), rows=400).values_null.time_mean > 0


@pytest.mark.parametrize("measure", [Measure.KS, Measure.WASSERSTEIN, Measure.PSI])
def test_a_shift_of_a_third_of_a_deviation_is_found(measure: Measure) -> None:
    known = sketched(Numbers(normal(1, 5_000)), numbers=measure)
    found = judged(known, Numbers(normal(2, 500, 0.35)), least=0.02)
    assert found.drifted
    assert found.shift == pytest.approx(0.35, abs=0.1)


def test_a_certain_but_tiny_move_does_not_matter() -> None:
    known = sketched(Numbers(normal(1, 200_000)), rows=100_000)
    window = Numbers(normal(2, 100_000, 0.03))
    assert judged(known, window).drifted
    assert not judged(known, window, least=0.05).drifted


def test_among_many_columns_few_are_called_and_the_moved_one_is() -> None:
    known = [sketched(Numbers(normal(i, 5_000)), f"c{i}") for i in range(40)]
    window: dict[str, Sample] = {f"c{i}": Numbers(normal(1_000 + i, 500, 0.5 if i == 7 else 0.0)) for i in range(40)}
    called = [f.name for f in drift.judge(known, window, alpha=0.05, least_distance=0.02) if f.drifted]
    assert "c7" in called
    assert len(called) <= 3


def test_a_changed_mix_of_categories_is_found_and_an_equal_one_is_not() -> None:
    known = sketched(letters(1, 5_000, [0.6, 0.3, 0.1]))
    assert not judged(known, letters(2, 500, [0.6, 0.3, 0.1])).drifted
    assert judged(known, letters(3, 500, [0.4, 0.4, 0.2])).drifted


def test_a_category_that_was_never_seen_is_named() -> None:
    known = sketched(letters(1, 5_000, [0.6, 0.4]))
    found = judged(known, letters(2, 500, [0.5, 0.35, 0.15]))
    assert found.drifted
    assert found.unseen == ("c",)
    assert found.unseen_share == pytest.approx(0.15, abs=0.05)


def test_nulls_that_appear_are_drift_though_the_values_stay() -> None:
    window = normal(2, 500)
    window[::10] = np.nan
    found = judged(sketched(Numbers(normal(1, 5_000))), Numbers(window))
    assert found.drifted
    assert found.null_drifted
    assert found.null_share == pytest.approx(0.1)


def test_a_column_of_nulls_or_of_one_value_is_judged_quietly() -> None:
    empty = Numbers(np.full(500, np.nan))
    assert not judged(sketched(empty), empty).drifted
    same = Numbers(np.full(500, 7.0))
    assert not judged(sketched(same), same).drifted
    assert judged(sketched(same), Numbers(np.full(500, 8.0))).drifted
    assert judged(sketched(Numbers(normal(1, 500))), empty).null_drifted


def test_a_column_whose_type_changed_has_drifted() -> None:
    assert judged(sketched(Numbers(normal(1, 5_000))), letters(1, 500, [0.5, 0.5])).drifted


def test_true_and_false_may_arrive_as_numbers() -> None:
    known = sketched(Categories(np.arange(1_000) % 2, ("false", "true")))
    assert not judged(known, Numbers((np.arange(500) % 2).astype(np.float64))).drifted
    assert judged(known, Numbers(np.full(500, 3.0))).drifted


def test_the_same_seed_gives_the_same_sketch() -> None:
    sample = Numbers(normal(1, 5_000))
    assert sketched(sample) == sketched(sample)


def test_arrow_columns_become_numbers_or_categories_or_nothing() -> None:
    def of(values: list[object], kind: pa.DataType) -> Sample | None:
        return sample_of(pa.chunked_array([pa.array(values[:1], kind), pa.array(values[1:], kind)]))

    whole = of([1, None, 3], pa.int32())
    assert isinstance(whole, Numbers)
    assert np.isnan(whole.values).tolist() == [False, True, False]
    words = of(["a", None, "b"], pa.string())
    assert isinstance(words, Categories)
    assert words.codes.tolist() == [0, -1, 1]
    truth = of([True, False, None], pa.bool_())
    assert isinstance(truth, Categories)
    assert set(truth.labels) == {"true", "false"}
    assert of([1, 2, 3], pa.timestamp("us")) is None
