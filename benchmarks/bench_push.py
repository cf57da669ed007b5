"""Rows pushed over HTTP: rate and CPU with 1 and 8 clients, what the fold costs, and bare appends with a sync each.

The floor is a loop that writes the same bytes to one file and syncs it after each push. The yard runs in a process of
its own, so its CPU is told apart from the clients'.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
from benchmarks.row import Row

from modelyard.app.house import House
from modelyard.settings import Settings

SECONDS = 4.0
HERE = Path(__file__).resolve().parents[1]


def _rows(count: int) -> bytes:
    return json.dumps(
        [{"at": "2026-05-03T12:00:00Z", "user": f"u{n:05d}", "page": f"/item/{n}", "ms": n * 1.5} for n in range(count)]
    ).encode()


def _floor(folder: Path, body: bytes) -> float:
    """Appends a second, each written and synced."""
    handle = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    done, until = 0, time.perf_counter() + 1
    while time.perf_counter() < until:
        os.write(handle, body)
        os.fsync(handle)
        done += 1
    os.close(handle)
    return done


def _pushed(address: str, token: str, body: bytes, connections: int) -> list[float]:
    """Answer times of pushes in a closed loop."""
    host, _, port = address.removeprefix("http://").partition(":")
    head = (
        f"POST /v1/tables/t{connections}/push HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    job = {
        "host": host, "port": int(port), "connections": connections, "seconds": SECONDS,
        "requests": [head + body.decode()] * connections,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=json.dumps(job), capture_output=True, text=True, check=True,
        cwd=HERE,
    )  # fmt: skip
    return json.loads(done.stdout)


def _flushed(address: str, token: str, process: psutil.Process) -> tuple[int, float, int]:
    """Rows folded by a flush, the yard's CPU seconds for it, and the table versions it made."""
    before = sum(process.cpu_times()[:2])
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx2.post(f"{address}/v1/flushes", headers=headers, json={}, timeout=120).json()
    cpu_s = sum(process.cpu_times()[:2]) - before
    return sum(each["rows_loaded"] for each in answer), cpu_s, sum(len(each["loads"]) for each in answer)


def measure() -> Iterator[Row]:
    """For pushes of 1 and of 100 rows: pushes a second and CPU of the yard for each; then what the fold costs."""
    with tempfile.TemporaryDirectory(prefix="yard-push-") as folder:
        home = Path(folder) / "yard"
        house = House(Settings(home=str(home)))
        house.owner()
        house.close()
        token = (home / "state" / "owner.token").read_text().strip()
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.lake.pushed", str(home), "0", "3600"], stdout=subprocess.PIPE, text=True,
            cwd=HERE,
        )  # fmt: skip
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        process = psutil.Process(server.pid)
        try:
            _pushed(address, token, _rows(1), 2)
            _flushed(address, token, process)
            for rows in (1, 100):
                body = _rows(rows)
                floor = _floor(Path(folder), body)
                for clients in (1, 8):
                    before = sum(process.cpu_times()[:2])
                    taken = _pushed(address, token, body, clients)
                    cpu_us = (sum(process.cpu_times()[:2]) - before) / len(taken) * 1e6
                    what = f"{rows} rows, {clients} clients"
                    rate = len(taken) / SECONDS
                    yield Row(f"{what}: pushes", rate, "1/s", floor, "append + fsync", more_is_better=True)
                    yield Row(f"{what}: rows", rate * rows, "rows/s")
                    yield Row(f"{what}: CPU of the yard", cpu_us, "us")
                    yield Row(f"{what}: median answer", taken[len(taken) // 2] * 1e3, "ms")
                    folded, cpu_s, versions = _flushed(address, token, process)
                    assert folded == len(taken) * rows, (folded, len(taken), rows, clients)
                    yield Row(f"{what}: fold, CPU for a row", cpu_s / folded * 1e6, "us")
                    yield Row(f"{what}: table versions of {len(taken)} pushes", versions, "versions")
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
