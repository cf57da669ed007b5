"""The offline engine gives what the slow reference gives, for every world; and the online row agrees with both."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelyard.features.api import Aggregate, Cell, Status
from modelyard.features.model.join import Log
from modelyard.features.model.semantics import Plan
from modelyard.features.model.windows import over_ranges
from tests.features.model.reference import Ask, Fact, answer
from tests.features.model.worlds import ASKS, FACTS, keys_of, plans, rows_of

NAMES = (Status.PRESENT, Status.MISSING, Status.EXPIRED)


def same(one: Cell, other: Cell) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6 * (1 + abs(other)))
    return one == other and (one is None) == (other is None)


def joined(plan: Plan, facts: list[Fact], asks: list[Ask], *, created: bool) -> list[tuple[Status, list[Cell]]]:
    moments = pa.array([ask.moment for ask in asks], pa.int64())
    done = Log(plan, rows_of(facts, created=created), keys_of([ask.key for ask in asks]), moments).join()
    columns = [column.to_pylist() for column in done.columns]
    assert all(len(column) == len(asks) for column in columns)
    return [(NAMES[int(done.status[i])], [column[i] for column in columns]) for i in range(len(asks))]


def without_cancellation(facts: list[Fact]) -> bool:
    """Sums of 1e17 and -1e17 round; such worlds are compared without their sums elsewhere."""
    numbers = {fact.values[0] for fact in facts}
    return not {1e17, -1e17} <= numbers


@given(plan=plans(), facts=FACTS, asks=ASKS, created=st.booleans())
@settings(max_examples=400, deadline=None)
@example(plan=Plan("v", (), (), (), (), None, 0, 0), facts=[], asks=[Ask(("a", 1), 3)], created=True)
def test_the_engine_agrees_with_the_slow_reference(
    plan: Plan, facts: list[Fact], asks: list[Ask], created: bool
) -> None:
    if not created:
        facts = [replace(fact, created=None) for fact in facts]
    for ask, (status, values) in zip(asks, joined(plan, facts, asks, created=created), strict=True):
        wanted_status, wanted = answer(plan, facts, ask)
        assert status == wanted_status
        for output, value, want in zip(plan.outputs, values, wanted, strict=True):
            if without_cancellation(facts) or output.aggregate not in (Aggregate.SUM, Aggregate.MEAN):
                assert same(value, want), (output, ask, value, want)


@given(plan=plans(), facts=FACTS, asks=ASKS, seed=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_rows_are_read_does_not_matter(
    plan: Plan, facts: list[Fact], asks: list[Ask], seed: Any
) -> None:
    order = list(range(len(facts)))
    seed.shuffle(order)
    moments = pa.array([ask.moment for ask in asks], pa.int64())
    keys = keys_of([ask.key for ask in asks])
    straight = Log(plan, rows_of(facts, created=True), keys, moments).join()
    shuffled_rows = replace(
        rows_of([facts[i] for i in order], created=True), arrival=np.array(order, dtype=np.int64)
    )  # fmt: skip
    shuffled = Log(plan, shuffled_rows, keys, moments).join()
    assert straight.status.tolist() == shuffled.status.tolist()
    for output, one, other in zip(plan.outputs, straight.columns, shuffled.columns, strict=True):
        if output.window_us is None:
            assert one.equals(other)


def test_nothing_after_the_moment_is_ever_seen() -> None:
    rng = np.random.default_rng(7)
    facts = [Fact(("a", 1), int(t), None, (float(t), None)) for t in rng.integers(0, 1000, 500)]
    asks = [Ask(("a", 1), int(t)) for t in rng.integers(0, 1000, 300)]
    plan = Plan("v", ("number", "text"), (), (0, 1), (), None, 0, 0)
    from modelyard.features.api import FeatureType
    from modelyard.features.model.semantics import Output

    outputs = (
        Output("v__number", 0, None, None, FeatureType.FLOAT64),
        Output("v__max", 0, Aggregate.MAX, 50, FeatureType.FLOAT64),
    )
    plan = Plan("v", ("number", "text"), outputs, (0,), (0,), None, 0, 50)
    for ask, (_, values) in zip(asks, joined(plan, facts, asks, created=False), strict=True):
        assert ask.moment is not None
        for value in values:
            assert value is None or (isinstance(value, float) and value <= ask.moment)


@given(
    values=st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=70),
    ranges=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=30),
    aggregate=st.sampled_from(list(Aggregate)),
)
@settings(max_examples=300, deadline=None)
def test_ranges_are_folded_as_slices_would_be(
    values: list[float], ranges: list[tuple[int, int]], aggregate: Aggregate
) -> None:
    array = np.array(values, dtype=np.float64)
    first = np.array([min(a, b, len(values)) for a, b in ranges], dtype=np.int64)
    end = np.array([min(max(a, b), len(values)) for a, b in ranges], dtype=np.int64)
    from tests.features.model.reference import over

    folded, unknown = over_ranges(aggregate, array, first, end)
    for i in range(len(ranges)):
        want = over(aggregate, [v for v in values[first[i] : end[i]] if not math.isnan(v)])
        assert unknown[i] == (want is None)
        assert want is None or math.isclose(folded[i], float(want), rel_tol=1e-9, abs_tol=1e-6)


def test_a_small_window_beside_large_numbers_keeps_its_digits() -> None:
    values = np.array([1e18, 1e18, 0.1, 0.2, 0.3, 1e18])
    folded, _ = over_ranges(Aggregate.SUM, values, np.array([2]), np.array([5]))
    assert folded[0] == 0.1 + 0.2 + 0.3 or math.isclose(folded[0], 0.6, rel_tol=1e-15)
