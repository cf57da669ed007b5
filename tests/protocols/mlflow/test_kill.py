"""A yard that is killed while clients log keeps every point that it acknowledged, once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from modelyard.app.lock import Running, running_at

CLIENTS = 4


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


def log(http: httpx2.Client, run: str, place: int, acknowledged: list[int]) -> None:
    step = place
    try:
        while True:
            points = [{"key": "loss", "value": step, "timestamp": step + i, "step": step * 10 + i} for i in range(3)]
            if http.post("/runs/log-batch", json={"run_id": run, "metrics": points}).status_code != 200:
                return
            acknowledged.append(step)
            step += CLIENTS
    except httpx2.HTTPError:
        return


@pytest.mark.slow
def test_every_acknowledged_point_survives_kill_9_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process, running = start(home)
    with client(home, running.address) as http:
        run = http.post("/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    acknowledged: list[list[int]] = [[] for _ in range(CLIENTS)]
    with client(home, running.address) as http:
        threads = [threading.Thread(target=log, args=(http, run, i, acknowledged[i])) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        end(process, hard=True)
        for thread in threads:
            thread.join(20)
    process, running = start(home)
    with client(home, running.address) as http:
        found = http.get("/metrics/get-history", params={"run_id": run, "metric_key": "loss"}).json()["metrics"]
    end(process, hard=False)
    steps = [m["step"] for m in found]
    wanted = {step * 10 + i for one in acknowledged for step in one for i in range(3)}
    assert len(wanted) > 30
    assert wanted <= set(steps)
    assert len(steps) == len(set(steps))
    assert len(steps) % 3 == 0
