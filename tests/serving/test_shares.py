"""How a route changes: shares add up, proportions stay, a rollback goes back and never to and fro."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serving.api import Arm, Route, Shadow, Sticky
from modelyard.serving.model import shares
from modelyard.serving.model.routes import fault_of

ARMS = st.lists(st.floats(0.01, 100), min_size=1, max_size=4)


def route_of(weights: list[float]) -> Route:
    return Route(
        arms=tuple(Arm(str(n + 1), weight) for n, weight in enumerate(weights)), sticky=Sticky(header="x-user")
    )


@given(ARMS, st.floats(0.001, 0.999))
def test_a_canary_gets_its_share_and_the_others_keep_their_proportions(weights: list[float], share: float) -> None:
    before = route_of(weights)
    after = shares.with_canary(before, "99", share)
    assert fault_of(after) is None
    assert sum(arm.weight for arm in after.arms) == pytest.approx(1)
    kept = [arm.weight for arm in after.arms if arm.revision != "99"]
    assert [w / sum(kept) for w in kept] == pytest.approx([w / sum(weights) for w in weights])
    assert shares.champion_of(after) == shares.champion_of(before)
    assert shares.with_canary(after, "99", 0.5).arms[-1] == Arm("99", 0.5, "canary")


def test_a_champion_takes_all_and_shadows_of_others_stay() -> None:
    route = Route(arms=(Arm("1", 9), Arm("2", 1, "canary")), shadows=(Shadow("2"), Shadow("3")))
    after = shares.with_champion(route, "2")
    assert after == Route(arms=(Arm("2"),), shadows=(Shadow("3"),))
    assert shares.with_shadow(after, "1").shadows == (Shadow("3"), Shadow("1"))
    assert shares.unknown(route, {"1", "2"}) == ["3"]


@pytest.mark.parametrize(
    ("history", "present", "former"),
    [
        ([("1", "deploy")], "1", None),
        ([("2", "deploy"), ("1", "deploy")], "2", "1"),
        ([("2", "set"), ("2", "promote"), ("1", "deploy")], "2", "1"),
        ([("2", "rollback"), ("3", "deploy"), ("2", "deploy"), ("1", "deploy")], "2", "1"),
        ([("1", "rollback"), ("2", "rollback"), ("3", "deploy"), ("2", "deploy"), ("1", "deploy")], "1", None),
        ([("3", "promote"), ("2", "rollback"), ("3", "deploy"), ("2", "deploy")], "3", "2"),
    ],
)
def test_a_rollback_goes_to_the_champion_before(
    history: list[tuple[str, str]], present: str, former: str | None
) -> None:
    assert shares.former_champion(history, present) == former
