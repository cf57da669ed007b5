"""What a logged prediction costs over HTTP: everything on, beside everything off and beside a bare answer.

One row of 30 numbers a request, keep-alive, closed loop, three interleaved rounds each, medians. CPU is user and system
time of the server alone. `on` is the product: token, validation, id, log, counters. `off` and the floor stand in
`dataplane_server`. The load generator shares the machine; quote ratios of one run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import psutil
import uvloop
from benchmarks.row import Row

from modelyard.serving.api.routes import Arm, Route
from modelyard.serving.hot.bundle import InputSpec, OutputSpec, Signature, write_signature
from modelyard.serving.hot.server import read_status
from modelyard.serving.hot.snapshot import EndpointSpec, RevisionSpec, Snapshot, TokenSpec, write_snapshot
from modelyard.serving.hot.tensors import Datatype

ROUNDS = 3
SECONDS = 0.6
TOKEN = "bench"


def make_home(home: Path) -> list[float]:
    """Two models, compiled and native, and the snapshot that serves them; a row to ask with."""
    import skl2onnx
    import skops.io
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(x, y)
    inputs = tuple(InputSpec(name=f"f{place}", datatype=Datatype.FP64) for place in range(30))
    for name, sources in (("compiled", ("label", "probabilities")), ("native", ("predict", "predict_proba"))):
        folder = home / "models" / name
        folder.mkdir(parents=True)
        outputs = (
            OutputSpec(name="label", datatype=Datatype.INT64, source=sources[0]),
            OutputSpec(name="probability", datatype=Datatype.FP64, source=sources[1], width=2),
        )
        write_signature(folder, Signature(inputs=inputs, outputs=outputs))
    made = skl2onnx.convert_sklearn(
        fitted, initial_types=[("X", FloatTensorType([None, 30]))], options={id(fitted): {"zipmap": False}}
    )
    (home / "models/compiled/model.onnx").write_bytes(made.SerializeToString())
    skops.io.dump(fitted, home / "models/native/model.skops")
    revision = {name: RevisionSpec(name="r1", model="model:m@1", version="1", folder=f"models/{name}")
                for name in ("compiled", "native")}  # fmt: skip
    served = tuple(
        EndpointSpec(name=name, revisions=(spec,), route=Route(arms=(Arm("r1"),))) for name, spec in revision.items()
    )
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    (home / "run").mkdir()
    token = TokenSpec(digest=digest, caller="actor_bench", scopes=("serving:predict",))
    write_snapshot(home / "run/routes.json", Snapshot(version=1, endpoints=served, tokens=(token,)))
    return [float(value) for value in x[0]]


def request(endpoint: str, row: list[float]) -> bytes:
    body = json.dumps({"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": row}]}).encode()
    head = f"POST /v2/models/{endpoint}/infer HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def server(kind: str, home: Path) -> Iterator[tuple[int, int]]:
    """A running server: its pid and port."""
    if kind == "on":
        argv = [sys.executable, "-m", "modelyard.serving.hot", "--home", str(home)]
    else:
        argv = [sys.executable, "-m", "benchmarks.dataplane_server", kind, str(home)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        if kind == "on":
            deadline = time.monotonic() + 60
            while (status := read_status(home)) is None or status.pid != process.pid or not status.settled:
                assert time.monotonic() < deadline, "the data plane did not start"
                time.sleep(0.05)
            port = status.port
        else:
            port = int(process.stdout.readline())
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def latencies_ms(port: int, raw: bytes, seconds: float) -> list[float]:
    """How long each answer takes on one connection."""
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ends = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends:
            wire.sendall(raw)
            answer = wire.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:300]
            taken.append((time.perf_counter() - began) * 1e3)
    return taken[20:]


class Client(asyncio.Protocol):
    """One of many connections that ask again as soon as they are answered."""

    def __init__(self, raw: bytes, counted: list[int]) -> None:
        self._raw, self._counted = raw, counted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._raw)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 200"):
            os._exit(3)
        self._counted[0] += 1
        self._transport.write(self._raw)


def load(port: int, raw: bytes, connections: int, seconds: float, answers: multiprocessing.Queue[float]) -> None:
    """Ask over many connections; puts the rate of answers a second."""

    async def run() -> float:
        counted = [0]
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            await loop.create_connection(lambda: Client(raw, counted), "127.0.0.1", port)
        await asyncio.sleep(0.2)
        began, before = time.perf_counter(), counted[0]
        await asyncio.sleep(seconds)
        return (counted[0] - before) / (time.perf_counter() - began)

    answers.put(uvloop.run(run()))


def rate_and_cpu_us(pid: int, port: int, raw: bytes, connections: int) -> tuple[float, float]:
    """Answers a second, and the server's CPU for one."""
    answers: multiprocessing.Queue[float] = multiprocessing.get_context("spawn").Queue()
    arguments = (port, raw, connections, SECONDS, answers)
    process = multiprocessing.get_context("spawn").Process(target=load, args=arguments)
    times = psutil.Process(pid).cpu_times
    process.start()
    time.sleep(0)
    began = times()
    rate = answers.get(timeout=30)
    ended = times()
    process.join(10)
    used = ended.user + ended.system - began.user - began.system
    return rate, used / (rate * (SECONDS + 0.2)) * 1e6


def measure() -> Iterator[Row]:
    """The figures, everything on beside everything off."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        row = make_home(home)
        p50: dict[tuple[str, str], list[float]] = {}
        at64: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _ in range(ROUNDS):
            for kind in ("on", "off", "floor"):
                with server(kind, home) as (pid, port):
                    for name in ("compiled", "native"):
                        raw = request(name, row)
                        p50.setdefault((kind, name), []).append(statistics.median(latencies_ms(port, raw, SECONDS)))
                        at64.setdefault((kind, name), []).append(rate_and_cpu_us(pid, port, raw, 64))
        for name in ("compiled", "native"):
            ms = {kind: statistics.median(p50[kind, name]) for kind in ("on", "off", "floor")}
            rate = {kind: statistics.median(r for r, _ in at64[kind, name]) for kind in ms}
            cpu = {kind: statistics.median(c for _, c in at64[kind, name]) for kind in ms}
            reach = {"compiled": (0.5, 25.0), "native": (1.0, None)}[name]
            yield Row(f"{name}: p50, 1 connection", ms["on"], "ms", ms["off"], "off", reach=reach[0])
            yield Row(f"{name}: the same beside a bare answer", ms["on"], "ms", ms["floor"], "floor")
            yield Row(f"{name}: CPU an answer, 64 connections", cpu["on"], "us", cpu["off"], "off", reach=reach[1])
            yield Row(f"{name}: the same beside a bare answer", cpu["on"], "us", cpu["floor"], "floor")
            yield Row(f"{name}: rate, 64 connections", rate["on"], "/s", rate["off"], "off", more_is_better=True)
