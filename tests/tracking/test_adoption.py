"""Things of other stores come in under their ids, and what the yard made itself stays."""

from __future__ import annotations

import pytest

from modelyard.kernel.errors import AlreadyExists, InvalidInput
from modelyard.tracking.api import (
    AdoptedKind,
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    ModelId,
    ModelOutput,
    ModelStatus,
    Point,
    Run,
    RunId,
    RunStatus,
    Stage,
)
from tests.tracking.conftest import Workplace

RUN, MODEL = RunId("ab" * 16), ModelId("m-" + "cd" * 16)


def home(number: str, name: str, **more: object) -> Experiment:
    return Experiment(id=number, name=name, artifact_location="s3://theirs", **more)  # type: ignore[arg-type]  # as given


def test_numbers_are_kept_where_they_are_free_and_never_given_again(place: Workplace) -> None:
    tracking = place.tracking
    for number in ("3", "5", "200000000000000000"):
        assert tracking.adopt_experiment("old", home(number, f"e{number}")).id == number
    assert tracking.adopt_experiment("old", home("3", "e3", tags={"a": "b"})).tags == {"a": "b"}
    taken = tracking.adopt_experiment("older", home("3", "another")).id
    made = [tracking.create_experiment(f"own {n}").id for n in range(5)]
    every = ["3", "5", "200000000000000000", taken, *made]
    assert len({*every}) == len(every)
    assert tracking.adopt_experiment("old", home("77", "own 1")).id == made[1]


def test_a_run_comes_in_in_pieces_and_is_whole_when_it_is_said_to_be(place: Workplace) -> None:
    tracking = place.tracking
    tracking.adopt_experiment("old", home("9", "tips"))
    data = DatasetInput(dataset=Dataset(name="trips", digest="d", source="s"), tags={"mlflow.data.context": "training"})
    run = Run(
        id=RUN, experiment="9", name="fit", status=RunStatus.KILLED, user="eve", start_ms=10, end_ms=20,
        stage=Stage.DELETED, params={f"p{n}": "v" for n in range(150)}, tags={"mlflow.runName": "fit", "team": "x"},
        inputs=[data], outputs=[ModelOutput(model=MODEL, step=2)], model_inputs=["m-1"],
    )  # fmt: skip
    for _ in range(2):
        assert tracking.adopt_run("old", run).stage is Stage.ACTIVE
        tracking.log(RUN, [Point(key="loss", value=0.5, at_ms=11, step=1)])
    assert tracking.adopted(AdoptedKind.RUN, "old").items == []
    whole = tracking.adopt_run("old", run, complete=True)
    assert (whole.stage, whole.status, whole.user, whole.start_ms, whole.end_ms) == (
        Stage.DELETED, RunStatus.KILLED, "eve", 10, 20,
    )  # fmt: skip
    assert (whole.params, whole.tags, whole.inputs) == (run.params, run.tags, [data])
    assert (whole.outputs, whole.model_inputs, whole.artifact_uri) == (
        run.outputs, ["m-1"], f"mlflow-artifacts:/9/{RUN}/artifacts",
    )  # fmt: skip
    assert len(tracking.history(RUN, "loss").items) == 1
    assert [a.target for a in tracking.adopted(AdoptedKind.RUN, "old").items] == [RUN]


def test_a_logged_model_comes_in_with_its_times(place: Workplace) -> None:
    tracking = place.tracking
    tracking.adopt_experiment("old", home("9", "tips", created_ms=1, updated_ms=2, stage=Stage.DELETED), complete=True)
    model = LoggedModel(
        id=MODEL, experiment="9", name="net", artifact_uri="/x", status=ModelStatus.READY, model_type="toy", run=RUN,
        created_ms=5, updated_ms=6, params={"a": "1"}, tags={"t": "u"},
    )  # fmt: skip
    tracking.adopt_logged_model("old", model)
    tracking.upload(MODEL, "w.bin", iter([b"w"]))
    whole = tracking.adopt_logged_model("old", model, complete=True)
    assert (whole.created_ms, whole.updated_ms, whole.status) == (5, 6, ModelStatus.READY)
    assert (whole.params, whole.tags, whole.run, whole.model_type) == ({"a": "1"}, {"t": "u"}, RUN, "toy")
    seen = tracking.experiment("9")
    assert (seen.created_ms, seen.updated_ms, seen.stage) == (1, 2, Stage.DELETED)


def test_what_the_yard_made_itself_stays(small: Workplace) -> None:
    tracking = small.tracking
    own = tracking.start_run("0", "own")
    with pytest.raises(AlreadyExists, match="it stays"):
        tracking.adopt_run("old", Run(id=own.id, experiment="0", name="theirs", status=RunStatus.FAILED))
    made = tracking.create_logged_model("0", "own")
    with pytest.raises(AlreadyExists, match="it stays"):
        tracking.adopt_logged_model("old", LoggedModel(id=made.id, experiment="0", name="x", artifact_uri=""))
    tracking.adopt_experiment("old", home("0", "Default", created_ms=1, stage=Stage.DELETED), complete=True)
    assert tracking.experiment("0").stage is Stage.ACTIVE
    assert tracking.run_record(own.id).name == "own"
    with pytest.raises(InvalidInput, match="no id of a run"):
        tracking.adopt_run("old", Run(id=RunId("../x"), experiment="0", name="x", status=RunStatus.FAILED))
    with pytest.raises(InvalidInput, match="no id of a logged model"):
        tracking.adopt_logged_model("old", LoggedModel(id=ModelId("x"), experiment="0", name="x", artifact_uri=""))
