"""A model goes live in a real yard: deployed over HTTP, answered by a process of its own, followed back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import modelyard
from modelyard.app.lock import running_at
from modelyard.sdk.hub import Yard
from modelyard.serving.api import Endpoint, Stand
from modelyard.serving.hot.server import read_status
from tests.serving.stand import fitted


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of a yard that is up."""
    home, out = tmp_path / "home", tmp_path / "up.out"
    argv = [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"]
    with out.open("ab") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 20
    while running_at(home) is None or "sign in" not in out.read_text():
        assert time.monotonic() < deadline, out.read_text()
        time.sleep(0.05)
    yield home
    process.send_signal(signal.SIGINT)
    process.wait(30)


def registered(yard: Yard, folder: Path, sign: int) -> str:
    import skops.io

    skops.io.dump(fitted(sign), folder / "model.skops")
    run = yard.tracking.start_run("0")
    yard.tracking.upload(run.id, "model/model.skops", [(folder / "model.skops").read_bytes()])
    if not yard.registry.models().items:
        yard.registry.create_model("tips")
    version = yard.registry.register("tips", f"runs:/{run.id}/model").version
    return f"tips@{version}"


def ask(endpoint: Endpoint, token: str) -> dict[str, Any]:
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1.0, 0.0, 0.5, -0.5]}
    body = json.dumps({"inputs": [tensor], "parameters": {"driver": "d7"}}).encode()
    request = urllib.request.Request(endpoint.address, body, {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def control_pid(home: Path) -> int:
    return int(msgspec.json.decode((home / "run" / "children" / "control.status").read_bytes())["pid"])


def test_a_deployed_model_answers_and_outlives_the_control_process(home: Path, tmp_path: Path) -> None:
    running = running_at(home)
    assert running is not None
    token = (home / "state" / "owner.token").read_text().strip()
    with modelyard.connect(running.address, token=token) as yard:
        first, second = registered(yard, tmp_path, 1), registered(yard, tmp_path, -1)
        yard.serving.deploy("tips", first)
        endpoint = yard.serving.endpoint("tips")
        assert (endpoint.stand, endpoint.reason) == (Stand.SERVING, "")
        answer = ask(endpoint, token)
        assert answer["outputs"][0]["data"] == [1]
        identity = answer["parameters"]["prediction_ids"]
        yard.serving.deploy("tips", second)
        assert ask(endpoint, token)["outputs"][0]["data"] == [0]
        began = time.monotonic()
        yard.serving.rollback("tips")
        assert ask(endpoint, token)["outputs"][0]["data"] == [1]
        assert time.monotonic() - began < 2
        yard.serving.fold()
        assert len(yard.serving.predictions("tips").items) == yard.lake.table("predictions_tips").rows == 3
        walk = yard.governance.walk(identity)
        assert {"prediction", "endpoint", "model", "run"} <= {step.stage.value for step in walk.steps}
        before = control_pid(home)
        os.kill(before, signal.SIGKILL)
        for _ in range(20):
            assert ask(endpoint, token)["outputs"][0]["data"] == [1]
            time.sleep(0.05)
    deadline = time.monotonic() + 20
    while (again := running_at(home)) is None or control_pid(home) == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    status = read_status(home)
    assert status is not None
    assert status.endpoints["tips"].ready
    with modelyard.connect(again.address, token=token) as yard:
        revoked = yard.governance.create_token(yard.governance.whoami().id, "short", scopes=["serving:*"])
        deadline = time.monotonic() + 10
        while True:
            try:
                ask(endpoint, revoked.secret)
                break
            except urllib.error.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
