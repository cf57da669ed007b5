"""The pages of one run and of one flow run over a real house."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.pipelines.api import FlowSpec
from modelyard.settings import Settings
from modelyard.tracking.api import Dataset, DatasetInput, Point, RunStatus
from modelyard.ui.kit.frame import Vitals


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("runs"))))
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test")
    house.owner()
    token = Path(house.settings.home_path, "state", "owner.token").read_text().strip()
    made.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
    return made


def test_a_run_shows_its_metrics_with_extremes_and_curves_and_what_it_used(house: House, client: TestClient) -> None:
    tracking = house.yard().tracking
    run = tracking.start_run(name="fit")
    losses = [Point(key="val/loss", value=v, at_ms=run.start_ms + i, step=i) for i, v in enumerate((0.9, 0.2, 0.4))]
    tracking.log(run.id, metrics=losses, params={"depth": "6"}, tags={"team": "fares"})
    source = Dataset(name="trips", digest="abc", source="table:trips@1")
    tracking.log_inputs(run.id, [DatasetInput(dataset=source)])
    tracking.upload(run.id, "model/weights.bin", [b"12345"])
    tracking.update_run(run.id, RunStatus.FINISHED)
    page = client.get(f"/runs/{run.id}")
    assert page.status_code == 200
    for words in ("Finished in", "val/loss", "depth", "fares", "table:trips@1", "model/", "/lineage?ref=run:"):
        assert words in page.text
    cells = client.get(f"/runs/{run.id}.json").json()["metrics"]["rows"][0]["cells"]
    assert cells[1:5] == [pytest.approx(0.4), pytest.approx(0.2), pytest.approx(0.9), 2]
    files = client.get(f"/runs/{run.id}.json?folder=model").json()["files"]["rows"]
    assert [row["cells"][0]["text"] for row in files] == ["model/weights.bin"]
    assert f"/runs/{run.id}" in client.get("/runs").text
    assert '<a href="/runs?experiment=0"><b class="cut"><bdi>Default</bdi></b></a>' in page.text


def test_curves_of_several_runs_come_as_blocks_of_float32(house: House, client: TestClient) -> None:
    tracking = house.yard().tracking
    runs = [tracking.start_run(name=name) for name in ("one", "two", "none")]
    for run in runs[:2]:
        tracking.log(run.id, metrics=[Point(key="f1", value=i % 2, at_ms=run.start_ms, step=i * 10) for i in range(4)])
    query = "&".join(f"run={run.id}" for run in runs)
    body = client.get(f"/curves?metric=f1&{query}").content
    count, zero, first = struct.unpack_from("<IId", body)
    assert (count, zero, first) == (4, 0, 0.0)
    assert struct.unpack_from("<4f4f", body, 16) == (0, 10, 20, 30, 0, 1, 0, 1)
    assert body[:48] == body[48:96] and struct.unpack_from("<I", body, 96) == (0,)
    soft = client.get(f"/curves?metric=f1&run={runs[0].id}&smooth=1").content
    assert struct.unpack_from("<4f", soft, 32) == pytest.approx((0.5, 1 / 3, 2 / 3, 0.5))
    part = client.get(f"/curves?metric=f1&run={runs[0].id}&range=10..15").content
    assert struct.unpack_from("<I", part) == (3,)  # from 10 to 15, and one more on each side
    assert client.get(f"/curves?metric=f1&run={runs[0].id}&range=15..10").content == body[:48]
    for wrong in ("", "?metric=f1", f"?metric=f1&run={runs[0].id}&axis=sideways", f"?run={runs[0].id}"):
        assert client.get(f"/curves{wrong}").status_code == 422


def test_a_run_that_logged_nothing_says_so(house: House, client: TestClient) -> None:
    run = house.yard().tracking.start_run(name="bare")
    page = client.get(f"/runs/{run.id}").text
    for words in ("No metric", "No parameter", "No input", "No output", "No file", "no code commit noted"):
        assert words in page
    assert client.get("/runs/" + "0" * 32).status_code == 404


def _sources() -> bytes:
    with io.BytesIO() as kept, zipfile.ZipFile(kept, "w") as made:
        made.writestr("training.py", "def training(): ...\n")
        made.close()
        return kept.getvalue()


def test_a_flow_run_shows_its_plan_and_can_be_cancelled(house: House, client: TestClient) -> None:
    pipelines = house.yard().pipelines
    pipelines.register("training", FlowSpec(entry="training:training"), [_sources()])
    run = pipelines.run("training")
    page = client.get(f"/pipelines/{run.id}")
    assert page.status_code == 200
    for words in ("Waits in queue default", "Not planned yet", "Not begun", "Nothing written", "Cancel the run"):
        assert words in page.text
    assert f"/pipelines/{run.id}" in client.get("/pipelines?flow=training").text
    answer = client.post(f"/pipelines/{run.id}/cancel", data={"csrf": ""}, headers={"origin": "http://yard.test"})
    assert answer.status_code == 200 and "Cancelled before it began" in answer.text
    assert client.get(f"/pipelines/{run.id}.json").json()["over"] is True
    assert client.get("/pipelines/training").status_code == 200
