"""A cache key says the same for the same, and something else for anything else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from modelyard.pipelines.model.keys import cache_key, canonical, environment_digest
from modelyard.pipelines.model.planning import following

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
)
inputs = st.dictionaries(texts, values, max_size=5)
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)


def reordered(value: object) -> object:
    """The same value, every mapping filled in another order."""
    if isinstance(value, dict):
        return {key: reordered(item) for key, item in reversed(value.items())}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(inputs, hexes, hexes)
def test_the_order_of_names_does_not_count(given_: dict[str, object], code: str, environment: str) -> None:
    other = reordered(given_)
    assert isinstance(other, dict)
    key = cache_key(step="train", code=code, inputs=given_, environment=environment)
    assert cache_key(step="train", code=code, inputs=other, environment=environment) == key


@given(inputs, inputs)
def test_other_inputs_are_another_key(one: dict[str, object], other: dict[str, object]) -> None:
    keys = {cache_key(step="s", code="c", inputs=i, environment="e") for i in (one, other)}
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert len(keys) == (1 if same else 2)


@given(inputs, texts, texts, texts)
def test_step_code_and_environment_count_each_in_its_place(
    given_: dict[str, object], step: str, code: str, environment: str
) -> None:
    key = cache_key(step=step, code=code, inputs=given_, environment=environment)
    assert cache_key(step=step + "x", code=code, inputs=given_, environment=environment) != key
    assert cache_key(step=step, code=code + "x", inputs=given_, environment=environment) != key
    assert cache_key(step=step, code=code, inputs=given_, environment=environment + "x") != key
    if code != environment:
        assert cache_key(step=step, code=environment, inputs=given_, environment=code) != key


@given(values)
def test_the_canonical_form_is_json_of_the_same_value(value: object) -> None:
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(texts, texts, max_size=6))
def test_a_package_more_is_another_environment(packages: dict[str, str]) -> None:
    before = environment_digest("3.11.7", packages)
    assert environment_digest("3.11.7", dict(reversed(packages.items()))) == before
    assert environment_digest("3.11.7", {**packages, "another": "1.0"}) != before or packages.get("another") == "1.0"
    assert environment_digest("3.11.8", packages) != before


@given(st.integers(0, 10**12), st.integers(1, 10**6), st.integers(0, 10**12))
def test_a_schedule_keeps_its_beat_and_is_due_after_now(next_ms: int, every_s: int, late_ms: int) -> None:
    due = following(next_ms, every_s, next_ms + late_ms)
    assert due > next_ms + late_ms
    assert (due - next_ms) % (every_s * 1000) == 0
    assert due - (next_ms + late_ms) <= every_s * 1000
