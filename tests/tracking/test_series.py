"""Metric series: every bit comes back, nothing is counted twice, folding changes nothing that a reader sees."""

from __future__ import annotations

import math
import struct
from array import array
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import Damaged
from modelyard.tracking.api import Axis, Point, RunStatus, Special, real
from modelyard.tracking.api.batches import key_number, pack
from modelyard.tracking.model import sampling
from modelyard.tracking.model.series import Series, decode, encode, unpack
from modelyard.tracking.service.drawn import Drawn
from tests.tracking.conftest import Workplace

INT64 = st.integers(-(2**63), 2**63 - 1)
BITS = st.integers(0, 2**64 - 1)


def double(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


@given(st.lists(st.tuples(INT64, st.integers(0, 2**63 - 1), BITS), min_size=1, max_size=200))
def test_a_chunk_gives_back_every_bit(points: list[tuple[int, int, int]]) -> None:
    whole = Series(
        array("q", [p[0] for p in points]),
        array("q", [p[1] for p in points]),
        array("d", [double(p[2]) for p in points]),
    )
    again = decode(encode(whole))
    assert again.steps == whole.steps
    assert again.times == whole.times
    assert again.values.tobytes() == whole.values.tobytes()


@pytest.mark.parametrize("by", [0, 1, -1, 7, 300, -70_000, 2**40])
def test_even_steps_take_no_room(by: int) -> None:
    whole = Series(array("q", [by * i for i in range(4096)]), array("q", [5] * 4096), array("d", [0.5] * 4096))
    body = encode(whole)
    assert decode(body).steps == whole.steps
    assert len(body) < 200


def test_noise_takes_less_than_ten_bytes_a_point() -> None:
    values = array("d", [math.sin(i * 1.7) * math.exp(i % 13) for i in range(4096)])
    whole = Series(array("q", range(4096)), array("q", [i * 37 + i % 5 for i in range(4096)]), values)
    assert len(encode(whole)) / 4096 < 10


def test_broken_bytes_are_damaged_and_never_more() -> None:
    body = encode(Series(array("q", range(50)), array("q", range(50)), array("d", [0.5] * 50)))
    for broken in (b"", body[:10], body[:-3], b"\x09" + body[1:], body[:45] + b"\xff" * 20):
        with pytest.raises(Damaged):
            decode(broken)
    with pytest.raises(Damaged):
        unpack(b"12345")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c/d"]), INT64, st.floats()), max_size=60))
def test_a_batch_keeps_points_by_key_in_order(points: list[tuple[str, int, float]]) -> None:
    given_ = [Point(key=k, value=real(v), at_ms=i, step=s) for i, (k, s, v) in enumerate(points)]
    body, latest = pack(given_)
    found = unpack(body)
    for key in {p.key for p in given_}:
        mine = [p for p in given_ if p.key == key]
        assert list(found[key_number(key)].steps) == [p.step for p in mine]
        assert [str(v) for v in found[key_number(key)].values] == [str(p.number) for p in mine]
        best = next(one for one in latest if one.key == key)
        assert best.step == max(p.step for p in mine)


def values(place: Workplace, run: str, key: str = "loss") -> list[tuple[int, int, float]]:
    return [(p.at_ms, p.step, p.number) for p in place.tracking.history(run, key, 100_000).items]


def test_folding_changes_nothing_that_a_reader_sees(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    expected = []
    for batch in range(12):
        points = [
            Point(key="loss", value=float(i % 97), at_ms=i, step=i // 2) for i in range(batch * 900, batch * 900 + 900)
        ]
        expected += [(p.at_ms, p.step, p.number) for p in points]
        yard.log(run.id, [*points, Point(key="rate", value=0.1, at_ms=batch)])
        if batch in (3, 4, 9):
            assert values(place, run.id) == expected
            assert place.fold_all() == 1
            assert values(place, run.id) == expected
    assert values(place, run.id) == expected
    assert len(values(place, run.id, "rate")) == 12
    assert values(place, run.id, "unknown") == []


def counted(place: Workplace, run: str) -> int:
    (summary,) = place.tracking.summaries(run)
    return summary.points


def test_a_repeated_call_counts_once_before_across_and_after_a_fold(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    batch = [Point(key="loss", value=v, at_ms=7, step=i) for i, v in enumerate((1.0, real(math.nan), 3.0))]
    yard.log(run.id, batch)
    yard.log(run.id, batch)
    assert len(values(place, run.id)) == counted(place, run.id) == 3
    place.fold_all()
    yard.log(run.id, batch)
    assert len(values(place, run.id)) == counted(place, run.id) == 3
    place.fold_all()
    assert len(values(place, run.id)) == 3
    yard.log(run.id, [Point(key="loss", value=9.0, at_ms=7, step=1)])
    assert len(values(place, run.id)) == 4


def test_late_steps_are_sorted_in_and_the_last_point_stays_the_last(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    for step in (5, 3, 9, 1):
        yard.log(run.id, [Point(key="loss", value=float(step), at_ms=step, step=step)])
    assert [v for _, _, v in values(place, run.id)] == [1.0, 3.0, 5.0, 9.0]
    assert yard.run_record(run.id).metrics[0].value == 9.0


def test_the_duty_folds_what_is_over_long_or_at_rest(small: Workplace) -> None:
    yard = small.tracking
    run = yard.start_run()
    yard.log(run.id, [Point(key="loss", value=1.0, at_ms=1)])
    assert small.fold() == 0
    small.bench.clock.advance(timedelta(minutes=2))
    assert small.fold() == 1
    yard.log(run.id, [Point(key="loss", value=2.0, at_ms=2)])
    yard.log(run.id, [Point(key="rate", value=0.5, at_ms=i) for i in range(300)])
    yard.update_run(run.id, RunStatus.FINISHED)
    assert small.fold() == 1
    for i in range(512):
        yard.log(run.id, [Point(key="loss", value=2.0, at_ms=3 + i)])
    assert small.fold() == 1
    assert len(values(small, run.id)) == 514


def test_the_few_points_of_a_small_run_that_is_over_stay_as_they_came(small: Workplace) -> None:
    yard = small.tracking
    run = yard.start_run()
    yard.log(run.id, [Point(key="loss", value=1.0, at_ms=1)])
    yard.update_run(run.id, RunStatus.FINISHED)
    assert small.fold() == 0
    small.bench.clock.advance(timedelta(minutes=2))
    assert small.fold() == 0
    assert values(small, run.id) == [(1, 0, 1.0)]
    yard.log(run.id, [Point(key="loss", value=2.0, at_ms=2)])
    small.bench.clock.advance(timedelta(minutes=2))
    assert small.fold() == 1
    assert values(small, run.id) == [(1, 0, 1.0), (2, 0, 2.0)]


def test_history_comes_in_pages(small: Workplace) -> None:
    yard = small.tracking
    run = yard.start_run()
    yard.log(run.id, [Point(key="loss", value=float(i), at_ms=i) for i in range(25)])
    seen: list[float] = []
    cursor: str | None = None
    while True:
        page = yard.history(run.id, "loss", 10, cursor=cursor)
        seen += [p.number for p in page.items]
        if (cursor := page.next) is None:
            break
    assert seen == [float(i) for i in range(25)]


def test_a_sample_keeps_both_ends(small: Workplace) -> None:
    yard = small.tracking
    run = yard.start_run()
    yard.log(run.id, [Point(key="loss", value=float(i), at_ms=i, step=i) for i in range(1000)])
    found = yard.sample("loss", [run.id], 10)
    assert len(found) == 10
    assert (found[0].step, found[-1].step) == (0, 999)
    assert [p.step for p in yard.sample("loss", [run.id], 10, first_step=3, last_step=5)] == [3, 4, 5]
    assert [p.step for p in yard.sample("loss", [run.id], 1)] == [999]


def test_a_chart_is_binary_and_keeps_the_extremes(small: Workplace) -> None:
    yard = small.tracking
    run = yard.start_run()
    spike = {500: 99.0, 700: -99.0}
    yard.log(run.id, [Point(key="loss", value=spike.get(i, 1.0), at_ms=i + 5, step=i) for i in range(1000)])
    body = b"".join(yard.chart("loss", [run.id], 10, axis=Axis.STEP))
    count, zero, origin = struct.unpack_from("<IId", body)
    ys = struct.unpack_from(f"<{count}f", body, 16 + 4 * count)
    assert (zero, origin) == (0, 0.0)
    assert count <= 22
    assert (min(ys), max(ys)) == (-99.0, 99.0)
    assert len(body) == 16 + 8 * count
    assert b"".join(yard.chart("none", [run.id])) == struct.pack("<IId", 0, 0, 0.0)


@pytest.mark.parametrize("axis", list(Axis))
def test_a_stretch_of_a_chart_has_every_point_and_one_more_on_each_side(small: Workplace, axis: Axis) -> None:
    yard = small.tracking
    run = yard.start_run()
    yard.log(run.id, [Point(key="loss", value=float(i), at_ms=i + 5, step=i) for i in range(1000)])
    begin = 5 if axis is Axis.TIME else 0

    def drawn(first: float | None, last: float | None) -> list[float]:
        body = b"".join(yard.chart("loss", [run.id], 10, axis=axis, first=first, last=last))
        count, _, _ = struct.unpack_from("<IId", body)
        return list(struct.unpack_from(f"<{count}f", body, 16 + 4 * count))

    assert drawn(begin + 400.5, begin + 414) == list(range(400, 416))
    assert drawn(None, begin + 3) == list(range(5))
    assert drawn(begin + 998, None) == [997, 998, 999]
    assert drawn(begin - 9, begin - 5) == [0] and drawn(begin + 2000, begin + 3000) == [999]
    assert drawn(None, None) == drawn(begin, begin + 999)


def test_a_chart_asked_for_again_has_what_was_logged_and_folded_since(small: Workplace) -> None:
    yard = small.tracking
    run, other = yard.start_run(), yard.start_run()

    def drawn(axis: Axis = Axis.STEP, smooth: int = 0) -> list[float]:
        body = b"".join(yard.chart("loss", [run.id], 100, axis=axis, smooth=smooth))
        count, _, _ = struct.unpack_from("<IId", body)
        return list(struct.unpack_from(f"<{count}f", body, 16 + 4 * count))

    yard.log(other.id, [Point(key="loss", value=9.0, at_ms=1, step=1)])
    assert drawn() == []
    for step in range(3):
        yard.log(run.id, [Point(key="loss", value=float(step), at_ms=9 - step, step=step)])
        assert drawn() == drawn() == [float(s) for s in range(step + 1)]
    assert drawn(Axis.TIME) == [2.0, 1.0, 0.0] and drawn(smooth=1) == [0.5, 1.0, 1.5]
    small.fold_all()
    assert drawn() == [0.0, 1.0, 2.0]
    yard.log(
        run.id, [Point(key="loss", value=7.0, at_ms=20, step=7)]
    )  # its packed call may have the number of a folded one
    assert drawn() == [0.0, 1.0, 2.0, 7.0]


def test_what_charts_keep_has_a_bound_and_the_longest_unused_goes_first() -> None:
    asked: list[int] = []

    def draw(i: int) -> bytes:
        asked.append(i)
        return bytes(40)

    kept = Drawn(most_bytes=100)
    for i in (1, 2, 1, 3, 1, 2):
        kept.block(i, partial(draw, i))
    assert asked == [1, 2, 3, 2] and kept.held_bytes == 80
    assert kept.block("large", lambda: bytes(101)) == bytes(101) and kept.held_bytes == 80


@given(st.lists(st.floats(width=32), max_size=300), st.integers(1, 40))
def test_extremes_never_lose_the_lowest_or_the_highest(ys: list[float], buckets: int) -> None:
    xs = array("d", range(len(ys)))
    _, kept = sampling.extremes(xs, array("d", ys), buckets)
    numbers = [y for y in ys if not math.isnan(y)]
    assert len(kept) <= 2 * buckets + 2 or len(kept) <= len(numbers) <= 2 * buckets
    if numbers:
        assert (min(kept), max(kept)) == (min(numbers), max(numbers))


def test_summaries_tell_of_tail_and_chunks_together(place: Workplace) -> None:
    run = place.tracking.start_run()
    place.tracking.log(run.id, [Point(key="loss", value=v, at_ms=i, step=i) for i, v in enumerate((3.0, 1.0, 2.0))])
    place.fold_all()
    place.tracking.log(
        run.id, [Point(key="loss", value=0.5, at_ms=9, step=9), Point(key="x", value=Special.NAN, at_ms=1)]
    )
    loss, odd = place.tracking.summaries(run.id)
    assert (loss.key, loss.points, loss.low, loss.high, loss.first_step, loss.last_step) == ("loss", 4, 0.5, 3.0, 0, 9)
    assert (odd.key, odd.points, odd.low, odd.high) == ("x", 1, None, None)


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=50), st.integers(1, 60))
def test_smoothing_is_the_mean_of_the_finite_neighbours(values: list[float], half: int) -> None:
    for i, found in enumerate(sampling.smoothed(array("d", values), half)):
        near = [v for v in values[max(0, i - half) : i + half + 1] if v == v]
        assert found == pytest.approx(sum(near) / len(near), abs=1e-6) if near else found != found
