"""Online rows give what the slow reference gives, however they came: in bulk, one by one, or both in turn."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.features.api import Aggregate, Cell, Key, KeyType
from modelyard.features.model.join import Log
from modelyard.features.model.packing import (
    Row,
    key_of,
    key_part,
    materialised_onto,
    online_row,
    pack,
    parts_of,
    pushed_onto,
    tail_of,
    unpack,
)
from modelyard.features.model.semantics import Plan
from modelyard.kernel.errors import InvalidInput
from tests.features.model.reference import Ask, Fact, answer, unknown
from tests.features.model.test_join import same, without_cancellation
from tests.features.model.worlds import keys_of, plans, rows_of

KEY: tuple[str | int | None, ...] = ("a", 1)
NUMBERS = st.sampled_from([0.0, 1.5, -2.0, 0.1, float("nan")]) | st.none()
FACTS = st.lists(
    st.builds(
        Fact, key=st.just(KEY), event=st.integers(0, 12), created=st.none() | st.integers(0, 3),
        values=st.tuples(NUMBERS, st.sampled_from(["x", ""]) | st.none()),
    ),
    max_size=20,
)  # fmt: skip
KEYS = (Key(name="name"), Key(name="number", type=KeyType.INT64))


def clean(value: Cell) -> Cell:
    return None if unknown(value) else value


def pushed(plan: Plan, fact: Fact) -> bytes:
    assert fact.event is not None
    times = fact.event.to_bytes(8, "little", signed=True) if plan.windowed else b""
    tails = tuple(tail_of(clean(fact.values[place])) for place in plan.windowed)
    return pack(Row(fact.event, fact.created, tuple(clean(fact.values[p]) for p in plan.newest), times, tails))


def in_bulk(plan: Plan, facts: list[Fact], up_to: int) -> bytes | None:
    rows = rows_of(facts, created=True)
    newest = Log(plan, rows, keys_of([]), pa.array([], pa.int64())).newest(up_to)
    if not len(newest.places):
        return None
    assert len(newest.places) == 1
    place, first, end = int(newest.places[0]), int(newest.first[0]), int(newest.end[0])
    times = newest.event_us[first:end].tobytes() if plan.windowed else b""
    tails = tuple(tail[first:end].tobytes() for tail in newest.tails)
    values = tuple(clean(facts[place].values[p]) for p in plan.newest)
    return pack(Row(int(newest.event_us[end - 1]), facts[place].created, values, times, tails))


def agrees(plan: Plan, facts: list[Fact], row: bytes | None, moment: int) -> None:
    given_row = online_row([plan], [row], moment)
    status, wanted = answer(plan, facts, Ask(KEY, moment))
    assert given_row.status == {"v": status}
    for output, want in zip(plan.outputs, wanted, strict=True):
        if without_cancellation(facts) or output.aggregate not in (Aggregate.SUM, Aggregate.MEAN):
            assert same(given_row.values[output.name], want), (output, given_row, want)


@given(plan=plans(), facts=FACTS, later=st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_rows_that_were_pushed_one_by_one_agree_with_the_reference(plan: Plan, facts: list[Fact], later: int) -> None:
    row: bytes | None = None
    for fact in facts:
        row = pushed_onto(plan)(row, pushed(plan, fact))
    newest = max((fact.event or 0 for fact in facts), default=0)
    agrees(plan, facts, row, newest + plan.delay_us + later)


@given(plan=plans(), facts=FACTS, up_to=st.integers(0, 15), later=st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_rows_that_were_materialised_agree_with_the_reference(
    plan: Plan, facts: list[Fact], up_to: int, later: int
) -> None:
    in_time = [fact for fact in facts if (fact.event or 0) + plan.delay_us <= up_to]
    agrees(plan, in_time, in_bulk(plan, facts, up_to), up_to + later)


@given(plan=plans(), table=FACTS, pushes=FACTS, up_to=st.integers(0, 15), later=st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_pushes_after_a_materialisation_and_its_repeat_agree_with_the_reference(
    plan: Plan, table: list[Fact], pushes: list[Fact], up_to: int, later: int
) -> None:
    row = in_bulk(plan, table, up_to)
    for fact in pushes:
        row = pushed_onto(plan)(row, pushed(plan, fact))
    again = in_bulk(plan, table, up_to)
    if again is None:
        return
    row = materialised_onto(plan, up_to)(row, again)
    counted = [fact for fact in table if (fact.event or 0) + plan.delay_us <= up_to]
    counted += [fact for fact in pushes if (fact.event or 0) + plan.delay_us > up_to]
    newest = max((fact.event or 0 for fact in counted), default=0)
    agrees(plan, counted, row, max(newest + plan.delay_us, up_to) + later)


@given(plan=plans(), facts=st.lists(FACTS.filter(bool), min_size=2, max_size=2))
@settings(max_examples=100, deadline=None)
def test_a_row_survives_packing(plan: Plan, facts: list[list[Fact]]) -> None:
    row = pushed(plan, facts[0][0])
    assert pack(unpack(row)) == row


@given(st.lists(st.tuples(st.text(max_size=200), st.integers(-(2**63), 2**63 - 1)), max_size=8))
def test_different_keys_are_packed_differently_and_fit(pairs: list[tuple[str, int]]) -> None:
    packed = {}
    for name, number in pairs:
        try:
            packed[name, number] = key_of(KEYS, {"name": name, "number": number})
        except InvalidInput:
            assert any(0xD800 <= ord(c) < 0xE000 for c in name)
    assert len(set(packed.values())) == len(packed)
    for (name, number), key in packed.items():
        assert len(key) < 320
        assert parts_of(key) == [key_part(KEYS[0], name), number]


@pytest.mark.parametrize("given_key", [{}, {"name": "a"}, {"name": 1, "number": 1}, {"name": "a", "number": True},
                                       {"name": None, "number": 1}, {"name": "a", "number": 2**63},
                                       {"name": "a", "number": 1.0}])  # fmt: skip
def test_a_key_of_another_type_is_refused(given_key: dict[str, Cell]) -> None:
    with pytest.raises(InvalidInput):
        key_of(KEYS, given_key)


def test_a_tail_keeps_what_is_unknown() -> None:
    import struct

    assert math.isnan(struct.unpack("<d", tail_of(None))[0])
    assert struct.unpack("<d", tail_of("text"))[0] == 1.0
