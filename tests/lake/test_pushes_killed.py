"""kill -9 while four clients push and the yard folds: every acknowledged row is there once, whatever was repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from modelyard.app.house import House
from modelyard.settings import Settings
from tests.lake.stand import read

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("YARD_TEST_KILLS", "2"))
CLIENTS = 4


@contextmanager
def served(home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.lake.pushed", str(home), str(port)], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline()
    try:
        yield child
    finally:
        child.kill()
        child.stdout.close()
        assert child.wait(60) == -9


class Client(threading.Thread):
    """Pushes batches of two rows, each until it is acknowledged."""

    def __init__(self, address: str, token: str, number: int, over: threading.Event) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self.repeats = 0
        self._address, self._token, self._number, self._over = address, token, number, over

    def run(self) -> None:
        with httpx2.Client(base_url=self._address, headers={"authorization": f"Bearer {self._token}"}) as http:
            n = self._number * 1_000_000
            while not self._over.is_set():
                self._push(http, n)
                self.acknowledged += [n, n + 1]
                n += 2

    def _push(self, http: httpx2.Client, n: int) -> None:
        body = json.dumps([{"n": n, "who": self._number}, {"n": n + 1, "who": self._number}])
        while True:
            try:
                answer = http.post(f"/v1/tables/t/push?key=b{n}", content=body, timeout=5)
            except httpx2.TransportError:
                self.repeats += 1
                time.sleep(0.2)
                continue
            assert answer.status_code == 200, answer.text
            return


def test_a_yard_killed_under_four_clients_holds_every_row_once(tmp_path: Path, free_port: int) -> None:
    home = tmp_path / "home"
    house = House(Settings(home=str(home)))
    house.owner()
    house.close()
    token = (home / "state" / "owner.token").read_text().strip()
    over = threading.Event()
    clients = [Client(f"http://127.0.0.1:{free_port}", token, n, over) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for n in range(KILLS):
            with served(home, free_port):
                enough = sum(len(client.acknowledged) for client in clients) + 60
                patience = time.monotonic() + 60
                while sum(len(c.acknowledged) for c in clients) < enough and time.monotonic() < patience:
                    time.sleep(0.05)
                time.sleep(0.03 * (n % 5))
        with served(home, free_port):
            over.set()
            for client in clients:
                client.join(20)
    finally:
        over.set()
    house = House(Settings(home=str(home)))
    house.recover()
    lake = house.yard().lake
    lake.flush()
    got = sorted(int(str(row["n"])) for row in read(lake, "t"))
    versions = len(lake.history("t", limit=1000).items)
    assert lake.table("t").quarantined == 0
    assert list((home / "lake" / "pushes").rglob("*.seg")) == []
    house.close()
    assert got == sorted(n for client in clients for n in client.acknowledged)
    assert len(got) >= 60 * KILLS
    assert versions < len(got) / 2
