"""Tracking servers to ask: a yard, and MLflow's own beside it, each in processes of its own.

MLflow's server is started with the interpreter that `MLFLOW_PYTHON` names, or with this one where the whole `mlflow`
package is installed (`mlflow-skinny` brings no server): `uv venv peer && uv pip install -p peer mlflow`.
Its background jobs, which take half the machine while they start, are switched off, and what it does at its start is
waited for.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from benchmarks.wire import Wire

from modelyard.app.lock import running_at
from modelyard.app.upkeep import environment_of
from modelyard.settings import Settings

HERE = Path(__file__).parent
_BEST = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
NO_PEER = " (no peer: MLFLOW_PYTHON names no interpreter with mlflow)"


class Server:
    """A tracking server in processes of its own."""

    def __init__(self, address: str, token: str, process: subprocess.Popen[bytes], home: Path) -> None:
        self.address = address
        self.token = token
        self.home = home
        self._process = process
        self.wire = Wire(address, token)

    def ask(self, path: str, body: object) -> dict[str, Any]:
        """Post to a call of the wire."""
        answered: dict[str, Any] = json.loads(self.wire.post("/api/2.0/mlflow" + path, body))
        return answered

    def new_run(self, **more: object) -> str:
        """The id of a fresh run."""
        return str(self.ask("/runs/create", {"experiment_id": "0", "start_time": 1, **more})["run"]["info"]["run_id"])

    def _processes(self) -> list[psutil.Process]:
        whole = psutil.Process(self._process.pid)
        return [whole, *whole.children(recursive=True)]

    def cpu_s(self) -> float:
        """Processor seconds so far, of all its processes."""
        return sum(t.user + t.system for t in (p.cpu_times() for p in self._processes()))

    def memory_mb(self) -> float:
        """What its processes hold for themselves (private pages), in MB."""
        return sum(p.memory_full_info().uss for p in self._processes()) / 1e6

    def load(
        self, path: str, bodies: Sequence[object], connections: int, seconds: float = 2.5
    ) -> tuple[float, float, list[float]]:
        """Ask in a closed loop: calls a second, CPU milliseconds a call, and the sorted times in milliseconds."""
        host, port = self.address.removeprefix("http://").split(":")
        token = f"authorization: Bearer {self.token}\r\n" if self.token else ""
        requests = []
        for body in bodies:
            text = json.dumps(body)
            requests.append(
                f"POST /api/2.0/mlflow{path} HTTP/1.1\r\nhost: {host}:{port}\r\n{token}"
                f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n{text}"
            )
        job = {"host": host, "port": int(port), "connections": connections, "seconds": seconds, "requests": requests}
        before = self.cpu_s()
        done = subprocess.run(
            [sys.executable, str(HERE / "load.py")], input=json.dumps(job).encode(), capture_output=True, check=True
        )
        taken = [each * 1e3 for each in json.loads(done.stdout)]
        return len(taken) / seconds, (self.cpu_s() - before) / len(taken) * 1e3, taken

    def settle(self) -> None:
        """Wait until it has done what it does at its start."""
        for _ in range(60):
            before = self.cpu_s()
            time.sleep(1)
            if self.cpu_s() - before < 0.1:
                return

    def close(self) -> None:
        """Stop it."""
        self.wire.close()
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)


def ours(home: Path) -> Server:
    """A yard."""
    process = subprocess.Popen(
        [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while running_at(home) is None:
        if process.poll() is not None:
            raise RuntimeError(f"yard up ended with {process.returncode}")
        time.sleep(0.02)
    env = environment_of(Settings(home=str(home)))
    return Server(env["YARD_ADDRESS"], env["YARD_TOKEN"], process, home)


def peer_python() -> str | None:
    """The interpreter that has the whole of mlflow."""
    named = os.environ.get("MLFLOW_PYTHON")
    if named:
        return named
    whole = all(importlib.util.find_spec(name) is not None for name in ("mlflow", "alembic", "flask", "huey"))
    return sys.executable if whole else None


def mlflow(home: Path, *, workers: int = 1, python: str | None = None) -> Server | None:
    """MLflow's own server on SQLite, answering in so many processes; None where it is not installed."""
    if (python := python or peer_python()) is None:
        return None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    home.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [python, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--port", str(port),
         "--workers", str(workers)],
        cwd=home, env={**os.environ, **_BEST}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", "", process, home)
    while process.poll() is None:
        try:
            server.wire.get("/health")
        except (OSError, http.client.HTTPException, RuntimeError):
            server.wire = Wire(server.address, "")
            time.sleep(0.02)
        else:
            server.settle()
            return server
    raise RuntimeError(f"mlflow server ended with {process.returncode}")
