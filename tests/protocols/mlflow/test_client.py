"""The unmodified `mlflow` client is at home here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from modelyard.app.house import House
from modelyard.tracking.api import InputsLogged, ModelLogged, RunFinished
from tests.protocols.mlflow.conftest import Wire

pytest.importorskip("mlflow", reason="needs the mlflow client: pip install mlflow-skinny")


def run_flow(wire: Wire, program: str, name: str) -> Any:
    env = {**os.environ, "MLFLOW_TRACKING_URI": wire.address, "MLFLOW_TRACKING_TOKEN": "owner"}
    env |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "GIT_PYTHON_REFRESH": "quiet"}
    env["MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT"] = "1"  # what it would infer does not matter here
    with TemporaryDirectory() as folder:  # the client leaves its own temporary folders behind
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name(program)), name],
            env=env | {"TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def flow(wire: Wire, name: str) -> Any:
    return run_flow(wire, "client_flow.py", name)


def test_a_client_tracks_as_with_its_own_server(wire: Wire) -> None:
    seen = flow(wire, "core")
    assert seen["params"] == {"a": "1", "b": "two", "c": "3"}
    assert seen["metrics"] == {"loss": "0.1", "nan": "nan", "inf": "inf"}
    assert seen["status"] == "FINISHED"
    assert sorted(seen["history"]) == sorted([1.0, 0.5, 1 / 3, 0.25, 0.2, 0.1])
    assert seen["children"] == ["child"]
    assert seen["found"] == ["parent"]
    assert seen["deleted"] == ["FAILED"]
    assert seen["pages"] == [2, 1]
    assert seen["team"] is False
    assert seen["gone"] == "deleted"
    assert seen["experiments"] == ["renamed"]
    assert seen["codes"] == [
        "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE",
        "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST",
    ]  # fmt: skip


def test_a_client_stores_files_and_gets_them_back(wire: Wire) -> None:
    seen = flow(wire, "files")
    assert seen["listed"] == [["all", True, None], ["d.json", False, 12], ["notes", True, None]]
    assert sorted(seen["below"]) == [
        ["all/empty", False, 0], ["all/sub", True, None], ["all/ü ber.txt", False, 3],
    ]  # fmt: skip
    assert seen["same"] is True
    assert seen["text"] == "one"
    assert seen["missing"] == 1
    after = seen["forgotten"]
    assert (after["name"], after["params"]) == ("(forgotten)", {"who": "(forgotten)", "depth": "3"})
    assert after["tags"] == {"note": "(forgotten)", "kept": "yes"} and after["metrics"] == {"loss": 0.5}
    assert after["files"] == ["nobody.csv"] and not after["named"]
    assert after["gone"], after["error"]


@pytest.mark.slow
def test_autolog_logs_a_model_that_loads_again(wire: Wire, house: House) -> None:
    seen = flow(wire, "sklearn")
    assert seen["params"] > 5
    assert seen["score"] > 0.5
    assert seen["models"] == ["by-hand", "model"]
    assert seen["statuses"] == ["READY"]
    assert seen["outputs"] == 2
    assert "table:trips@12" in seen["inputs"]
    assert seen["same"] is True
    with house.engines.database.read() as tx:
        events = house.engines.journal.recent_events(tx, before=None, limit=50)
    run = f"run:{seen['run']}"
    assert len([e for e in events if e.kind == ModelLogged.kind and e.reads == (run,)]) == 2
    for kind in (InputsLogged.kind, RunFinished.kind):
        assert any(e.kind == kind and "table:trips@12" in e.reads and e.writes == (run,) for e in events)


def test_a_model_is_registered_found_loaded_and_promoted(wire: Wire) -> None:
    seen = flow(wire, "registry")
    assert seen["same"] is True
    assert (seen["second"], seen["copied"], seen["by_alias"]) == ("2", "1", "1")
    assert seen["model"] == ["tip share", {"team": "fares"}, {"champion": "1"}, ["1", "2"]]
    assert seen["one"] == ["the first", {"good": "yes"}, ["champion"], "READY", True]
    assert seen["names"] == ["copy", "renamed", "tips"]
    assert seen["filtered"] == ["renamed"]
    assert seen["found"] == [1, 2]
    assert seen["left"] == [{}, {}]
    assert seen["codes"] == [
        "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE",
        "INVALID_PARAMETER_VALUE", "INVALID_PARAMETER_VALUE", "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST",
        "INVALID_PARAMETER_VALUE",
    ]  # fmt: skip
