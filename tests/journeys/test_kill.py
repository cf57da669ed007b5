"""The whole yard is killed while clients work; what was acknowledged is there after the next start, once and whole.

`KILL_MOMENTS=20` asks for more moments than the few that a usual run takes.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest

import modelyard
from modelyard.app.lock import Running, running_at
from modelyard.kernel.errors import YardError
from modelyard.sdk.hub import Yard
from tests.journeys.killing import assert_clean, assert_quick, kill_everything, start

MOMENTS = int(os.environ.get("KILL_MOMENTS", "3"))
ROWS = 50


class Work:
    """Clients that write down what was acknowledged."""

    def __init__(self, running: Running, token: str, generation: int) -> None:
        self.address = running.address
        self.token = token
        self.generation = generation
        self.loads: list[int] = []
        self.actors: list[str] = []
        self.points: list[int] = []
        self.artifacts: dict[str, bytes] = {}
        self.run = ""
        self.over = threading.Event()
        self.threads = [
            threading.Thread(target=self._until_over, args=(do,)) for do in (self._load, self._log, self._name)
        ]

    def start(self) -> None:
        with self._http() as http:
            made = http.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0", "start_time": 1}).json()
        self.run = made["run"]["info"]["run_id"]
        with modelyard.connect(self.address, token=self.token) as yard, self._http() as http:
            self._load(yard, http, 9_999)  # so that the engines are loaded and the moment falls into the work
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(30)

    def _http(self) -> httpx2.Client:
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx2.Client(base_url=self.address, headers=headers, trust_env=False, timeout=20)

    def _until_over(self, do: object) -> None:
        assert callable(do)
        turn = 0
        try:
            with modelyard.connect(self.address, token=self.token) as yard, self._http() as http:
                while not self.over.is_set():
                    do(yard, http, turn)
                    turn += 1
        except (YardError, httpx2.HTTPError):
            return

    def _load(self, yard: Yard, _: httpx2.Client, turn: int) -> None:
        mark = self.generation * 10_000 + turn
        lines = "".join(f"{mark},{i}\n" for i in range(ROWS))
        yard.lake.load("marks", [b"mark,place\n" + lines.encode()], source=f"{mark}.csv")
        self.loads.append(mark)

    def _name(self, yard: Yard, _: httpx2.Client, turn: int) -> None:
        name = f"a{self.generation}-{turn}"
        yard.governance.create_actor(name)
        self.actors.append(name)

    def _log(self, _: Yard, http: httpx2.Client, turn: int) -> None:
        point = {"run_id": self.run, "key": "loss", "value": float(turn), "timestamp": turn, "step": turn}
        if http.post("/api/2.0/mlflow/runs/log-metric", json=point).status_code == 200:
            self.points.append(turn)
        if turn % 5 == 0:
            path, content = f"f{turn}.bin", random.Random(turn).randbytes(20_000)
            where = f"/api/2.0/mlflow-artifacts/artifacts/0/{self.run}/artifacts/{path}"
            if http.put(where, content=content).status_code == 200:
                self.artifacts[path] = content


def assert_whole(works: list[Work], home: Path) -> None:
    token = (home / "state" / "owner.token").read_text().strip()
    running = running_at(home)
    assert running is not None
    headers = {"authorization": f"Bearer {token}"}
    with (
        modelyard.connect(running.address, token=token) as yard,
        httpx2.Client(base_url=running.address, headers=headers, trust_env=False, timeout=20) as http,
    ):
        answer = b"".join(
            yard.lake.sql("select mark, count(*) as n, count(distinct place) as d from marks group by mark")
        )
        import pyarrow as pa

        found = {row["mark"]: (row["n"], row["d"]) for row in pa.ipc.open_stream(answer).read_all().to_pylist()}
        assert set(found.values()) <= {(ROWS, ROWS)}, "a load is there in part or twice"
        acknowledged = {mark for work in works for mark in work.loads}
        assert acknowledged <= set(found), "an acknowledged load is missing"
        assert len(set(found) - acknowledged) <= len(works), "more is there than was under way when it was killed"
        names = set()
        cursor = None
        while True:
            page = yard.governance.actors(limit=1000, cursor=cursor)
            names |= {m.name for m in page.items}
            if (cursor := page.next) is None:
                break
        assert {name for work in works for name in work.actors} <= names
        work = works[-1]
        history = http.get(
            "/api/2.0/mlflow/metrics/get-history",
            params={"run_id": work.run, "metric_key": "loss", "max_results": 25_000},
        ).json()
        steps = [m["step"] for m in history.get("metrics", [])]
        assert len(steps) == len(set(steps)), "a point is there twice"
        assert set(work.points) <= {int(s) for s in steps}
        for path, content in work.artifacts.items():
            got = http.get(f"/api/2.0/mlflow-artifacts/artifacts/0/{work.run}/artifacts/{path}")
            assert sha256(got.content).digest() == sha256(content).digest(), path


@pytest.mark.slow
@pytest.mark.timeout(60 + 20 * MOMENTS)
def test_what_was_acknowledged_outlives_a_kill_of_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seed = random.randrange(10**6)
    print(f"seed {seed}, {MOMENTS} moments")
    draw = random.Random(seed)
    works: list[Work] = []
    process, running, _ = start(home)
    try:
        for generation in range(MOMENTS):
            token = (home / "state" / "owner.token").read_text().strip()
            work = Work(running, token, generation)
            works.append(work)
            work.start()
            time.sleep(draw.uniform(0.0, 1.5))
            kill_everything(process, home)
            work.stop()
            process, running, took = start(home)
            assert_quick(took)
            assert_whole(works, home)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert_clean(home)
    finally:
        if process.poll() is None:
            kill_everything(process, home)
