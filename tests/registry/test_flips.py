"""Predictions that flip between champion and candidate, counted by hand and held against what the registry says."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref
from modelyard.registry.api import EvaluationRows, Flips, Gate, GateKind, Outcome, Registry, Task
from modelyard.registry.model.flipping import flips, portion
from modelyard.registry.service import RegistryService
from tests.registry.conftest import Workplace

TRUTH = [0.0, 1.0] * 60
ZONE = ["north"] * 60 + ["south"] * 60


def said(wrong: set[int], *, ids: bool = False) -> EvaluationRows:
    """Answers that are wrong on some rows and right on all others."""
    scores = [0.8 if (t == 1) != (n in wrong) else 0.2 for n, t in enumerate(TRUTH)]
    names = [f"r{n:03}" for n in range(len(TRUTH))] if ids else []
    return EvaluationRows(labels=TRUTH, scores=scores, groups={"zone": ZONE}, ids=names)


def tried(
    place: Workplace, champion: EvaluationRows, candidate: EvaluationRows, *, data: Ref | None = None
) -> Registry:
    """The registry with two versions that answered those rows; the first is in production, the second proposed as 1."""
    for version, rows in ((1, champion), (2, candidate)):
        place.registered("tips")
        place.registry.evaluate("tips", version, "holdout", rows, data=data)
    place.registry.set_alias("tips", "production", 1)
    assert place.registry.propose("tips", 2).number == 1
    return place.registry


def found_in(registry: Registry) -> Flips:
    """The only flips of the only proposal, the same when asked again."""
    (first,), (again,) = registry.diff("tips", 1).flips, registry.diff("tips", 1).flips
    assert first == again
    return first


def test_rows_that_change_their_label_become_right_or_wrong(place: Workplace) -> None:
    found = found_in(tried(place, said({0, 1, 2, 3, 70}, ids=True), said({3, 70, 71, 72}, ids=True)))
    assert (found.rows, found.changed.rows, found.better.rows, found.worse.rows) == (120, 5, 3, 2)
    assert found.worse.share == pytest.approx(2 / 120)
    assert (found.worse.low, found.worse.high) == pytest.approx((0.00458, 0.05874), abs=1e-5)
    cells = {(t.before, t.after): (t.rows, t.true_rows) for t in found.turns}
    assert cells == {(0, 0): (57, 1), (0, 1): (2, 1), (1, 0): (3, 1), (1, 1): (58, 57)}
    assert [(s.group, s.changed.rows, s.better, s.worse) for s in found.slices] == [
        ("zone=north", 3, 3, 0), ("zone=south", 2, 0, 2),
    ]  # fmt: skip
    assert [e.id for e in found.examples] == ["r071", "r072", "r000", "r001", "r002"]
    assert found.examples[0].groups == {"zone": "south"}
    assert (found.quantiles, found.tolerance, found.withheld) == ({}, None, "")


def test_each_version_is_judged_at_its_own_threshold(small: Workplace) -> None:
    scores = EvaluationRows(labels=[0.0, 1.0] * 20, scores=[0.4, 0.6] * 20)
    for version, threshold in ((1, 0.5), (2, 0.3)):
        small.registered("tips")
        small.registry.evaluate("tips", version, "holdout", scores, threshold=threshold)
    small.registry.set_alias("tips", "production", 1)
    small.registry.propose("tips", 2)
    found = found_in(small.registry)
    assert (found.thresholds, found.changed.rows, found.worse.rows) == ((0.5, 0.3), 20, 20)


def test_numbers_move_by_more_than_a_tenth_of_the_truths_deviation() -> None:
    truth = np.arange(100.0)
    tolerance = 0.1 * truth.std()
    before = EvaluationRows(labels=truth.tolist(), scores=(truth + 1).tolist())
    after = (truth + 1 + np.where(truth < 10, 1.01 * tolerance, np.where(truth < 15, -1.5 - tolerance, 0))).tolist()
    found = flips("h", Task.REGRESSION, (EvaluationRows(labels=truth.tolist(), scores=after), 0.5), (before, 0.5))
    assert found.tolerance == pytest.approx(tolerance)
    assert (found.changed.rows, found.better.rows, found.worse.rows) == (15, 0, 15)
    assert found.quantiles["0"] == pytest.approx(-1.5 - tolerance)
    assert found.quantiles["1"] == pytest.approx(1.01 * tolerance)
    assert found.quantiles["0.5"] == 0.0
    assert len(found.examples) == 15 and found.turns == ()
    same = flips("h", Task.REGRESSION, (before, 0.5), (before, 0.5))
    assert (same.changed.rows, same.examples, set(same.quantiles.values())) == (0, (), {0.0})


def test_without_the_same_rows_nothing_is_said_of_flips(small: Workplace) -> None:
    half = EvaluationRows(labels=TRUTH[:60], scores=[0.5] * 60)
    registry = tried(small, said(set()), half)
    assert registry.diff("tips", 1).flips == ()
    asked = registry.check_gates("tips", 2, gates=[Gate(name="calm", kind=GateKind.FLIPS, at_most=0.1)])
    assert (asked[0].outcome, "not evaluated on the same rows" in asked[0].text) == (Outcome.UNKNOWN, True)


def test_at_most_fifty_rows_are_shown(small: Workplace) -> None:
    found = found_in(tried(small, said(set()), said(set(range(80)))))
    assert (found.changed.rows, len(found.examples)) == (80, 50)


class Curtain:
    """Hides data from everybody but one."""

    def __init__(self) -> None:
        self.asked: list[Ref] = []
        self.open = False

    def shows(self, data: Ref) -> bool:
        """As it is set."""
        self.asked.append(data)
        return self.open


def test_rows_of_data_that_hides_something_are_not_shown(small: Workplace) -> None:
    curtain = Curtain()
    service = RegistryService(objects=small.objects, tracking=small.tracking, sight=curtain)
    small.registry = small.bench.open(Registry, service)
    registry = tried(small, said(set()), said({5}), data=Ref("table:trips@3"))
    hidden = found_in(registry)
    assert (hidden.changed.rows, hidden.examples) == (1, ())
    assert "table:trips@3 is hidden" in hidden.withheld
    curtain.open = True
    shown = found_in(registry)
    assert (len(shown.examples), shown.withheld, set(curtain.asked)) == (1, "", {"table:trips@3"})


def test_a_gate_bounds_the_share_that_becomes_wrong(small: Workplace) -> None:
    registry = tried(small, said({0}), said({1, 2, 3}))
    gates = [
        Gate(name="calm", kind=GateKind.FLIPS, at_most=0.025),
        Gate(name="calmer", kind=GateKind.FLIPS, at_most=0.024),
        Gate(name="surely", kind=GateKind.FLIPS, at_most=0.025, proven=True),
        Gate(name="sure", kind=GateKind.FLIPS, at_most=0.08, proven=True),
    ]
    asked = registry.check_gates("tips", 2, gates=gates)
    assert [r.outcome for r in asked] == [Outcome.PASSED, Outcome.FAILED, Outcome.FAILED, Outcome.PASSED]
    assert asked[0].value == pytest.approx(3 / 120) and "3 of the same 120 rows become wrong" in asked[0].text
    assert registry.check_gates("tips", 2, alias="other", gates=gates)[1].outcome is Outcome.PASSED
    for share in (None, -0.1, 1.0):
        with pytest.raises(InvalidInput, match="at_most"):
            registry.check_gates("tips", 2, gates=[Gate(name="calm", kind=GateKind.FLIPS, at_most=share)])


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_the_interval_of_a_share_holds_it_and_stays_within_nothing_and_all(some: int, rest: int) -> None:
    found = portion(some, some + rest)
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.low < found.high


def test_the_interval_is_wilsons() -> None:
    found = portion(10, 100)
    assert (found.low, found.high) == pytest.approx((0.05523, 0.17437), abs=1e-5)
