"""Runs begin, log, end, and say what they read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from modelyard.kernel.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from modelyard.tracking.api import (
    Dataset,
    DatasetInput,
    InputsLogged,
    ModelOutput,
    Point,
    RunFinished,
    RunStarted,
    RunStatus,
    Special,
    Stage,
    View,
)
from tests.tracking.conftest import Workplace


def test_a_run_tells_its_whole_story(place: Workplace) -> None:
    yard, bench = place.tracking, place.bench
    home = yard.create_experiment("tips", tags={"team": "fares"})
    run = yard.start_run(home.id, "fit", {"mlflow.source.git.commit": "abc", "modelyard.inputs": "table:trips@12"})
    assert len(run.id) == 32
    assert run.artifact_uri == f"mlflow-artifacts:/{home.id}/{run.id}/artifacts"
    yard.log(run.id, [Point(key="f1", value=0.5, at_ms=5, step=1)], {"depth": "3"}, tags={"who": "me"})
    yard.log(run.id, [Point(key="f1", value=0.7, at_ms=6, step=2), Point(key="f1", value=0.6, at_ms=6, step=1)])
    bench.clock.advance(timedelta(seconds=9))
    done = yard.update_run(run.id, RunStatus.FINISHED)
    assert done.status is RunStatus.FINISHED
    assert done.end_ms == run.start_ms + 9000
    assert [(p.key, p.value, p.step) for p in done.metrics] == [("f1", 0.7, 2)]
    assert done.params == {"depth": "3"}
    assert done.tags["who"] == "me"
    assert done.commit == "abc"
    started, finished = bench.events(RunStarted)[0], bench.events(RunFinished)[0]
    assert started.writes == (f"run:{run.id}",)
    assert finished.reads == ("table:trips@12",)
    assert finished.decode(RunFinished).duration_ms == 9000


def test_ids_of_runs_sort_by_birth(small: Workplace) -> None:
    born = [small.tracking.start_run().id for _ in range(5)]
    assert born == sorted(set(born))


def test_a_run_without_a_name_gets_one_and_keeps_it_in_a_tag(small: Workplace) -> None:
    run = small.tracking.start_run()
    assert run.name
    assert run.tags["mlflow.runName"] == run.name
    small.tracking.log(run.id, tags={"mlflow.runName": "other"})
    assert small.tracking.run_record(run.id).name == "other"
    assert small.tracking.update_run(run.id, name="third").tags["mlflow.runName"] == "third"


def test_two_names_that_differ_are_refused(small: Workplace) -> None:
    with pytest.raises(InvalidInput, match="different values"):
        small.tracking.start_run("0", "a", {"mlflow.runName": "b"})


def test_a_param_keeps_its_first_value_and_the_refusal_undoes_the_whole_batch(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    yard.log(run.id, params={"depth": "3"})
    yard.log(run.id, params={"depth": "3"})
    with pytest.raises(InvalidInput, match="Changing param values"):
        yard.log(run.id, [Point(key="f1", value=1.0, at_ms=1)], {"depth": "4", "rate": "1"}, tags={"t": "1"})
    seen = yard.run_record(run.id)
    assert seen.params == {"depth": "3"}
    assert not seen.metrics
    assert "t" not in seen.tags


def test_a_deleted_run_takes_nothing_until_it_is_restored(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    yard.delete_run(run.id)
    assert yard.run_record(run.id).stage is Stage.DELETED
    with pytest.raises(InvalidInput, match="must be in the 'active' state"):
        yard.log(run.id, params={"a": "1"})
    assert [r.id for r in yard.runs(view=View.DELETED).items] == [run.id]
    assert yard.runs().items == []
    yard.restore_run(run.id)
    yard.log(run.id, params={"a": "1"})
    assert yard.run_record(run.id).params == {"a": "1"}


def test_an_unknown_run_is_not_found_by_any_operation(small: Workplace) -> None:
    yard, ghost = small.tracking, "0" * 32
    everything: list[Callable[[], object]] = [
        lambda: yard.run_record(ghost),
        lambda: yard.log(ghost, params={"a": "1"}),
        lambda: yard.update_run(ghost, RunStatus.FINISHED),
        lambda: yard.delete_run(ghost),
        lambda: yard.restore_run(ghost),
        lambda: yard.untag_run(ghost, "a"),
        lambda: yard.log_inputs(ghost, []),
        lambda: yard.log_outputs(ghost, []),
        lambda: yard.history(ghost, "f1"),
        lambda: yard.sample("f1", [ghost]),
        lambda: yard.artifacts(ghost),
    ]
    for call in everything:
        with pytest.raises(NotFound):
            call()


def test_a_tag_can_be_removed_once(small: Workplace) -> None:
    run = small.tracking.start_run(tags={"a": "1"})
    small.tracking.untag_run(run.id, "a")
    assert "a" not in small.tracking.run_record(run.id).tags
    with pytest.raises(NotFound, match="No tag with name"):
        small.tracking.untag_run(run.id, "a")


def test_inputs_are_kept_once_and_those_of_the_lake_become_lineage(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    plain = DatasetInput(dataset=Dataset(name="frame", digest="d1"), tags={"mlflow.data.context": "training"})
    lake = DatasetInput(dataset=Dataset(name="trips", digest="d2", source='{"uri": "table:trips@12"}'))
    yard.log_inputs(run.id, [plain, lake], ["m-1"])
    yard.log_inputs(run.id, [plain])
    yard.log_outputs(run.id, [ModelOutput(model="m-2", step=4)])
    seen = yard.run_record(run.id)
    assert seen.inputs == [plain, lake]
    assert seen.model_inputs == ["m-1"]
    assert seen.outputs == [ModelOutput(model="m-2", step=4)]
    assert seen.reads == ["table:trips@12"]
    assert place.bench.events(InputsLogged)[0].reads == ("table:trips@12",)
    assert [(d.name, d.context) for d in yard.datasets(["0"])] == [("frame", "training"), ("trips", None)]


def test_numbers_that_json_cannot_write_come_back(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run()
    points = [
        Point(key="nan", value=Special.NAN, at_ms=1),
        Point(key="up", value=Special.INFINITY, at_ms=1),
        Point(key="down", value=Special.MINUS_INFINITY, at_ms=1),
    ]
    yard.log(run.id, points)
    assert {p.key: p.value for p in yard.run_record(run.id).metrics} == {
        "nan": "NaN",
        "up": "Infinity",
        "down": "-Infinity",
    }
    assert [p.value for p in yard.history(run.id, "nan").items] == ["NaN"]


@pytest.mark.parametrize("key", ["", "a//b", "../a", "/a", "a/", ".", "a\nb", "a@b", "k" * 251])
def test_a_bad_key_is_refused(small: Workplace, key: str) -> None:
    run = small.tracking.start_run()
    everything: list[Callable[[], object]] = [
        lambda: small.tracking.log(run.id, [Point(key=key, value=1.0, at_ms=1)]),
        lambda: small.tracking.log(run.id, params={key: "1"}),
        lambda: small.tracking.log(run.id, tags={key: "1"}),
    ]
    for call in everything:
        with pytest.raises(InvalidInput):
            call()


def test_a_batch_has_limits(small: Workplace) -> None:
    run = small.tracking.start_run()
    with pytest.raises(InvalidInput, match="at most 1000 metrics"):
        small.tracking.log(run.id, [Point(key="a", value=1.0, at_ms=i) for i in range(1001)])
    with pytest.raises(InvalidInput, match="at most 100 params"):
        small.tracking.log(run.id, params={f"p{i}": "1" for i in range(101)})
    with pytest.raises(InvalidInput, match="timestamp must be"):
        small.tracking.log(run.id, [Point(key="a", value=1.0, at_ms=-1)])
    with pytest.raises(InvalidInput, match="64 bits"):
        small.tracking.log(run.id, [Point(key="a", value=1.0, at_ms=1, step=2**63)])


def test_long_values_are_cut_as_mlflow_cuts_them(small: Workplace) -> None:
    run = small.tracking.start_run()
    small.tracking.log(run.id, params={"p": "x" * 7000}, tags={"t": "y" * 9000})
    seen = small.tracking.run_record(run.id)
    assert len(seen.params["p"]) == 6000
    assert len(seen.tags["t"]) == 8000


def test_experiments_are_unique_by_name_and_come_back_from_deletion(place: Workplace) -> None:
    yard = place.tracking
    home = yard.create_experiment("tips")
    run = yard.start_run(home.id)
    with pytest.raises(AlreadyExists):
        yard.create_experiment("tips")
    assert yard.delete_experiment(home.id).stage is Stage.DELETED
    assert yard.run_record(run.id).stage is Stage.DELETED
    with pytest.raises(InvalidInput, match="must be in the 'active' state"):
        yard.start_run(home.id)
    with pytest.raises(Conflict, match="non-active"):
        yard.rename_experiment(home.id, "other")
    with pytest.raises(NotFound):
        yard.delete_experiment(home.id)
    assert yard.restore_experiment(home.id).stage is Stage.ACTIVE
    assert yard.run_record(run.id).stage is Stage.ACTIVE
    assert yard.experiment_named("tips").id == home.id
    assert yard.rename_experiment(home.id, "other").name == "other"
    with pytest.raises(NotFound, match="Could not find experiment"):
        yard.experiment_named("tips")


def test_the_default_experiment_is_always_there(place: Workplace) -> None:
    assert place.tracking.experiment("0").name == "Default"
    assert place.tracking.start_run().experiment == "0"
    with pytest.raises(InvalidInput, match="valid integer"):
        place.tracking.experiment("abc")
    with pytest.raises(NotFound):
        place.tracking.experiment("99")


def test_experiments_are_searched_by_name_and_tag(place: Workplace) -> None:
    yard = place.tracking
    for i, name in enumerate(("tips", "Tips", "fares")):
        home = yard.create_experiment(name)
        yard.tag_experiment(home.id, {"rank": str(i)})

    def names(where: str = "", order_by: list[str] | None = None) -> list[str]:
        return [e.name for e in yard.experiments(where, order_by).items]

    assert names(where="name LIKE 'ti%'") == ["tips"]
    assert sorted(names(where="name ILIKE 'ti%'")) == ["Tips", "tips"]
    assert names(where="tags.rank = '2'") == ["fares"]
    assert names(where="tags.rank IS NULL") == ["Default"]
    assert names(where="experiment_id IN ('1', '3')", order_by=["name DESC"]) == ["tips", "fares"]
    first = yard.experiments(order_by=["name"], limit=2)
    assert [e.name for e in first.items] == ["Default", "Tips"]
    assert [e.name for e in yard.experiments(order_by=["name"], limit=2, cursor=first.next).items] == ["fares", "tips"]
    yard.untag_experiment("1", "rank")
    with pytest.raises(NotFound):
        yard.untag_experiment("1", "rank")
