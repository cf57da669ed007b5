"""The whole of what data scientists do, by clients that only some machines have: the full one, MLflow 2, frameworks.

The skinny client's part of it, which every development environment has, is in `test_client.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.protocols.mlflow.conftest import Wire

FULL, SECOND, FRAMEWORKS = "YARD_TEST_MLFLOW", "YARD_TEST_MLFLOW2", "YARD_TEST_FRAMEWORKS"
EVERY = "searched,registered,evaluated,behind,traced"
WANTED = {
    "searched": {"children": 3, "tried": [0.1, 1.0, 10.0], "best": True, "score": True, "inputs": 1},
    "registered": {"same": [True] * 5, "version": "1", "stage": "Staging", "status": "READY"},
    "evaluated": {"accuracy": True, "metrics": True},
    "behind": {"points": 200, "last": 0.005, "params": 150, "tags": 20},
    "traced": {"spans": ["add"], "outputs": 3, "tag": "v", "gone": 1, "left": 0},
}


def run(wire: Wire, python: str, program: str, *arguments: str) -> Any:
    """What a program says of this yard, run by an interpreter of its own."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    env |= {"MLFLOW_TRACKING_URI": wire.address, "MLFLOW_TRACKING_TOKEN": "owner", "MLFLOW_DISABLE_TELEMETRY": "true"}
    env |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "GIT_PYTHON_REFRESH": "quiet"}
    env["MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT"] = "1"
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-W", "ignore", str(Path(__file__).with_name(program)), *arguments],
            env=env | {"TMPDIR": folder}, cwd=folder, capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def named(variable: str, how: str) -> str:
    """The interpreter that a variable names."""
    if not (python := os.environ.get(variable)):
        pytest.skip(f"{variable} names no interpreter: {how}")
    return python


@pytest.mark.timeout(300)
def test_the_full_client_does_everything(wire: Wire) -> None:
    python = named(FULL, "uv venv full && uv pip install -p full mlflow scikit-learn")
    assert run(wire, python, "fluent_flow.py", EVERY) == WANTED


@pytest.mark.timeout(300)
def test_a_client_of_mlflow_2_does_everything(wire: Wire) -> None:
    python = named(SECOND, "uv venv old && uv pip install -p old 'mlflow<3' 'setuptools<81' 'opentelemetry-sdk<1.30'")
    assert run(wire, python, "fluent_flow.py", EVERY) == WANTED


@pytest.mark.timeout(300)
@pytest.mark.parametrize("framework", ["torch", "keras", "tensorflow", "xgboost", "lightgbm", "sklearn"])
def test_a_frameworks_autologged_model_is_registered_and_loaded(wire: Wire, framework: str) -> None:
    python = named(FRAMEWORKS, "make test-frameworks")
    seen = run(wire, python, "framework_flow.py", framework)
    assert (seen["status"], seen["version"], seen["same"]) == ("FINISHED", "READY", [True, True])
    assert seen["metrics"]
