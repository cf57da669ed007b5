"""What a call costs: guard and edge alone, and a governed write (row, event, audit, on the disk), at 1, 8 and 64
connections. CPU is user and system of the control process over all answers; the floor is `/healthz`, which passes the
edge and no guard.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
from benchmarks.row import Row

from modelyard.app.lock import running_at

_SECONDS = 2.5


class Yard:
    """A `yard up` of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while (running := running_at(home)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError("the yard did not start")
            time.sleep(0.05)
        self.host, port = running.address.removeprefix("http://").split(":")
        self.port = int(port)
        self.token = (home / "state" / "owner.token").read_text().strip()
        status = msgspec.json.decode((home / "run" / "children" / "control.status").read_bytes())
        self.control = psutil.Process(int(status["pid"]))

    def request(self, verb: str, path: str, body: bytes = b"") -> str:
        head = f"{verb} {path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\nauthorization: Bearer {self.token}\r\n"
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return head + "\r\n" + body.decode("latin-1")

    def load(self, requests: list[str], connections: int) -> tuple[float, float, float, float]:
        """Calls a second, CPU ms a call, p50 and p99 in ms."""
        job = {
            "host": self.host, "port": self.port, "connections": connections, "seconds": _SECONDS, "requests": requests,
        }  # fmt: skip
        before = sum(self.control.cpu_times()[:2])
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"],
            input=json.dumps(job),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        used = sum(self.control.cpu_times()[:2]) - before
        taken = json.loads(done.stdout)
        count = len(taken)
        return count / _SECONDS, used / count * 1e3, taken[count // 2] * 1e3, taken[int(count * 0.99)] * 1e3

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def measure() -> Iterator[Row]:
    """Each at 1, 8 and 64 connections."""
    with tempfile.TemporaryDirectory() as folder:
        yard = Yard(Path(folder) / "home")
        try:
            yield from _calls(yard)
        finally:
            yard.close()


def _calls(yard: Yard) -> Iterator[Row]:
    health = [yard.request("GET", "/healthz")]
    read = [yard.request("GET", "/v1/roles")]
    names = [f"bench{i}" for i in range(300_000)]
    for connections, reach_write in ((1, 0.4), (8, None), (64, 0.15)):
        _, floor, _, _ = yard.load(health, connections)
        rate, cpu, p50, p99 = yard.load(read, connections)
        yield Row(
            f"guard + edge + a small read, {connections} connections ({rate:,.0f}/s, p50 {p50:.2f}, p99 {p99:.1f} ms)",
            cpu, "ms CPU", beside=floor, beside_what="/healthz", reach=0.15,
        )  # fmt: skip
        mine, names = names[:100_000], names[100_000:]
        writes = [yard.request("POST", "/v1/actors", b'{"name":"%s","kind":"program"}' % n.encode()) for n in mine]
        rate, cpu, p50, p99 = yard.load(writes, connections)
        yield Row(
            f"governed write, FULL sync, {connections} connections ({rate:,.0f}/s, p50 {p50:.2f}, p99 {p99:.1f} ms)",
            cpu, "ms CPU", beside=floor, beside_what="/healthz", reach=reach_write,
        )  # fmt: skip
