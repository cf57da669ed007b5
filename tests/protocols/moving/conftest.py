"""A yard that is up, and stores that MLflow's own client wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import modelyard
from modelyard.adapters.mlflow.store import Store
from modelyard.protocols.moving.mlflow import Mover
from modelyard.protocols.moving.report import Report
from modelyard.sdk.hub import Yard
from tests.protocols.mlflow.conftest import Wire, house, wire  # noqa: F401  # fixtures

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def yard(wire: Wire) -> Iterator[Yard]:  # noqa: F811  # the fixture
    """The yard behind the wire, as its owner."""
    with modelyard.connect(wire.address, token="owner") as opened:
        yield opened


def client(program: str, *words: str, python: str = sys.executable, **environ: str) -> Any:
    """What a program that uses MLflow's client prints."""
    env = {**os.environ, **environ, "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    env["MLFLOW_ALLOW_FILE_STORE"] = "true"
    with TemporaryDirectory() as folder:  # the client leaves its own temporary folders behind
        done = subprocess.run(
            [python, "-W", "ignore", str(HERE / program), *words], env=env | {"TMPDIR": folder}, capture_output=True,
            text=True, timeout=170, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def read_here(wire: Wire, name: str, python: str = sys.executable) -> Any:  # noqa: F811  # the type
    """All that MLflow's client reads in the yard."""
    token = {"MLFLOW_TRACKING_URI": wire.address, "MLFLOW_TRACKING_TOKEN": "owner"}
    return client("whole.py", python=python, WRITTEN=name, **token)


def move(store: Store, yard: Yard) -> Report:  # the type
    """Bring a store in, and let go of it."""
    try:
        return Mover(store, yard.tracking, yard.registry, lambda _: None).move()
    finally:
        store.close()
