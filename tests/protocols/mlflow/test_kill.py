"""A yard that is killed while clients log keeps every point, tag and file that it acknowledged, once.

`YARD_TEST_KILLS=20` kills it at 20 random moments.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from modelyard.app.lock import Running, running_at

CLIENTS = 8
KILLS = int(os.environ.get("YARD_TEST_KILLS", "1"))


def start(home: Path) -> tuple[subprocess.Popen[bytes], Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while (running := running_at(home)) is None:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, running


def end(process: subprocess.Popen[bytes], *, hard: bool) -> None:
    whole = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in whole if hard else whole[:1]:
        try:
            one.kill() if hard else one.terminate()
        except psutil.NoSuchProcess:
            continue
    process.wait(20)
    psutil.wait_procs(whole, timeout=20)


def client(home: Path, address: str) -> httpx2.Client:
    token = (home / "state" / "owner.token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    return httpx2.Client(base_url=address + "/api/2.0/mlflow", headers=headers, trust_env=False, timeout=10)


class Logger(threading.Thread):
    """A client that logs until it is told to stop; where the yard is away it waits, then repeats the unanswered."""

    def __init__(self, home: Path, run: str, place: int, stop: threading.Event) -> None:
        super().__init__()
        self._home, self._run, self.place, self._halt = home, run, place, stop
        self.points: list[int] = []
        self.tag = -1
        self.files: dict[str, bytes] = {}

    def run(self) -> None:
        step = self.place
        while not self._halt.is_set():
            if (running := running_at(self._home)) is None:
                time.sleep(0.02)
                continue
            try:
                with client(self._home, running.address) as http:
                    while not self._halt.is_set():
                        self._once(http, step)
                        step += CLIENTS
            except httpx2.HTTPError:
                time.sleep(0.02)

    def _once(self, http: httpx2.Client, step: int) -> None:
        points = [{"key": "loss", "value": step, "timestamp": step + i, "step": step * 10 + i} for i in range(3)]
        http.post("/runs/log-batch", json={"run_id": self._run, "metrics": points}).raise_for_status()
        self.points.append(step)
        tag = {"run_id": self._run, "key": f"c{self.place}", "value": str(step)}
        http.post("/runs/set-tag", json=tag).raise_for_status()
        self.tag = step
        path, content = f"c{self.place}/{step}.txt", f"file of step {step}".encode() * 50
        at = f"/api/2.0/mlflow-artifacts/artifacts/0/{self._run}/artifacts/{path}"
        http.put(str(http.base_url.copy_with(path=at)), content=content).raise_for_status()
        self.files[path] = content


def resumed(loggers: list[Logger]) -> None:
    """Wait until each client was told of one more step."""
    before = [len(logger.files) for logger in loggers]
    deadline = time.monotonic() + 30
    while any(len(logger.files) <= count for logger, count in zip(loggers, before, strict=True)):
        assert time.monotonic() < deadline, [len(logger.files) for logger in loggers]
        time.sleep(0.05)


@pytest.mark.slow
def test_what_eight_clients_were_told_survives_kill_9_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process, running = start(home)
    with client(home, running.address) as http:
        run = http.post("/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    stop = threading.Event()
    loggers = [Logger(home, run, place, stop) for place in range(CLIENTS)]
    for logger in loggers:
        logger.start()
    moments = random.Random(1)
    for _ in range(KILLS):
        time.sleep(0.6 + moments.random())
        end(process, hard=True)
        process, running = start(home)
        resumed(loggers)
    stop.set()
    for logger in loggers:
        logger.join(20)
    with client(home, running.address) as http:
        found = http.get("/metrics/get-history", params={"run_id": run, "metric_key": "loss"}).json()["metrics"]
        tags = {
            t["key"]: t["value"] for t in http.get("/runs/get", params={"run_id": run}).json()["run"]["data"]["tags"]
        }
        for logger in loggers:
            assert int(tags[f"c{logger.place}"]) in (logger.tag, logger.tag + CLIENTS)
            for path, content in logger.files.items():
                at = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}"
                assert http.get(str(http.base_url.copy_with(path=at))).content == content
    end(process, hard=False)
    steps = [m["step"] for m in found]
    wanted = {step * 10 + i for logger in loggers for step in logger.points for i in range(3)}
    assert len(wanted) > 30
    assert wanted <= set(steps)
    assert len(steps) == len(set(steps))
    assert len(steps) % 3 == 0
