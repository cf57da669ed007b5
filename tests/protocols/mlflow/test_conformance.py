"""A yard answers as MLflow's own server does: a thousand calls, good and bad, with its answers as recorded facts.

`python -m tests.protocols.mlflow.conformance http://localhost:5000` records them anew from a fresh server.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.protocols.mlflow.conformance import corpus
from tests.protocols.mlflow.conformance.known import KNOWN
from tests.protocols.mlflow.conftest import Wire, serving


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    yield from serving(tmp_path_factory.mktemp("conformance") / "home")


@pytest.fixture(scope="module")
def answers(fresh: Wire) -> corpus.Answers:
    return corpus.ask(fresh.address, "owner")


def unlisted(expected: corpus.Answers, seen: corpus.Answers) -> list[str]:
    """Differences that nobody listed, and listed ones that do not differ."""
    found: list[str] = []
    for name in corpus.SCENARIOS:
        known, met = KNOWN.get(name, {}), set()
        for line in corpus.differences({name: expected[name]}, seen):
            hits = {k for k in known if k in line.partition("\n")[0]}
            met |= hits
            if not hits:
                found.append(line)
        found += [f"{name}: {k!r} is listed and does not differ" for k in set(known) - met]
    return found


def test_a_thousand_answers_mean_what_mlflows_own_server_means(answers: corpus.Answers) -> None:
    expected = corpus.recorded()
    assert sum(map(len, expected.values())) > 950
    assert unlisted(expected, answers) == []


@pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None or importlib.util.find_spec("alembic") is None,
    reason="needs MLflow's server: pip install mlflow",
)
@pytest.mark.timeout(900)
def test_what_was_recorded_is_what_the_server_here_answers(tmp_path: Path, free_port: int) -> None:
    address = f"http://127.0.0.1:{free_port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{tmp_path}/peer.db",
        "--artifacts-destination", str(tmp_path / "files"), "--host", "127.0.0.1", "--port", str(free_port),
        "--workers", "1",
    ]  # fmt: skip
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    peer = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(address)
        assert corpus.differences(corpus.recorded(), corpus.ask(address)) == []
    finally:
        peer.terminate()
        peer.wait(30)


def wait_for(address: str) -> None:
    for _ in range(120):
        try:
            if httpx2.get(address + "/health", trust_env=False, timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(1)
    pytest.fail(f"no MLflow server at {address}")
