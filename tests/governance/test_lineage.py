"""Where from and where to: the graph of events, and the walks along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.governance.api import PredictionTrace, Reached, RowTrace, Stage
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from tests.governance.yard import Yard, yard


class Changed(News, frozen=True, kw_only=True):
    kind = "lake.changed"


class RunFinished(News, frozen=True, kw_only=True):
    kind = "tracking.run_finished"
    commit: str | None = None


class ProposalApproved(News, frozen=True, kw_only=True):
    kind = "registry.proposal_approved"


class AliasMoved(News, frozen=True, kw_only=True):
    kind = "registry.alias_moved"
    approvers: tuple[ActorId, ...] = ()


class TrainingSetBuilt(News, frozen=True, kw_only=True):
    kind = "features.training_set_built"


def happen(house: Yard, reads: str, writes: str, news: News | None = None) -> None:
    def change() -> None:
        calls.current().emit(
            news or Changed(), reads=[Ref(r) for r in reads.split()], writes=[Ref(w) for w in writes.split()]
        )

    house.bench.call(change)


def project(house: Yard) -> None:
    house.bench.call(house.service.project, Effect.WORK)


def a_day(house: Yard) -> None:
    happen(house, "source:trips.csv@ab12", "table:trips@1")
    happen(house, "table:trips@1", "view:speed@1")
    happen(house, "view:speed@1 table:trips@1", "training_set:tips@1")
    happen(house, "training_set:tips@1", "run:r1", RunFinished(commit="c0ffee"))
    happen(house, "run:r1", "model:tips@3")
    happen(house, "proposal:p1", "model:tips@3", ProposalApproved())
    happen(house, "model:tips@3", "endpoint:tips")


class Predictions:
    def trace(self, prediction: str) -> PredictionTrace | None:
        if prediction != "pred_1":
            return None
        return PredictionTrace(
            ref=Ref("prediction:pred_1"), at_ms=1, endpoint=Ref("endpoint:tips"), output="3.5",
            made_from=(Ref("model:tips@3"), Ref("view:speed@1")), inputs={"speed": "4"}, keys={"taxi": "t7"},
        )  # fmt: skip

    def reached(self, made_from: Sequence[Ref], keys: Mapping[str, str], *, limit: int) -> Reached:
        hit = Ref("endpoint:tips") in made_from
        return Reached(total=int(hit), about=int(keys == {"taxi": "t7"}), some=(Ref("prediction:pred_1"),))


class Rows:
    one = RowTrace(
        ref=Ref("row:load_1/7"), tables=(Ref("table:trips@1"),), source=Ref("source:trips.csv@ab12"), line=9,
        keys={"taxi": "t7"},
    )  # fmt: skip

    def row(self, row: Ref) -> RowTrace | None:
        return self.one if row == self.one.ref else None

    def about(self, table: Ref, keys: Mapping[str, str], *, limit: int) -> list[RowTrace]:
        return [self.one] if table in self.one.tables and keys == self.one.keys else []


def wired(house: Yard) -> None:
    house.furnish(predictions=Predictions(), rows=Rows())


@pytest.mark.parametrize("projected", [False, True])
def test_a_model_goes_back_to_the_file(house: Yard, projected: bool) -> None:
    a_day(house)
    if projected:
        project(house)
    found = house.api.upstream(Ref("model:tips"))
    assert found.root == "model:tips@3"
    depths = {n.ref: n.depth for n in found.nodes}
    assert depths[Ref("source:trips.csv@ab12")] == -4
    assert depths[Ref("run:r1")] == -1
    assert not found.cut
    assert {n.actor_name for n in found.nodes if n.ref == "run:r1"} == {"owner"}


def test_a_file_goes_forward_to_the_endpoint(house: Yard) -> None:
    a_day(house)
    project(house)
    found = house.api.downstream(Ref("source:trips.csv"))
    assert "endpoint:tips" in {n.ref for n in found.nodes} and found.root == "source:trips.csv@ab12"


def test_the_graph_around_a_thing_goes_both_ways(house: Yard) -> None:
    a_day(house)
    found = house.api.graph(Ref("run:r1"), depth=1)
    assert {n.ref: n.depth for n in found.nodes} == {"run:r1": 0, "training_set:tips@1": -1, "model:tips@3": 1}
    assert found.cut


def test_a_limit_says_that_it_cut(house: Yard) -> None:
    a_day(house)
    found = house.api.upstream(Ref("endpoint:tips"), limit=2)
    assert len(found.nodes) == 3 and found.cut


def test_projecting_again_changes_nothing_and_circles_end(house: Yard) -> None:
    happen(house, "table:a@1", "table:b@1")
    happen(house, "table:b@1", "table:a@1")
    happen(house, "table:a@1", "table:a@1")
    before = house.api.graph(Ref("table:a@1"))
    project(house)
    project(house)
    assert house.api.graph(Ref("table:a@1")) == before
    assert {n.ref for n in before.nodes} == {"table:a@1", "table:b@1"}


def test_a_wide_event_costs_the_sum_and_not_the_product(house: Yard) -> None:
    happen(house, " ".join(f"table:r{i}@1" for i in range(200)), " ".join(f"table:w{i}@1" for i in range(200)))
    project(house)
    found = house.api.upstream(Ref("table:w7@1"))
    assert len(found.edges) == 201 and len(found.nodes) == 202


def test_history_of_a_thing_spans_its_versions(house: Yard) -> None:
    happen(house, "", "table:a@1")
    project(house)
    happen(house, "", "table:a@2")
    happen(house, "table:a@1", "table:b@1")
    assert [e.writes for e in house.api.history(Ref("table:a")).items] == [
        ("table:b@1",), ("table:a@2",), ("table:a@1",)
    ]  # fmt: skip
    first = house.api.history(Ref("table:a"), limit=2)
    assert [e.writes for e in house.api.history(Ref("table:a"), 2, first.next).items] == [("table:a@1",)]
    assert len(house.api.history(Ref("table:a@2")).items) == 1


@pytest.mark.parametrize(
    "wrong", ["", "trips", "table:", "table:a@", "Table:a", "table:a@1@2", "t:\x00", "t:" + "x" * 2000]
)
def test_what_is_no_ref_is_refused(house: Yard, wrong: str) -> None:
    for ask in (house.api.upstream, house.api.downstream, house.api.graph, house.api.history):
        with pytest.raises(InvalidInput):
            ask(Ref(wrong))


def test_an_unknown_thing_stands_alone(house: Yard) -> None:
    found = house.api.upstream(Ref("table:nowhere"))
    assert [n.ref for n in found.nodes] == ["table:nowhere"] and found.edges == []


def test_a_prediction_walks_back_to_file_rows_code_and_approver(house: Yard) -> None:
    wired(house)
    a_day(house)
    steps = house.api.walk("pred_1").steps
    by_stage: dict[Stage, list[str]] = {}
    for step in steps:
        by_stage.setdefault(step.stage, []).append(str(step.ref))
    assert list(by_stage) == [
        Stage.PREDICTION, Stage.ENDPOINT, Stage.MODEL, Stage.APPROVAL, Stage.RUN, Stage.CODE, Stage.TRAINING_SET,
        Stage.FEATURES, Stage.TABLE, Stage.SOURCE, Stage.ROW,
    ]  # fmt: skip
    assert by_stage[Stage.CODE] == ["code:c0ffee"]
    assert by_stage[Stage.SOURCE] == ["source:trips.csv@ab12"]
    assert by_stage[Stage.ROW] == ["row:load_1/7"]
    approved = [s for s in steps if s.stage is Stage.APPROVAL and s.text.endswith("approved")]
    assert [s.actor_name for s in approved] == ["owner"]
    assert next(s.text for s in steps if s.stage is Stage.ROW).endswith("line 9")


def test_approvers_whom_a_promotion_names_are_on_the_way(house: Yard) -> None:
    wired(house)
    a_day(house)
    ada, _ = house.person("ada")
    eve, _ = house.person("eve")
    happen(house, "model:tips@3 proposal:p2", "model:tips@production", AliasMoved(approvers=(ada, eve)))
    approved = {s.actor_name for s in house.api.walk("pred_1").steps if s.text == "model:tips@3 approved"}
    assert approved == {"owner", "ada", "eve"}


def test_a_table_that_is_a_training_set_stands_as_one(house: Yard) -> None:
    wired(house)
    happen(house, "table:trips@1", "table:tips_set@1", TrainingSetBuilt())
    happen(house, "table:tips_set@1", "model:tips@3")
    stages = {str(s.ref): s.stage for s in house.api.walk("pred_1").steps}
    assert stages["table:tips_set@1"] is Stage.TRAINING_SET and stages["table:trips@1"] is Stage.TABLE


def test_a_row_reaches_models_endpoints_and_predictions(house: Yard) -> None:
    wired(house)
    a_day(house)
    found = house.api.reach(Ref("row:load_1/7"))
    assert found.models == ("model:tips@3",) and found.endpoints == ("endpoint:tips",)
    assert found.predictions.total == 1 and found.predictions.about == 1


def test_nothing_is_walked_that_nobody_holds(house: Yard) -> None:
    with pytest.raises(NotFound):
        house.api.walk("pred_1")
    wired(house)
    with pytest.raises(NotFound):
        house.api.walk("pred_2")
    with pytest.raises(NotFound):
        house.api.reach(Ref("row:load_1/8"))


def test_a_walk_along_eight_hundred_things_takes_less_than_fifty_milliseconds() -> None:
    with yard() as house:
        wired(house)
        for i in range(400):
            happen(house, f"source:s{i}@1 table:t@{i}", f"table:t@{i + 1}")
        happen(house, "table:t@400", "view:speed@1")
        a_day(house)
        project(house)
        took = []
        for _ in range(3):
            began = thread_time()
            walk = house.api.walk("pred_1")
            took.append(thread_time() - began)
        assert len(walk.steps) > 800
        assert min(took) < 0.05, took


edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12)


@given(edges, st.integers(0, 12))
def test_the_graph_is_the_closure_of_the_events_however_far_it_is_projected(
    pairs: list[tuple[int, int]], projected: int
) -> None:
    reached = {0}
    while True:
        more = {w for r, w in pairs if r in reached} - reached
        if not more:
            break
        reached |= more
    with yard() as house:
        for i, (r, w) in enumerate(pairs):
            happen(house, f"t:{r}@1", f"t:{w}@1")
            if i == projected:
                project(house)
        found = house.api.downstream(Ref("t:0@1"))
    assert {n.ref for n in found.nodes} == {f"t:{i}@1" for i in reached}


def test_an_alias_leads_to_the_version_it_points_at_and_to_no_earlier_one() -> None:
    with yard() as house:
        for version in (1, 2, 3):
            happen(house, f"run:r{version}", f"model:tips@{version}")
        alias = Ref("model:tips@champion")
        for version, projected in ((1, True), (2, True), (3, False), (1, False)):
            happen(house, f"model:tips@{version} proposal:{version}", alias, AliasMoved())
            if projected:
                project(house)
            with_it = {n.ref for n in house.api.upstream(alias).nodes}
            assert with_it == {alias, f"model:tips@{version}", f"proposal:{version}", f"run:r{version}"}
            for other in {1, 2, 3} - {version}:
                assert alias not in {n.ref for n in house.api.downstream(Ref(f"model:tips@{other}")).nodes}
        happen(house, "", alias, AliasMoved())
        assert [n.ref for n in house.api.upstream(alias).nodes] == [alias]
        assert len(house.api.history(alias).items) == 5
