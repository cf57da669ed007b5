"""A yard answers as MLflow's own server does: a thousand calls, good and bad, with its answers as recorded facts.

`python -m tests.protocols.mlflow.conformance http://localhost:5000` records them anew from a fresh server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.servers import mlflow

from tests.protocols.mlflow.conformance import corpus
from tests.protocols.mlflow.conformance.known import KNOWN
from tests.protocols.mlflow.conftest import Wire, serving

FULL = os.environ.get("YARD_TEST_MLFLOW", "")


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


@pytest.mark.skipif(not FULL, reason="YARD_TEST_MLFLOW names no interpreter with MLflow's server: pip install mlflow")
@pytest.mark.timeout(900)
def test_what_was_recorded_is_what_the_server_here_answers(tmp_path: Path) -> None:
    peer = mlflow(tmp_path / "peer", python=FULL)
    assert peer is not None
    try:
        assert corpus.differences(corpus.recorded(), corpus.ask(peer.address)) == []
    finally:
        peer.close()
