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

import msgspec
import pytest

import modelyard
from modelyard.adapters.mlflow.store import Store
from modelyard.protocols.moving.mlflow import Mover
from modelyard.protocols.moving.report import Report
from modelyard.sdk.hub import Yard
from modelyard.tracking.api import Assessment, AssessmentKind, NewTrace, Span, SpanEvent, SpanLink, TraceState
from tests.protocols.mlflow.conftest import Wire, house, wire  # noqa: F401  # fixtures

HERE = Path(__file__).parent
FULL = os.environ.get("YARD_TEST_MLFLOW", "")
"""An interpreter with the full mlflow; for tests only its client is installed."""
UNTRIED = "YARD_TEST_MLFLOW names no interpreter with the full mlflow (pip install mlflow)"
RUNS = os.environ.get("YARD_TEST_RUNS", "5")


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
            text=True, timeout=max(170, 6 * int(RUNS)), check=False,
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


def traced(yard: Yard, home: str) -> str:
    """A trace with everything; its id."""
    texts = {"mlflow.spanType": '"CHAIN"', "n": "3", "deep": '{"a": [1, null, 0.5, "ü"]}'}
    root = Span(trace="ab" * 16, id="1" * 16, name="ask", start_ns=5_000_001, end_ns=9_000_002, attributes=texts)
    event = SpanEvent(name="e", at_ns=6, attributes={"rows": "3"})
    link = SpanLink(trace="cd" * 16, span="3" * 16, attributes={"why": '"so"'})
    inner = Span(
        trace="ab" * 16, id="2" * 16, parent="1" * 16, name="fetch", start_ns=6_000_000, end_ns=None, status=2,
        message="no", events=[event], links=[link],
    )  # fmt: skip
    (name,) = yard.tracking.note_spans(home, [root, inner])
    used = {"mlflow.trace.session": "s", "mlflow.trace.tokenUsage": '{"input_tokens": 3}'}
    yard.tracking.note_trace(
        NewTrace(id=name, experiment=home, at_ms=5, duration_ms=4, state=TraceState.OK, client_request="c",
                 request_preview="?", response_preview="!", metadata=used, tags={"team": "x"})
    )  # fmt: skip
    said = Assessment(
        id="", trace="", name="good", kind=AssessmentKind.FEEDBACK, value="true", source_type="HUMAN", source_id="eve",
        metadata={"m": "n"},
    )  # fmt: skip
    first = yard.tracking.assess(name, said)
    yard.tracking.assess(name, msgspec.structs.replace(said, value='"ü"', overrides=first.id, span="2" * 16))
    return name
