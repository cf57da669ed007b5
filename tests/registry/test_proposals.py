"""Proposals and gates, by the api: opened, judged with numbers, approved by others, merged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from modelyard.kernel.errors import Conflict, Forbidden, GateClosed, InvalidInput, NotFound
from modelyard.registry.api import (
    AliasMoved,
    EvaluationRows,
    Gate,
    GateKind,
    Metric,
    Outcome,
    Parity,
    ProposalApproved,
    ProposalState,
    Task,
)
from tests.registry import hostile
from tests.registry.conftest import Workplace

RNG = np.random.default_rng(7)
TRUTH = RNG.integers(0, 2, 600).astype(float)
ZONE = ["north" if n < 300 else "south" for n in range(600)]


def answers(noise: float, *, seed: int = 1, worse_in_south: float = 0.0) -> EvaluationRows:
    """Answers to the same 600 rows; the more noise, the worse."""
    rng = np.random.default_rng(seed)
    amount = np.where(np.array(ZONE) == "south", noise + worse_in_south, noise)
    scores = np.clip(TRUTH * 0.6 + 0.2 + rng.normal(0, 1, 600) * amount, 0.001, 0.999)
    return EvaluationRows(labels=TRUTH.tolist(), scores=scores.tolist(), groups={"zone": ZONE})


def two_versions(place: Workplace, first: EvaluationRows, second: EvaluationRows) -> None:
    """A champion in production and a challenger, both tried on the same rows."""
    place.registered("tips")
    place.registered("tips")
    place.registry.evaluate("tips", 1, "holdout", first)
    place.registry.evaluate("tips", 2, "holdout", second)
    place.registry.set_alias("tips", "production", 1)
    place.registry.protect_model("tips")


SAFE = Gate(name="safe", kind=GateKind.SAFE)
NO_WORSE = Gate(name="no-worse", kind=GateKind.NO_WORSE, metric=Metric.LOG_LOSS)


def test_a_proposal_is_judged_approved_and_merged(place: Workplace) -> None:
    two_versions(place, answers(0.3), answers(0.1))
    fair = Gate(name="fair", kind=GateKind.GROUP_GAP, group="zone", at_most=0.3)
    good = Gate(name="good", kind=GateKind.THRESHOLD, metric=Metric.AUC, at_least=0.9)
    place.registry.declare_gates("tips", [SAFE, NO_WORSE, fair, good], approvals=1)
    place.bench.act_as("ana")
    opened = place.registry.propose("tips", 2, title="with weather")
    assert (opened.state, opened.champion, opened.author, opened.ready) == (ProposalState.OPEN, 1, "actor_ana", False)
    judged = place.registry.run_gates("tips", opened.number)
    assert {r.gate: r.outcome for r in judged.results} == dict.fromkeys(
        ("safe", "no-worse", "fair", "good"), Outcome.PASSED
    )
    ahead = next(r for r in judged.results if r.gate == "no-worse")
    assert ahead.value is not None and ahead.low is not None and ahead.value > 0 and ahead.low > 0
    with pytest.raises(Forbidden):
        place.registry.approve("tips", opened.number)
    with pytest.raises(GateClosed, match="1 more approval"):
        place.registry.merge("tips", opened.number)
    place.bench.act_as("ben")
    approved = place.registry.approve("tips", opened.number, "looked at the slices")
    assert (approved.state, approved.ready) == (ProposalState.APPROVED, True)
    merged = place.registry.merge("tips", opened.number)
    assert (merged.state, merged.merged_by) == (ProposalState.MERGED, "actor_ben")
    assert place.registry.aliased("tips", "production").version == 2
    move = place.registry.alias_history("tips", "production").items[0]
    assert (move.proposal, move.approvers, move.before) == (opened.number, ("actor_ben",), 1)
    event = place.bench.events(AliasMoved)[-1]
    assert event.reads == ("model:tips@2", f"proposal:{opened.number}")
    assert event.decode(AliasMoved).approvers == ("actor_ben",)
    assert place.bench.events(ProposalApproved)[0].reads == ("model:tips@2",)
    stood = place.registry.alias_at("tips", "production", str(place.bench.clock.now_ms())).move
    assert stood is not None and stood.approvers == ("actor_ben",)


def test_a_worse_candidate_is_held_back_with_the_numbers(place: Workplace) -> None:
    two_versions(place, answers(0.1), answers(0.4))
    place.registry.declare_gates("tips", [NO_WORSE])
    opened = place.registry.propose("tips", 2)
    result = place.registry.run_gates("tips", opened.number).results[0]
    assert result.outcome is Outcome.FAILED
    assert result.high is not None and result.high < 0
    assert "behind version 1 on the same 600 rows" in result.text
    place.bench.act_as("ben")
    place.registry.approve("tips", opened.number)
    with pytest.raises(GateClosed, match="no-worse"):
        place.registry.merge("tips", opened.number)
    assert place.registry.aliased("tips", "production").version == 1


def test_a_closed_gate_is_waived_by_another_for_a_reason_that_is_kept(place: Workplace) -> None:
    two_versions(place, answers(0.1), answers(0.4))
    place.registry.declare_gates("tips", [NO_WORSE])
    opened = place.registry.propose("tips", 2)
    place.registry.run_gates("tips", opened.number)
    with pytest.raises(Forbidden):
        place.registry.waive("tips", opened.number, "no-worse", "because")
    place.bench.act_as("ben")
    with pytest.raises(Conflict, match="closed now: no-worse"):
        place.registry.waive("tips", opened.number, "other", "because")
    waived = place.registry.waive("tips", opened.number, "no-worse", "the old one leaks the label")
    assert (waived.results[0].outcome, waived.results[0].waived_by) == (Outcome.WAIVED, "actor_ben")
    assert waived.results[0].waived_because == "the old one leaks the label"
    place.registry.approve("tips", opened.number)
    assert place.registry.merge("tips", opened.number).state is ProposalState.MERGED
    assert [e.kind for e in place.bench.events("registry.gate_waived")]


def test_no_worse_wants_the_same_rows(small: Workplace) -> None:
    two_versions(small, answers(0.3), answers(0.1))
    small.registered("tips")
    half = EvaluationRows(labels=TRUTH[:300].tolist(), scores=[0.5] * 300)
    small.registry.evaluate("tips", 3, "holdout", half)
    small.registry.declare_gates("tips", [NO_WORSE])
    assert small.registry.check_gates("tips", 2)[0].outcome is Outcome.PASSED
    unknown = small.registry.check_gates("tips", 3)[0]
    assert (unknown.outcome, "not evaluated on the same rows" in unknown.text) == (Outcome.UNKNOWN, True)
    small.registered("tips")
    assert "was not evaluated" in small.registry.check_gates("tips", 4)[0].text


def test_rows_are_paired_by_id_whatever_their_order(small: Workplace) -> None:
    small.registered("tips")
    ids = [f"r{n}" for n in range(4)]
    one = small.registry.evaluate(
        "tips", 1, "a", EvaluationRows(labels=[0, 1, 0, 1], scores=[0.1, 0.9, 0.2, 0.8], ids=ids)
    )
    other = small.registry.evaluate(
        "tips", 1, "b", EvaluationRows(labels=[1, 0, 1, 0], scores=[0.8, 0.2, 0.9, 0.1], ids=ids[::-1])
    )
    assert one.rows_key == other.rows_key
    assert one.figures == other.figures


def test_an_equal_candidate_is_no_worse_and_unproven_ones_are_held_back_only_on_demand(small: Workplace) -> None:
    two_versions(small, answers(0.2), answers(0.2))
    proven = Gate(name="proven", kind=GateKind.NO_WORSE, metric=Metric.LOG_LOSS, proven=True)
    small.registry.declare_gates("tips", [NO_WORSE, proven])
    assert [r.outcome for r in small.registry.check_gates("tips", 2)] == [Outcome.PASSED, Outcome.PASSED]
    small.registered("tips")
    small.registry.evaluate("tips", 3, "holdout", answers(0.2, seed=10))
    plain, strict = small.registry.check_gates("tips", 3)
    assert plain.low is not None and plain.high is not None and plain.low < 0 < plain.high
    assert (plain.outcome, strict.outcome) == (Outcome.PASSED, Outcome.FAILED)


def test_a_gap_between_groups_closes_the_gate_and_names_them(small: Workplace) -> None:
    two_versions(small, answers(0.1), answers(0.1, worse_in_south=1.5))
    gate = Gate(
        name="fair", kind=GateKind.GROUP_GAP, group="zone", parity=Parity.TRUE_POSITIVE_RATE, at_most=0.1
    )  # fmt: skip
    small.registry.declare_gates("tips", [gate])
    result = small.registry.check_gates("tips", 2)[0]
    assert result.outcome is Outcome.FAILED
    assert "south" in result.text and "north" in result.text
    assert small.registry.check_gates("tips", 1)[0].outcome is Outcome.PASSED


def test_what_is_not_safe_to_load_does_not_pass(small: Workplace) -> None:
    small.registered("tips", {"model.pkl": hostile.SYSTEM})
    small.registry.declare_gates("tips", [SAFE])
    result = small.registry.check_gates("tips", 1)[0]
    assert (result.outcome, "system" in result.text) == (Outcome.FAILED, True)


def _mlmodel(inputs: str) -> bytes:
    return f"flavors: {{}}\nsignature:\n  inputs: '{inputs}'\n  outputs: '[{{\"type\": \"long\"}}]'\n".encode()


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        ('[{"type": "long", "name": "a"}]', Outcome.PASSED),
        ('[{"type": "double", "name": "a"}]', Outcome.PASSED),
        ('[{"type": "string", "name": "a"}]', Outcome.FAILED),
        ('[{"type": "long", "name": "b"}]', Outcome.FAILED),
        ('[{"type": "long", "name": "a"}, {"type": "long", "name": "b"}]', Outcome.FAILED),
        ('[{"type": "long", "name": "a"}, {"type": "long", "name": "b", "required": false}]', Outcome.PASSED),
    ],
)
def test_a_candidate_takes_what_the_champion_took(small: Workplace, after: str, outcome: Outcome) -> None:
    small.registered("tips", {"MLmodel": _mlmodel('[{"type": "long", "name": "a"}]')})
    small.registered("tips", {"MLmodel": _mlmodel(after)})
    small.registry.set_alias("tips", "production", 1)
    small.registry.declare_gates("tips", [Gate(name="callers", kind=GateKind.SIGNATURE)])
    assert small.registry.check_gates("tips", 2)[0].outcome is outcome


def test_the_gates_are_asked_again_when_another_becomes_champion(place: Workplace) -> None:
    two_versions(place, answers(0.3), answers(0.2))
    place.registered("tips")
    place.registry.evaluate("tips", 3, "holdout", answers(0.1))
    place.registry.declare_gates("tips", [NO_WORSE], approvals=1)
    numbers = [place.registry.propose("tips", version).number for version in (2, 3)]
    for number in numbers:
        place.registry.run_gates("tips", number)
    place.bench.act_as("ben")
    for number in numbers:
        place.registry.approve("tips", number)
    place.registry.merge("tips", numbers[1])
    late = place.registry.proposal("tips", numbers[0])
    assert (late.stale, late.ready) == (True, False)
    with pytest.raises(GateClosed, match="moved since"):
        place.registry.merge("tips", numbers[0])
    again = place.registry.run_gates("tips", numbers[0])
    assert (again.champion, again.results[0].outcome, again.state) == (3, Outcome.FAILED, ProposalState.APPROVED)


def test_what_is_asked_anew_is_asked_of_proposals_under_way(place: Workplace) -> None:
    two_versions(place, answers(0.3), answers(0.1))
    place.registry.declare_gates("tips", [SAFE], approvals=1)
    number = place.registry.propose("tips", 2).number
    place.registry.run_gates("tips", number)
    place.bench.act_as("ben")
    assert place.registry.approve("tips", number).ready
    place.registry.declare_gates("tips", [SAFE, NO_WORSE], approvals=2)
    found = place.registry.proposal("tips", number)
    assert (found.state, found.needed, found.results) == (ProposalState.OPEN, 2, ())
    place.bench.act_as("cam")
    place.registry.approve("tips", number)
    with pytest.raises(GateClosed, match="run-gates"):
        place.registry.merge("tips", number)
    place.registry.run_gates("tips", number)
    assert place.registry.merge("tips", number).state is ProposalState.MERGED


def test_one_voice_counts_once_and_the_last_word_counts(small: Workplace) -> None:
    two_versions(small, answers(0.3), answers(0.1))
    small.registry.declare_gates("tips", [], approvals=2)
    number = small.registry.propose("tips", 2).number
    small.bench.act_as("ben")
    small.registry.approve("tips", number)
    assert small.registry.approve("tips", number, "again").state is ProposalState.OPEN
    small.bench.act_as("cam")
    declined = small.registry.decline("tips", number, "worse at night")
    assert declined.state is ProposalState.DECLINED
    for attempt in (small.registry.approve, small.registry.decline, small.registry.merge, small.registry.run_gates):
        with pytest.raises(Conflict, match="declined"):
            attempt("tips", number)


def test_only_its_author_withdraws_a_proposal(small: Workplace) -> None:
    two_versions(small, answers(0.3), answers(0.1))
    small.bench.act_as("ana")
    number = small.registry.propose("tips", 2).number
    small.bench.act_as("ben")
    with pytest.raises(Forbidden):
        small.registry.withdraw("tips", number)
    small.bench.act_as("ana")
    with pytest.raises(Forbidden):
        small.registry.decline("tips", number)
    assert small.registry.withdraw("tips", number).state is ProposalState.WITHDRAWN


def test_the_same_is_not_proposed_twice(small: Workplace) -> None:
    two_versions(small, answers(0.3), answers(0.1))
    with pytest.raises(Conflict, match="already"):
        small.registry.propose("tips", 1)
    small.registry.propose("tips", 2)
    with pytest.raises(Conflict, match="asks for the same"):
        small.registry.propose("tips", 2)
    with pytest.raises(NotFound):
        small.registry.propose("tips", 9)


def test_proposals_are_listed_by_state(place: Workplace) -> None:
    two_versions(place, answers(0.3), answers(0.1))
    first = place.registry.propose("tips", 2).number
    place.registry.withdraw("tips", first)
    second = place.registry.propose("tips", 2).number
    place.registered("fares")
    third = place.registry.propose("fares", 1).number
    assert [p.number for p in place.registry.proposals().items] == [third, second, first]
    assert [p.number for p in place.registry.proposals(state=ProposalState.OPEN).items] == [third, second]
    assert [p.number for p in place.registry.proposals("tips", ProposalState.WITHDRAWN).items] == [first]
    with pytest.raises(NotFound):
        place.registry.proposal("fares", second)
    page = place.registry.proposals(limit=1)
    assert [p.number for p in place.registry.proposals(limit=1, cursor=page.next).items] == [second]


def test_the_difference_shows_metrics_by_slice_params_data_and_signature(place: Workplace) -> None:
    place.registry.create_model("tips")
    for depth, inputs in (("3", '[{"type": "long", "name": "a"}]'), ("5", '[{"type": "double", "name": "a"}]')):
        run = place.run_with({"MLmodel": _mlmodel(inputs)})
        place.tracking.log(run, params={"depth": depth, "seed": "1"})
        place.registry.register("tips", f"runs:/{run}/model")
    place.registry.evaluate("tips", 1, "holdout", answers(0.2))
    place.registry.evaluate("tips", 2, "holdout", answers(0.1, worse_in_south=0.8))
    place.registry.set_alias("tips", "production", 1)
    number = place.registry.propose("tips", 2).number
    diff = place.registry.diff("tips", number)
    assert (diff.candidate, diff.champion) == (2, 1)
    assert [(c.what, c.before, c.after) for c in diff.params] == [("depth", "3", "5")]
    assert [(c.what, c.before, c.after) for c in diff.signature] == [("input a", "long", "double")]
    slices = [c for c in diff.metrics if c.group]
    assert [c.group for c in slices] == ["zone=south", "zone=north"]
    assert (slices[0].better, slices[1].better) == (False, True)
    whole = next(c for c in diff.metrics if c.metric is Metric.AUC and not c.group)
    assert whole.paired and whole.champion is not None and whole.low is not None


def test_the_difference_is_the_same_again_without_reading_a_row(place: Workplace) -> None:
    for wrong in (0.2, 0.1):
        place.registered("tips")
        place.registry.evaluate("tips", 1 if wrong == 0.2 else 2, "holdout", answers(wrong))
    place.registry.set_alias("tips", "production", 1)
    number = place.registry.propose("tips", 2).number
    first = place.registry.diff("tips", number)
    rows = [p for p in (place.bench.home / "objects").rglob("*") if p.is_file()]
    for path in rows:
        path.unlink()
    assert place.registry.diff("tips", number) == first
    assert any(c.paired for c in first.metrics)


def test_a_proposal_without_a_champion_can_be_merged_and_compared_with_nothing(small: Workplace) -> None:
    small.registered("tips")
    small.registry.evaluate("tips", 1, "holdout", answers(0.2))
    small.registry.declare_gates("tips", [NO_WORSE], approvals=0)
    number = small.registry.propose("tips", 1).number
    assert small.registry.proposal("tips", number).state is ProposalState.APPROVED
    assert small.registry.diff("tips", number).champion is None
    small.registry.run_gates("tips", number)
    assert small.registry.merge("tips", number).state is ProposalState.MERGED


@pytest.mark.parametrize(
    "gate",
    [
        Gate(name="a", kind=GateKind.THRESHOLD),
        Gate(name="a", kind=GateKind.THRESHOLD, metric=Metric.AUC),
        Gate(name="a", kind=GateKind.NO_WORSE),
        Gate(name="a", kind=GateKind.NO_WORSE, metric=Metric.AUC, margin=-1),
        Gate(name="a", kind=GateKind.GROUP_GAP, group="zone"),
        Gate(name="a", kind=GateKind.GROUP_GAP, at_most=0.1),
        Gate(name="a", kind=GateKind.FRESHNESS),
    ],
)
def test_a_gate_that_cannot_be_asked_is_refused(small: Workplace, gate: Gate) -> None:
    small.registry.create_model("tips")
    with pytest.raises(InvalidInput, match="gate a"):
        small.registry.declare_gates("tips", [gate])


def test_two_gates_of_one_name_are_refused(small: Workplace) -> None:
    small.registry.create_model("tips")
    with pytest.raises(InvalidInput):
        small.registry.declare_gates("tips", [SAFE, SAFE])


@pytest.mark.parametrize(
    "rows",
    [
        EvaluationRows(labels=[], scores=[]),
        EvaluationRows(labels=[0, 1], scores=[0.5]),
        EvaluationRows(labels=[0, 2], scores=[0.5, 0.5]),
        EvaluationRows(labels=[0, 1], scores=[0.5, 1.5]),
        EvaluationRows(labels=[0, 1], scores=[0.5, float("nan")]),
        EvaluationRows(labels=[0, 1], scores=[0.5, 0.5], groups={"zone": ["n"]}),
        EvaluationRows(labels=[0, 1], scores=[0.5, 0.5], ids=["a", "a"]),
    ],
)
def test_rows_that_cannot_be_measured_are_refused(small: Workplace, rows: EvaluationRows) -> None:
    small.registered("tips")
    with pytest.raises(InvalidInput):
        small.registry.evaluate("tips", 1, "holdout", rows)


def test_numbers_are_measured_as_numbers(small: Workplace) -> None:
    small.registered("tips")
    rows = EvaluationRows(labels=[1.0, 2.0, 3.0, 4.0], scores=[1.5, 2.0, 2.5, 4.0])
    made = small.registry.evaluate("tips", 1, "holdout", rows, task=Task.REGRESSION)
    figures = {f.metric: f.value for f in made.figures}
    assert figures[Metric.MAE] == pytest.approx(0.25)
    assert figures[Metric.RMSE] == pytest.approx(0.125**0.5)
    assert figures[Metric.R2] == pytest.approx(0.9)
    assert [e.id for e in small.registry.evaluations("tips", 1).items] == [made.id]


def test_freshness_counts_days_since_registration(small: Workplace) -> None:
    from datetime import timedelta

    small.registered("tips")
    small.registry.declare_gates("tips", [Gate(name="fresh", kind=GateKind.FRESHNESS, max_age_days=7)])
    outcome: Callable[[], Outcome] = lambda: small.registry.check_gates("tips", 1)[0].outcome  # noqa: E731  # asked twice
    assert outcome() is Outcome.PASSED
    small.bench.clock.advance(timedelta(days=8))
    assert outcome() is Outcome.FAILED
