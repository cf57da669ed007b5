"""What a proposal is judged by: tests of one's own, the age of data, time taken, roles, and what makes it stale."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from modelyard.kernel.errors import GateClosed, InvalidInput
from modelyard.registry.api import (
    EvaluationRows,
    Gate,
    GateKind,
    GateWaived,
    Metric,
    Outcome,
    ProposalState,
    VersionAttested,
)
from modelyard.registry.model import scoring
from modelyard.tracking.api import DatasetInput
from modelyard.tracking.api.records import Dataset
from tests.registry.conftest import Workplace

TESTS = Gate(name="night-shift", kind=GateKind.TESTS)


def rows(*, shift: float = 0.0, groups: int = 0, slow: float | None = None, seed: int = 3) -> EvaluationRows:
    """Answers on the same 1,200 rows; a shift makes them better, `slow` adds that many milliseconds."""
    rng = np.random.default_rng(7)
    labels = (rng.random(1200) < 0.5).astype(float)
    base = np.clip(labels * 0.3 + 0.35 + rng.normal(0, 0.15, 1200), 0.02, 0.98)
    noise = np.random.default_rng(seed).normal(0, 0.01, 1200)
    scores = np.clip(base + (labels - 0.5) * shift + noise, 0.01, 0.99)
    times = [] if slow is None else (rng.gamma(4, 0.5, 1200) + slow).tolist()
    column = {"cell": [f"c{n % groups}" for n in range(1200)]} if groups else {}
    return EvaluationRows(labels=labels.tolist(), scores=scores.tolist(), groups=column, latencies_ms=times)


def test_tests_are_run_elsewhere_and_told_with_who_ran_them(place: Workplace) -> None:
    place.registered("tips")
    place.registry.declare_gates("tips", [TESTS])
    asked = place.registry.check_gates("tips", 1)[0]
    assert (asked.outcome, "yard gate check" in asked.text) == (Outcome.UNKNOWN, True)
    place.bench.act_as("ci")
    place.registry.attest("tips", 1, "night-shift", passed=False, text="3 of 412 rows", commit="ab" * 20, link="job/1")
    assert place.registry.check_gates("tips", 1)[0].outcome is Outcome.FAILED
    told = place.registry.attest("tips", 1, "night-shift", passed=True)
    passed = place.registry.check_gates("tips", 1)[0]
    assert (passed.outcome, "actor_ci" in passed.text) == (Outcome.PASSED, True)
    assert told.digest == place.registry.version("tips", 1).digest
    listed = place.registry.attestations("tips", 1).items
    assert [(a.passed, a.by, a.text, a.commit, a.link) for a in listed] == [
        (True, "actor_ci", "", "", ""),
        (False, "actor_ci", "3 of 412 rows", "ab" * 20, "job/1"),
    ]
    assert place.bench.events(VersionAttested)[0].reads == ("model:tips@1",)
    page = place.registry.attestations("tips", 1, limit=1)
    assert [a.passed for a in place.registry.attestations("tips", 1, limit=1, cursor=page.next).items] == [False]


def test_tests_may_be_asked_of_a_role_and_not_too_long_ago(small: Workplace) -> None:
    small.registered("tips")
    gate = Gate(name="night-shift", kind=GateKind.TESTS, by_role="reviewer", max_age_days=7)
    small.registry.declare_gates("tips", [gate])
    small.bench.act_as("eve")
    small.registry.attest("tips", 1, "night-shift", passed=True)
    asked = small.registry.check_gates("tips", 1)[0]
    assert (asked.outcome, "in the role reviewer" in asked.text) == (Outcome.UNKNOWN, True)
    small.people.roles["rob"] = frozenset({"reviewer"})
    small.bench.act_as("rob")
    small.registry.attest("tips", 1, "night-shift", passed=True)
    assert small.registry.check_gates("tips", 1)[0].outcome is Outcome.PASSED
    small.bench.clock.advance(timedelta(days=8))
    assert small.registry.check_gates("tips", 1)[0].outcome is Outcome.FAILED


def test_the_oldest_data_decides_and_unknown_age_is_closed(small: Workplace) -> None:
    run = small.run_with({"a.txt": b"1"})
    for source in ("table:trips@12", "table:zones@1"):
        small.tracking.log_inputs(run, [DatasetInput(dataset=Dataset(name=source, digest="d", source=source))])
    small.registry.create_model("tips")
    small.registry.register("tips", f"runs:/{run}/model")
    whole = Gate(name="data", kind=GateKind.DATA_AGE, max_age_days=30)
    trips = Gate(name="trips", kind=GateKind.DATA_AGE, max_age_days=30, data="table:trips")
    other = Gate(name="other", kind=GateKind.DATA_AGE, max_age_days=30, data="table:other")
    asked = [r.outcome for r in small.registry.check_gates("tips", 1, gates=[whole, trips, other])]
    assert asked == [Outcome.UNKNOWN] * 3
    now = small.bench.clock.now_ms()
    small.times.made |= {"table:trips@12": now - 86_400_000, "table:zones@1": now - 90 * 86_400_000}
    all_of_it, trips_alone, missing = small.registry.check_gates("tips", 1, gates=[whole, trips, other])
    assert all_of_it.outcome is Outcome.FAILED and all_of_it.value == pytest.approx(90)
    assert "table:zones@1" in all_of_it.text
    assert trips_alone.outcome is Outcome.PASSED and trips_alone.value == pytest.approx(1)
    assert missing.outcome is Outcome.UNKNOWN


def test_time_taken_is_measured_compared_and_gated_like_any_figure(place: Workplace) -> None:
    for version, slow in ((1, 1.0), (2, 3.0)):
        place.registered("tips")
        made = place.registry.evaluate("tips", version, "holdout", rows(slow=slow))
        p99 = next(f for f in made.figures if f.metric is Metric.LATENCY_P99)
        assert p99.value is not None and p99.low is not None and p99.low <= p99.value
    place.registry.set_alias("tips", "production", 1)
    gates = [
        Gate(name="fast", kind=GateKind.THRESHOLD, metric=Metric.LATENCY_P99, at_most=5.0),
        Gate(name="no-slower", kind=GateKind.NO_WORSE, metric=Metric.LATENCY_P50, margin=1.0),
        Gate(name="hardly-slower", kind=GateKind.NO_WORSE, metric=Metric.LATENCY_P50, margin=2.5),
    ]
    fast, slower, hardly = place.registry.check_gates("tips", 2, gates=gates)
    assert (fast.outcome, slower.outcome, hardly.outcome) == (Outcome.FAILED, Outcome.FAILED, Outcome.PASSED)
    assert slower.value == pytest.approx(-2.0, abs=1e-9)
    number = place.registry.propose("tips", 2).number
    compared = {c.metric: c for c in place.registry.diff("tips", number).metrics if not c.group}
    assert (compared[Metric.LATENCY_P50].paired, compared[Metric.LATENCY_P50].better) == (True, False)


def test_quantiles_are_those_of_numpy() -> None:
    rng = np.random.default_rng(5)
    times = rng.gamma(2, 3, 501)
    answers = scoring.Answers(np.zeros(501), np.zeros(501), 0.5, times)
    for metric, share in ((Metric.LATENCY_P50, 50), (Metric.LATENCY_P99, 99)):
        assert scoring.value_of(metric, answers) == np.percentile(times, share, method="inverted_cdf")


def test_rows_with_times_that_cannot_be_are_refused(small: Workplace) -> None:
    small.registered("tips")
    for times in ([1.0], [1.0, -1.0], [1.0, float("inf")]):
        with pytest.raises(InvalidInput, match="latencies_ms"):
            small.registry.evaluate("tips", 1, "a", EvaluationRows(labels=[0, 1], scores=[0, 1], latencies_ms=times))


def test_among_many_slices_chance_alone_finds_none(small: Workplace) -> None:
    for version, seed in ((1, 3), (2, 4)):
        small.registered("tips")
        small.registry.evaluate("tips", version, "holdout", rows(groups=40, seed=seed))
    small.registry.set_alias("tips", "production", 1)
    slices = [c for c in small.registry.diff("tips", small.registry.propose("tips", 2).number).metrics if c.group]
    assert len(slices) == 40
    outside = [c for c in slices if c.low is not None and c.high is not None and (c.low > 0 or c.high < 0)]
    assert [c for c in slices if c.better is not None] == []
    assert all(c.chance is not None and 0 <= c.chance <= 1 for c in slices)
    assert len(outside) < len(slices)


def test_discoveries_follow_benjamini_and_hochberg() -> None:
    known = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216, None]
    assert scoring.discoveries(known) == [True, True, *[False] * 9]
    assert scoring.discoveries([]) == []
    assert scoring.discoveries([None, 0.04]) == [False, True]


def test_approvals_are_counted_by_role_as_it_is_held_now(place: Workplace) -> None:
    place.registered("tips")
    place.people.roles |= {"ben": frozenset({"reviewer"}), "ola": frozenset({"owner", "reviewer"})}
    policy = place.registry.declare_gates("tips", [], approvals=1, roles={"owner": 1})
    assert policy.roles == {"owner": 1}
    number = place.registry.propose("tips", 1).number
    place.bench.act_as("ben")
    waiting = place.registry.approve("tips", number)
    assert (waiting.state, waiting.ready) == (ProposalState.OPEN, False)
    assert "owner" in waiting.waits_for
    with pytest.raises(GateClosed, match="owner"):
        place.registry.merge("tips", number)
    place.bench.act_as("ola")
    assert place.registry.approve("tips", number).ready
    place.people.roles["ola"] = frozenset({"reviewer"})
    assert not place.registry.proposal("tips", number).ready
    place.people.roles["ola"] = frozenset({"owner"})
    merged = place.registry.merge("tips", number)
    assert [r.roles for r in merged.reviews] == [("reviewer",), ("owner", "reviewer")]
    assert merged.waits_for == ""


@pytest.mark.parametrize("roles", [{"owner": 0}, {"": 1}, {"owner": 21}, {"an owner": 1}])
def test_roles_that_cannot_be_asked_for_are_refused(small: Workplace, roles: dict[str, int]) -> None:
    small.registry.create_model("tips")
    with pytest.raises(InvalidInput, match="role"):
        small.registry.declare_gates("tips", [], roles=roles)


def test_what_comes_after_the_judgement_makes_it_stale(place: Workplace) -> None:
    for version in (1, 2):
        place.registered("tips")
        place.registry.evaluate("tips", version, "holdout", rows(shift=0.05 * version))
    place.registry.set_alias("tips", "production", 1)
    no_worse = Gate(name="no-worse", kind=GateKind.NO_WORSE, metric=Metric.LOG_LOSS, dataset="holdout")
    place.registry.declare_gates("tips", [no_worse], approvals=0)
    number = place.registry.propose("tips", 2).number
    assert place.registry.run_gates("tips", number).ready
    for change in (
        lambda: place.registry.evaluate("tips", 2, "other", rows()),
        lambda: place.registry.evaluate("tips", 1, "other", rows()),
        lambda: place.registry.attest("tips", 2, "more", passed=True),
    ):
        change()
        stale = place.registry.proposal("tips", number)
        assert (stale.stale, stale.ready) == (True, False)
        assert "changed since its gates were run" in stale.waits_for
        with pytest.raises(GateClosed, match="run-gates"):
            place.registry.merge("tips", number)
        assert place.registry.run_gates("tips", number).ready
    assert place.registry.merge("tips", number).state is ProposalState.MERGED


def test_the_difference_shows_packages_and_code(place: Workplace) -> None:
    place.registry.create_model("tips")
    for commit, needs, patch in (
        ("aa" * 20, b"scikit-learn==1.5.0\nnumpy==2.1\n", b""),
        ("bb" * 20, b"scikit-learn==1.6.1\nskops>=0.11\n", b"diff --git a/fit.py b/fit.py\n+depth = 5\n"),
    ):
        run = place.run_with({"requirements.txt": needs})
        place.tracking.log(
            run, tags={"mlflow.source.git.commit": commit, "mlflow.source.git.repoURL": "git@example.org:tips.git"}
        )
        if patch:
            place.tracking.upload(run, "reproduce/uncommitted.diff", [patch])
        place.registry.register("tips", f"runs:/{run}/model")
    place.registry.set_alias("tips", "production", 1)
    diff = place.registry.diff("tips", place.registry.propose("tips", 2).number)
    assert (diff.code.range, diff.code.changed) == (f"{'a' * 12}..{'b' * 12}", True)
    assert diff.code.patch.startswith("diff --git") and diff.code.repository == "git@example.org:tips.git"
    assert [(c.what, c.before, c.after) for c in diff.requirements] == [
        ("numpy", "==2.1", None), ("scikit-learn", "==1.5.0", "==1.6.1"), ("skops", None, ">=0.11"),
    ]  # fmt: skip


def waivable(place: Workplace) -> int:
    """A proposal by ana with one closed and one unknown gate that were run; ben acts."""
    place.registered("tips")
    place.registry.evaluate("tips", 1, "holdout", rows())
    low = Gate(name="low", kind=GateKind.THRESHOLD, metric=Metric.LOG_LOSS, at_most=0.0001)
    night = Gate(name="night", kind=GateKind.TESTS)
    place.registry.declare_gates("tips", [low, night], approvals=0)
    place.bench.act_as("ana")
    number = place.registry.propose("tips", 1).number
    place.registry.run_gates("tips", number)
    place.bench.act_as("ben")
    return number


def in_hours(place: Workplace, hours: float) -> str:
    """That moment, written."""
    return str(place.bench.clock.now_ms() + int(hours * 3_600_000))


def test_a_waiver_that_has_ended_closes_the_gate_again(place: Workplace) -> None:
    number = waivable(place)
    end = in_hours(place, 2)
    place.registry.waive("tips", number, "low", "known gap", until=end)
    waived = place.registry.waive("tips", number, "night", "nobody was there", until=in_hours(place, 48))
    assert waived.ready and waived.results[0].waived_until_ms == int(end)
    assert place.bench.events(GateWaived)[0].decode(GateWaived).until_ms == int(end)
    place.bench.clock.advance(timedelta(hours=2) - timedelta(milliseconds=1))
    assert place.registry.proposal("tips", number).ready
    place.bench.clock.advance(timedelta(milliseconds=1))
    ended = place.registry.proposal("tips", number)
    low, night = ended.results
    assert (low.outcome, low.waiver_ended, low.waived_by, low.waived_because) == (
        Outcome.FAILED, True, "actor_ben", "known gap",
    )  # fmt: skip
    assert (night.outcome, night.waiver_ended, ended.ready) == (Outcome.WAIVED, False, False)
    assert place.registry.proposals("tips").items[0].results == ended.results
    with pytest.raises(GateClosed, match="its waiver ended"):
        place.registry.merge("tips", number)
    place.registry.waive("tips", number, "low", "one more day", until=in_hours(place, 24))
    merged = place.registry.merge("tips", number)
    place.bench.clock.advance(timedelta(days=30))
    assert place.registry.proposal("tips", number).results == merged.results
    assert [r.outcome for r in merged.results] == [Outcome.WAIVED, Outcome.WAIVED]


def test_a_waiver_is_prolonged_and_a_run_of_the_gates_lifts_it(small: Workplace) -> None:
    number = waivable(small)
    small.registry.waive("tips", number, "night", "a day", until=in_hours(small, 24))
    small.registry.waive("tips", number, "night", "for good")
    small.bench.clock.advance(timedelta(hours=25))
    night = small.registry.proposal("tips", number).results[1]
    assert (night.outcome, night.waived_because, night.waived_until_ms) == (Outcome.WAIVED, "for good", None)
    small.registry.waive("tips", number, "night", "a day", until=in_hours(small, 24))
    small.bench.clock.advance(timedelta(hours=24))
    assert small.registry.proposal("tips", number).results[1].outcome is Outcome.UNKNOWN
    anew = small.registry.run_gates("tips", number).results[1]
    assert (anew.outcome, anew.waived_by, anew.waiver_ended) == (Outcome.UNKNOWN, None, False)


@pytest.mark.parametrize("until", ["soon", "2001-01-01T00:00", ""])
def test_a_waiver_ends_at_a_moment_to_come(small: Workplace, until: str) -> None:
    number = waivable(small)
    with pytest.raises(InvalidInput):
        small.registry.waive("tips", number, "low", "known gap", until=until)
    with pytest.raises(InvalidInput, match="is past"):
        small.registry.waive("tips", number, "low", "known gap", until=in_hours(small, 0))
    assert not small.registry.proposal("tips", number).ready
