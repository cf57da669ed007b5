"""Serving's part: who may predict, what a prediction was made from, and forgetting logged predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import pyarrow as pa
import pytest

from modelyard.governance.api import Reached, Role, Stage
from modelyard.governance.model.credentials import digest_of
from modelyard.governance.service import NamedKeys, PredictionsEraser, ServingCredentials, ServingPredictions
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.errors import NotFound
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Lake
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.serving.api import Prediction
from modelyard.testing import Bench
from tests.governance.test_lineage import happen
from tests.governance.yard import Yard
from tests.lake.stand import lake_service, read


def test_the_model_server_learns_who_may_ask_which_endpoint(house: Yard) -> None:
    told = ServingCredentials(house.bench.database)
    caller, secret = house.person("caller")
    house.api.grant(caller, Role.SERVICE, ["endpoint:tips"])
    before = told.rights_version()
    narrow = house.api.create_token(house.owner.id, "narrow", scopes=["serving:read"], days=1)
    assert told.rights_version() > before
    found = {c.digest: c for c in told.credentials(["tips", "fares"])}
    assert found[digest_of(house.secret)].predict == ("tips", "fares")
    assert (found[digest_of(secret)].predict, found[digest_of(secret)].caller) == (("tips",), caller)
    one = found[digest_of(narrow.secret)]
    assert (one.predict, one.read) == ((), ("tips", "fares")) and one.expires_ms == narrow.token.expires_ms


def test_who_was_revoked_disabled_or_granted_nothing_may_not_ask(house: Yard) -> None:
    told = ServingCredentials(house.bench.database)
    house.person("nobody")
    gone, _ = house.person("gone", Role.EDITOR)
    house.api.disable_actor(gone)
    revoked = house.api.create_token(house.owner.id, "revoked")
    house.api.revoke_token(revoked.token.id)
    assert [c.digest for c in told.credentials(["tips"])] == [digest_of(house.secret)]
    assert told.credentials([]) == []


class Log:
    """One logged prediction."""

    def prediction(self, prediction: str) -> Prediction:
        if prediction != "pred_1":
            raise NotFound("none")
        return Prediction(
            id="pred_1", ref=Ref("prediction:pred_1"), endpoint="tips", revision="2", model=Ref("model:tips@3"),
            version="3", route="champion", at_ms=7, latency_ms=0.4, status=200, request_id="r", caller="a",
            inputs={"fare": 4.5}, outputs={"tip": 1.5}, keys={"taxi": "t7"},
        )  # fmt: skip

    def reached(self, made_from: Sequence[Ref], keys: Mapping[str, str], *, limit: int) -> Reached:
        return Reached(total=len(made_from), about=len(keys), some=())


def test_a_logged_prediction_says_what_it_was_made_from(house: Yard) -> None:
    log = Log()
    house.furnish(predictions=ServingPredictions(log.prediction, log.reached))
    happen(house, "run:r1", "model:tips@3")
    happen(house, "run:r2", "model:tips@4")
    happen(house, "model:tips@3", "endpoint:tips@2")
    happen(house, "model:tips@4", "endpoint:tips@3")
    happen(house, "endpoint:tips@2 endpoint:tips@3", "endpoint:tips")
    walk = house.api.walk("pred_1")
    assert walk.prediction.inputs == {"fare": "4.5"} and walk.prediction.output == "tip = 1.5"
    assert [str(s.ref) for s in walk.steps] == [
        "prediction:pred_1", "endpoint:tips", "endpoint:tips@2", "model:tips@3", "run:r1"
    ]  # fmt: skip
    assert walk.steps[0].stage is Stage.PREDICTION
    with pytest.raises(NotFound):
        house.api.walk("pred_2")


@dataclass
class Place:
    """A yard with a lake that holds predictions."""

    house: Yard
    lake: Lake
    folds: list[int]

    def log(self, *rows: tuple[str, dict[str, object], str]) -> None:
        """Predictions: id, keys, and an input that names somebody."""
        data = pa.table(
            {
                "prediction": [r[0] for r in rows], "endpoint": ["tips"] * len(rows),
                "model": ["model:tips@3"] * len(rows), "keys": [json.dumps(r[1]) for r in rows],
                "in_taxi": [r[2] for r in rows],
            }
        )  # fmt: skip
        sink = BytesIO()
        with pa.ipc.new_stream(sink, data.schema) as writer:
            writer.write_table(data)
        self.lake.write("predictions_tips", [sink.getvalue()])


@pytest.fixture
def place() -> Iterator[Place]:
    with Bench((*MIGRATIONS, *LAKE)) as bench, lake_service(bench) as service:
        house, folds = Yard(bench), list[int]()
        house.furnish(PredictionsEraser(service, NamedKeys(), lambda: folds.append(1)))
        yield Place(house, bench.open(Lake, service), folds)


def test_predictions_about_a_subject_leave_by_their_ids(place: Place) -> None:
    place.log(("pred_1", {"taxi": "taxi-4711"}, "x"), ("pred_2", {"taxi": "taxi-0815"}, "x"))
    place.log(("pred_3", {}, "taxi-4711"), ("pred_4", {"driver": "taxi-4711x"}, "taxi-47110"))
    plan = place.house.api.plan_forget("taxi", "taxi-4711")
    assert [(h.what, h.count) for h in plan.items] == [("predictions", 2)]
    receipt = place.house.api.forget("taxi", "taxi-4711")
    assert [(h.ref, h.count) for h in receipt.done] == [("table:predictions_tips", 2)]
    assert receipt.scan.read_back == () and place.folds == [1]
    assert [r["prediction"] for r in read(place.lake, "predictions_tips")] == ["pred_2", "pred_4"]


def test_tables_that_hold_no_predictions_are_left_alone(place: Place) -> None:
    place.lake.load("people", [b"taxi\ntaxi-4711\n"])
    assert place.house.api.forget("taxi", "taxi-4711").done == ()
    assert place.lake.table("people").rows == 1
