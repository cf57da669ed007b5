"""Aliases: where they point now, and where they pointed at any moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelyard.kernel.errors import GateClosed, InvalidInput, NotFound
from modelyard.registry.api import AliasMoved, ModelStage, Standing
from tests.registry.conftest import Workplace


def test_an_alias_leaves_the_version_that_held_it(place: Workplace) -> None:
    place.registered("tips")
    place.registered("tips")
    place.registry.set_alias("tips", "production", 1)
    moved = place.registry.set_alias("tips", "production", 2)
    assert (moved.before, moved.version) == (1, 2)
    assert place.registry.version("tips", 1).aliases == ()
    assert place.registry.version("tips", 2).aliases == ("production",)
    assert place.registry.model("tips").aliases == {"production": 2}
    event = place.bench.events(AliasMoved)[-1]
    assert (event.reads, event.writes) == (("model:tips@2",), ("model:tips@production",))


def test_what_stood_at_a_moment_is_one_question(place: Workplace) -> None:
    clock, moments = place.bench.clock, []
    place.registered("tips")
    place.registered("tips")
    for version, who in ((1, "ana"), (2, "ben")):
        moments.append(clock.now_ms())
        clock.advance(timedelta(hours=1))
        place.bench.act_as(who)
        place.registry.set_alias("tips", "production", version)
        clock.advance(timedelta(hours=1))
    place.registry.delete_alias("tips", "production")

    def at(ms: int) -> Standing:
        return place.registry.alias_at("tips", "production", str(ms))

    assert at(moments[0]).version is None
    early = at(moments[1])
    assert early.version is not None and early.move is not None
    assert (early.version.version, early.move.actor) == (1, "actor_ana")
    assert early.move.until_ms is not None and early.move.until_ms > moments[1]
    late = at(clock.now_ms() - 1)
    assert late.version is not None and late.move is not None
    assert (late.version.version, late.move.actor) == (2, "actor_ben")
    gone = at(clock.now_ms())
    assert gone.version is None and gone.move is not None and gone.move.before == 2


def test_the_past_is_known_of_a_version_that_was_deleted(place: Workplace) -> None:
    place.registered("tips")
    place.registry.set_alias("tips", "production", 1)
    then = place.bench.clock.now_ms()
    place.bench.clock.advance(timedelta(seconds=1))
    place.registry.delete_version("tips", 1)
    stood = place.registry.alias_at("tips", "production", str(then)).version
    assert stood is not None and stood.version == 1
    with pytest.raises(NotFound):
        place.registry.aliased("tips", "production")


def test_history_is_paged_and_newest_first(place: Workplace) -> None:
    for _ in range(3):
        version = place.registered("tips")
        place.registry.set_alias("tips", "production", version)
        place.registry.set_alias("tips", "canary", version)
    first = place.registry.alias_history("tips", "production", limit=2)
    rest = place.registry.alias_history("tips", "production", limit=2, cursor=first.next)
    assert [m.version for m in (*first.items, *rest.items)] == [3, 2, 1]
    assert len(place.registry.alias_history("tips").items) == 6


def test_pointing_where_it_points_is_no_move(small: Workplace) -> None:
    small.registered("tips")
    small.registry.set_alias("tips", "production", 1)
    small.registry.set_alias("tips", "production", 1)
    assert len(small.registry.alias_history("tips").items) == 1
    assert len(small.bench.events(AliasMoved)) == 1


def test_aliases_of_a_model_that_needs_proposals_do_not_move_directly(small: Workplace) -> None:
    small.registered("tips")
    small.registry.set_alias("tips", "production", 1)
    small.registry.protect_model("tips")
    for attempt in (
        lambda: small.registry.set_alias("tips", "production", 1),
        lambda: small.registry.delete_alias("tips", "production"),
        lambda: small.registry.set_stage("tips", 1, ModelStage.PRODUCTION),
    ):
        with pytest.raises(GateClosed, match="propos"):
            attempt()
    assert small.registry.model("tips").aliases == {"production": 1}


def test_an_alias_that_is_not_there_says_what_is(small: Workplace) -> None:
    small.registered("tips")
    small.registry.set_alias("tips", "canary", 1)
    with pytest.raises(NotFound, match="canary"):
        small.registry.aliased("tips", "production")
    small.registry.delete_alias("tips", "production")


def test_one_call_says_what_stood_who_set_it_and_on_whose_approval(place: Workplace) -> None:
    for _ in range(2):
        place.registered("tips")
    place.bench.act_as("ana")
    place.registry.set_alias("tips", "production", 1)
    place.registry.declare_gates("tips", [], approvals=2)
    number = place.registry.propose("tips", 2, title="with weather").number
    place.bench.clock.advance(timedelta(hours=1))
    for who in ("ben", "cam"):
        place.bench.act_as(who)
        place.registry.approve("tips", number, f"{who} looked")
    place.bench.clock.advance(timedelta(hours=1))  # 3 May, 14:00
    place.bench.act_as("dan")
    place.registry.merge("tips", number)
    place.bench.clock.advance(timedelta(days=30))
    place.registry.delete_alias("tips", "production")
    for at in ("2026-05-03T14:00", "2026-05-03 16:00+02:00", "2026-05-03T14:00:00Z"):
        stood = place.registry.alias_at("tips", "production", at)
        assert stood.version is not None and stood.move is not None and stood.proposal is not None
        assert (stood.version.version, stood.set_by, stood.proposal.title) == (2, "Dan", "with weather")
        assert [(a.name, a.note) for a in stood.approvals] == [("Ben", "ben looked"), ("Cam", "cam looked")]
        assert stood.approvals[0].at_ms < stood.move.at_ms
        assert "by Dan by merging proposal" in stood.says and "approved by Ben (2026-05-03 13:00 UTC)" in stood.says
    before = place.registry.alias_at("tips", "production", "2026-05-03T13:59:59")
    assert before.version is not None and (before.version.version, before.set_by, before.approvals) == (1, "Ana", ())
    assert "directly" in before.says


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01", "3", "", "9" * 30, "2026-05-03T14:00+99:00"])
def test_what_is_no_moment_is_refused_with_an_example(small: Workplace, at: str) -> None:
    small.registered("tips")
    for ask in (
        lambda: small.registry.alias_at("tips", "production", at),
        lambda: small.registry.stage_at("tips", ModelStage.PRODUCTION, at),
    ):
        with pytest.raises(InvalidInput, match="2026-05-03T14:00"):
            ask()


def test_stages_have_their_history_too(place: Workplace) -> None:
    moments = []
    for version in (1, 2):
        place.registered("tips")
        place.bench.act_as("ana" if version == 1 else "ben")
        place.registry.set_stage("tips", version, ModelStage.PRODUCTION, archive_existing=True)
        moments.append(str(place.bench.clock.now_ms()))
        place.bench.clock.advance(timedelta(hours=1))
    place.registry.delete_version("tips", 2)
    early, late = (place.registry.stage_at("tips", ModelStage.PRODUCTION, at) for at in moments)
    assert [(m.version, m.actor) for m in early.moves] == [(1, "actor_ana")]
    assert [(m.version, m.actor) for m in late.moves] == [(2, "actor_ben")]
    assert "by Ben" in late.says
    assert place.registry.stage_at("tips", ModelStage.PRODUCTION, "2026-05-03T23:00").moves == ()
    moves = place.registry.stage_history("tips", 1).items
    assert [(m.before.value, m.stage.value) for m in moves] == [("Production", "Archived"), ("None", "Production")]
    first = place.registry.stage_history("tips", limit=3)
    rest = place.registry.stage_history("tips", limit=3, cursor=first.next)
    assert [m.version for m in (*first.items, *rest.items)] == [2, 2, 1, 1]
