"""What logging and searching cost over HTTP, through `yard up` with its token, guard and full sync.

The peer is `mlflow server` on SQLite, started beside ours and asked the same in turns, if the whole `mlflow` package is
installed (`mlflow-skinny` brings no server); else the figures stand alone and say so. Points of a run are new in every
request of a round, so that nothing is a repeat.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
from benchmarks.row import Row

from modelyard.app.lock import running_at
from modelyard.app.upkeep import environment_of
from modelyard.settings import Settings

HERE = Path(__file__).parent
SECONDS = 2.5
ROUNDS = 3
RUNS = 2000


class Server:
    """A tracking server in processes of its own."""

    def __init__(self, address: str, token: str, process: subprocess.Popen[bytes]) -> None:
        self.address = address
        self.token = token
        self._process = process
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.http = httpx2.Client(base_url=address, headers=headers, trust_env=False, timeout=60)

    def ask(self, path: str, body: object) -> dict[str, object]:
        answer = self.http.post("/api/2.0/mlflow" + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def new_run(self, **more: object) -> str:
        made = self.ask("/runs/create", {"experiment_id": "0", "start_time": 1, **more})
        return str(made["run"]["info"]["run_id"])  # type: ignore[index]  # MLflow's form

    def cpu_s(self) -> float:
        whole = psutil.Process(self._process.pid)
        return sum(t.user + t.system for t in (p.cpu_times() for p in (whole, *whole.children(recursive=True))))

    def load(self, path: str, bodies: list[object], connections: int) -> tuple[float, float, float]:
        """Calls a second, CPU milliseconds a call, and the 99th percentile in milliseconds."""
        host, port = self.address.removeprefix("http://").split(":")
        token = f"authorization: Bearer {self.token}\r\n" if self.token else ""
        requests = []
        for body in bodies:
            text = json.dumps(body)
            requests.append(
                f"POST /api/2.0/mlflow{path} HTTP/1.1\r\nhost: {host}:{port}\r\n{token}"
                f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n{text}"
            )
        job = {"host": host, "port": int(port), "connections": connections, "seconds": SECONDS, "requests": requests}
        before = self.cpu_s()
        done = subprocess.run(
            [sys.executable, str(HERE / "load.py")], input=json.dumps(job).encode(), capture_output=True, check=True
        )
        taken = json.loads(done.stdout)
        cpu = (self.cpu_s() - before) / len(taken) * 1e3
        return len(taken) / SECONDS, cpu, taken[int(len(taken) * 0.99)] * 1e3

    def close(self) -> None:
        self.http.close()
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ours(home: Path) -> Server:
    process = subprocess.Popen(
        [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    for _ in range(400):
        if running_at(home) is not None:
            break
        time.sleep(0.05)
    env = environment_of(Settings(home=str(home)))
    return Server(env["YARD_ADDRESS"], env["YARD_TOKEN"], process)


def mlflow(home: Path) -> Server | None:
    """MLflow's own server, or None where it is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("mlflow", "alembic", "flask", "graphene", "huey")):
        return None
    port = free_port()
    home.mkdir()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--port",
            str(port), "--workers", "1",
        ],
        cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", "", process)
    for _ in range(300):
        try:
            if server.http.get("/health").status_code == 200:
                return server
        except httpx2.HTTPError:
            time.sleep(0.2)
    server.close()
    return None


def metric_bodies(run: str, count: int, shift: int) -> list[object]:
    return [
        {"run_id": run, "key": f"m{i % 4}", "value": i * 0.37 % 1, "timestamp": 10**12 + shift + i, "step": shift + i}
        for i in range(count)
    ]


def batch_bodies(run: str, count: int, shift: int) -> list[object]:
    return [
        {
            "run_id": run,
            "metrics": [
                {"key": f"m{j % 4}", "value": (i * j) % 97 / 97, "timestamp": 10**12 + n, "step": n}
                for j in range(1000)
                for n in [shift + i * 1000 + j]
            ],
        }
        for i in range(count)
    ]


def figures(server: Server, turn: int) -> dict[str, float]:
    """One round on one server."""
    found: dict[str, float] = {}
    for clients in (1, 8):
        run = server.new_run()
        calls, cpu, p99 = server.load("/runs/log-metric", metric_bodies(run, 20_000, turn), clients)
        found |= {f"metric/{clients}": calls, f"metric cpu/{clients}": cpu, f"metric p99/{clients}": p99}
        calls, cpu, p99 = server.load("/runs/log-batch", batch_bodies(server.new_run(), 400, turn), clients)
        found |= {f"batch/{clients}": calls * 1000, f"batch cpu/{clients}": cpu, f"batch p99/{clients}": p99}
    return found


def searched(server: Server) -> float:
    """Milliseconds of a sorted search over all runs, the median of 15."""
    for i in range(RUNS):
        run = server.new_run()
        metrics = [{"key": f"m{j}", "value": (i * 7919 + j) % 1000 / 1000, "timestamp": 1, "step": 1} for j in range(8)]
        params = [{"key": f"p{j}", "value": str((i + j) % 5)} for j in range(6)]
        server.ask("/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
    body = {
        "experiment_ids": ["0"], "filter": "metrics.m0 > 0.5", "order_by": ["metrics.m0 DESC"], "max_results": 100,
    }  # fmt: skip
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        server.ask("/runs/search", body)
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def measure() -> Iterator[Row]:
    """Medians of three rounds in which both servers take turns."""
    with tempfile.TemporaryDirectory() as folder:
        mine, peer = ours(Path(folder) / "ours"), mlflow(Path(folder) / "mlflow")
        servers = [mine] if peer is None else [mine, peer]
        try:
            rounds = [[figures(server, turn * 10**7) for server in servers] for turn in range(ROUNDS)]
            searches = [searched(server) for server in servers]
        finally:
            for server in servers:
                server.close()
    alone = " (no peer: mlflow's server is not installed)" if peer is None else ""

    def both(name: str) -> tuple[float, float | None]:
        values = [statistics.median(found[i][name] for found in rounds) for i in range(len(servers))]
        return values[0], values[1] if peer is not None else None

    for clients, metric_reach, batch_reach in ((1, 15, 25), (8, 40, 20)):
        for what, unit, name, reach in (
            ("log_metric", "calls/s", "metric", metric_reach),
            ("log_batch of 1,000", "points/s", "batch", batch_reach),
        ):
            value, beside = both(f"{name}/{clients}")
            goal = None if beside is None else beside * reach
            yield Row(
                f"{what}, {clients} clients{alone}", value, unit, beside=beside, beside_what="mlflow", reach=goal,
                more_is_better=True,
            )  # fmt: skip
            cpu, beside = both(f"{name} cpu/{clients}")
            yield Row(f"{what}, {clients} clients: CPU", cpu, "ms", beside=beside, beside_what="mlflow")
            p99, beside = both(f"{name} p99/{clients}")
            yield Row(f"{what}, {clients} clients: p99", p99, "ms", beside=beside, beside_what="mlflow")
    beside = searches[1] if peer is not None else None
    goal = None if beside is None else beside / 100
    what = f"search of {RUNS:,} runs, metric filter and order, 100 rows{alone}"
    yield Row(what, searches[0], "ms", beside=beside, beside_what="mlflow", reach=goal)
