"""A database that MLflow's own server wrote comes in, and its client reads the same from both."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelyard.adapters.mlflow.database import DatabaseStore
from modelyard.protocols.moving.leaving import Leaver
from modelyard.protocols.moving.yard import YardStore
from modelyard.sdk.hub import Yard
from tests.protocols.mlflow.conftest import Wire
from tests.protocols.moving.conftest import FULL, RUNS, UNTRIED, client, move, read_here


@pytest.mark.skipif(not FULL, reason=UNTRIED)
def test_a_database_comes_in_and_goes_back_and_its_client_reads_the_same(
    wire: Wire, yard: Yard, tmp_path: Path
) -> None:
    database, files = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "files"
    there = client("written.py", RUNS, python=FULL, MLFLOW_TRACKING_URI=database, WRITTEN_ARTIFACTS=str(files))
    report = move(DatabaseStore(database, files), yard)
    assert (report.is_whole, report.problems) == (True, [])
    assert read_here(wire, "tips", FULL) == there

    back = f"sqlite:///{tmp_path / 'back.db'}"
    subprocess.run([FULL, "-m", "mlflow", "db", "upgrade", back], check=True, capture_output=True, timeout=170)
    left = Leaver(YardStore(yard.tracking, yard.registry), back, tmp_path / "out", lambda _: None).leave()
    assert (left.is_whole, left.problems) == (True, [])
    assert client("whole.py", python=FULL, MLFLOW_TRACKING_URI=back) == there
