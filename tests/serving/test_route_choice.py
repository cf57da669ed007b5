"""The choice of a revision: shares follow the weights, keys stick, and broken arms leave their share to the others."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serving.api.routes import Arm, HeaderRule, Route, Shadow, Sticky
from modelyard.serving.model.routes import Chooser, fault_of, sticky_point

WEIGHTS = st.lists(st.floats(0, 100), min_size=1, max_size=5).filter(lambda ws: sum(ws) > 0.1)


def route_of(weights: list[float]) -> Route:
    return Route(arms=tuple(Arm(f"r{place}", weight) for place, weight in enumerate(weights)))


@given(WEIGHTS)
def test_shares_follow_the_weights(weights: list[float]) -> None:
    chooser = Chooser(route_of(weights), [f"r{place}" for place in range(len(weights))])
    seen = Counter(chooser.by_point(step / 1000)[0] for step in range(1000))
    for place, weight in enumerate(weights):
        assert seen[f"r{place}"] / 1000 == pytest.approx(weight / sum(weights), abs=0.005)


@given(WEIGHTS, st.text(min_size=1, max_size=20))
def test_a_key_always_falls_on_the_same_arm(weights: list[float], key: str) -> None:
    names = [f"r{place}" for place in range(len(weights))]
    point = sticky_point(key.encode("utf-8", "surrogatepass"))
    assert 0 <= point < 1
    assert Chooser(route_of(weights), names).by_point(point) == Chooser(route_of(weights), names).by_point(point)


@given(WEIGHTS, st.data())
def test_only_usable_arms_answer(weights: list[float], data: st.DataObject) -> None:
    usable = data.draw(st.lists(st.sampled_from([f"r{place}" for place in range(len(weights))]), unique=True))
    chooser = Chooser(route_of(weights), usable)
    assert bool(chooser) == bool(usable)
    if usable:
        assert {chooser.by_point(step / 50)[0] for step in range(50)} <= set(usable)


def test_header_rules_come_first_and_in_order() -> None:
    rules = (HeaderRule("X-Team", "a", "r1"), HeaderRule("X-Team", "a", "r0"))
    chooser = Chooser(Route(arms=(Arm("r0"), Arm("r1", 0)), headers=rules), ["r0", "r1"])
    assert chooser.by_header({"x-team": "a"}) == ("r1", "header")
    assert chooser.by_header({"x-team": "b"}) is None
    assert chooser.single is None


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (Route(arms=()), "at least one arm"),
        (Route(arms=(Arm("a", -1),)), "from 0 up"),
        (Route(arms=(Arm("a", float("nan")),)), "from 0 up"),
        (Route(arms=(Arm("a", 0),)), "above 0"),
        (Route(arms=(Arm("a"), Arm("a"))), "one arm"),
        (Route(arms=(Arm("a"),), shadows=(Shadow("b", 2),)), "between 0 and 1"),
        (Route(arms=(Arm("a"),), sticky=Sticky()), "one of the two"),
    ],
)
def test_a_route_that_cannot_work_says_why(route: Route, why: str) -> None:
    assert why in (fault_of(route) or "")
