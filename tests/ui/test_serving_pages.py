"""The pages of endpoints, predictions, monitors and alerts over a real house."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import skops.io
from starlette.testclient import TestClient

from modelyard.adapters.children import FileChildren
from modelyard.app import screens
from modelyard.app.house import House
from modelyard.monitoring.api import Bound
from modelyard.serving.hot.server import read_status
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals
from tests.monitoring.stand import trips, watch
from tests.serving.hot.planes import SRC, Wire, question, request
from tests.serving.stand import ROW, fitted


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("pages"))))
    yield made
    made.close()


@pytest.fixture(scope="module")
def token(house: House) -> str:
    house.owner()
    return Path(house.settings.home_path, "state", "owner.token").read_text().strip()


@pytest.fixture
def client(house: House, token: str) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test")
    made.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
    return made


def write(house: House, rows: pa.Table) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    house.yard().lake.write("trips", [sink.getvalue()])


@pytest.fixture(scope="module")
def endpoint(house: House, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An endpoint with a champion and a canary."""
    yard = house.yard()
    path = tmp_path_factory.mktemp("model") / "model.skops"
    yard.registry.create_model("tips")
    for sign in (1, -1):
        skops.io.dump(fitted(sign), path)
        run = yard.tracking.start_run("0")
        yard.tracking.upload(run.id, "model/model.skops", [path.read_bytes()])
        yard.registry.register("tips", f"runs:/{run.id}/model")
    yard.serving.deploy("tips", "tips@1", wait_s=0)
    yard.serving.deploy("tips", "tips@2", share=0.25, comment="try it", wait_s=0)
    return "tips"


@pytest.fixture
def answered(house: House, endpoint: str, token: str) -> Iterator[str]:
    """A prediction that the model server answered."""
    home = house.settings.home_path
    (wanted,) = FileChildren(home / "run" / "children").wanted()
    argv = [sys.executable if part == "{python}" else part for part in wanted.argv]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(SRC), os.environ.get("PYTHONPATH", "")))}
    with subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL) as server:
        try:
            yield _ask(home, endpoint, token, pid=server.pid)
        finally:
            server.terminate()


def _ask(home: Path, name: str, token: str, *, pid: int) -> str:
    ends, status = time.monotonic() + 20, read_status(home)
    while status is None or status.pid != pid or not status.settled:
        assert time.monotonic() < ends, status
        time.sleep(0.02)
        status = read_status(home)
    tensor = {"name": "x", "shape": [1, len(ROW)], "datatype": "FP64", "data": ROW}
    wire = Wire(status.port)
    try:
        bearer = f"authorization: Bearer {token}\r\n"
        wire.send(request(f"/v2/models/{name}/infer", question(tensor, parameters={"driver": "d1"}), extra=bearer))
        return str(wire.answer().json["parameters"]["prediction_ids"])
    finally:
        wire.close()


def test_an_endpoint_shows_its_route_and_a_canary_can_be_promoted_and_rolled_back(
    endpoint: str, client: TestClient
) -> None:
    page = client.get(f"/endpoints/{endpoint}")
    assert page.status_code == 200
    for words in ("canary", "25 %", "try it", "model:tips@2", "Promote…"):
        assert words in page.text
    assert f"/endpoints/{endpoint}" in client.get("/endpoints").text
    assert "No prediction took this route" in client.get(f"/endpoints/{endpoint}?route=trial").text
    promote = {"csrf": "", "revision": "2", "reason": "it is better"}
    assert client.post(f"/endpoints/{endpoint}/promote", data=promote, follow_redirects=False).status_code == 303
    data = client.get(f"/endpoints/{endpoint}.json").json()
    assert [(a["role"], a["revision"], a["share"]) for a in data["arms"]] == [("champion", "2", 1.0)]
    assert data["before"] == "@1"
    client.post(f"/endpoints/{endpoint}/roll-back", data={"csrf": "", "reason": "it was not"})
    assert client.get(f"/endpoints/{endpoint}.json").json()["champion"] == "1"
    assert client.get("/endpoints/nothing").status_code == 404


def test_a_prediction_shows_what_was_asked_and_the_walk_back(client: TestClient, answered: str) -> None:
    assert answered in client.get("/endpoints/tips").text
    page = client.get(f"/predictions/{answered}")
    assert page.status_code == 200
    for words in ("Where it came from", "Nobody has said yet", "driver", "model:tips@"):
        assert words in page.text
    data = client.get(f"/predictions/{answered}.json").json()
    assert data["prediction"]["keys"] == {"driver": "d1"}
    assert {"prediction", "endpoint", "model", "run"} <= {s["stage"] for s in data["steps"]}


def test_a_monitor_shows_its_verdict_and_an_alert_can_be_taken_and_resolved(house: House, client: TestClient) -> None:
    write(house, trips(1, 4_000))
    monitoring = house.yard().monitoring
    monitoring.define_monitor("fares", watch())
    assert "Nothing was judged yet" in client.get("/monitors/fares").text
    monitoring.define_rule("fares", "drift", Bound(figure="drifted_share", above=0.1))
    write(house, trips(2, 500, shift=2.0))
    assert client.post("/monitors/fares/check", data={"csrf": ""}, follow_redirects=False).status_code == 303
    data = client.get("/monitors/fares.json").json()
    assert data["verdict"]["sentence"] in client.get("/monitors/fares").text
    assert data["columns"]["rows"][0]["cells"][1] == {"t": "mark", "state": "warn", "text": "drifted"}
    (alert,) = monitoring.alerts(monitor="fares").items
    page = client.get(f"/alerts/{alert.id}")
    assert page.status_code == 200
    for words in (alert.message, "nobody has it", "drifted_share above 0.1", "Nothing was set off"):
        assert words in page.text
    client.post(f"/alerts/{alert.id}/acknowledge", data={"csrf": "", "reason": "on it"})
    assert client.get(f"/alerts/{alert.id}.json").json()["alert"]["state"] == "acknowledged"
    client.post(f"/alerts/{alert.id}/resolve", data={"csrf": "", "reason": "done"})
    assert "It is resolved" in client.get(f"/alerts/{alert.id}").text
    assert f"/alerts/{alert.id}" in client.get("/alerts").text
