"""A real server of MLflow's is read over REST with its traces, and written back; MLflow's client reads the same.

It is started with the interpreter that `YARD_TEST_MLFLOW` names: `uv venv peer && uv pip install -p peer mlflow`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.servers import Server, mlflow

from modelyard.adapters.mlflow.server import ServerStore
from modelyard.protocols.mlflow.trace_reading import Answers
from modelyard.protocols.moving.leaving import Leaver
from modelyard.protocols.moving.report import Kind
from modelyard.protocols.moving.yard import YardStore
from modelyard.sdk.hub import Yard
from tests.protocols.mlflow.conftest import Wire
from tests.protocols.moving.conftest import FULL, RUNS, UNTRIED, client, move, read_here

pytestmark = pytest.mark.skipif(not FULL, reason=UNTRIED)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MLflow's own server on SQLite."""
    server = mlflow(tmp_path_factory.mktemp("peer"), python=FULL)
    assert server is not None
    yield server
    server.close()


@pytest.mark.timeout(900)
def test_a_server_comes_in_with_its_traces_and_goes_back(wire: Wire, yard: Yard, peer: Server, tmp_path: Path) -> None:
    there = client("written.py", RUNS, python=FULL, MLFLOW_TRACKING_URI=peer.address, WRITTEN="served")
    assert len(there["traces"]) >= 3 and len(there["runs"]) == int(RUNS)
    for _ in range(2):
        report = move(ServerStore(peer.address, Answers()), yard)
        assert (report.is_whole, report.problems) == (True, [])
    assert {count.kind: count.here for count in report.counts}[Kind.TRACES] == len(there["traces"])
    assert read_here(wire, "served", FULL) == there

    database, files = tmp_path / "back" / "mlflow.db", tmp_path / "back" / "files"
    database.parent.mkdir()
    subprocess.run(
        [FULL, "-m", "mlflow", "db", "upgrade", f"sqlite:///{database}"], check=True, capture_output=True, timeout=170
    )
    for _ in range(2):
        left = Leaver(YardStore(yard.tracking, yard.registry), str(database), files, lambda _: None).leave()
        assert (left.is_whole, left.problems) == (True, [])
    back = mlflow(database.parent, python=FULL)
    assert back is not None
    try:
        assert client("whole.py", python=FULL, MLFLOW_TRACKING_URI=back.address, WRITTEN="served") == there
    finally:
        back.close()
