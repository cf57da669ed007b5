"""What reading costs in a grown store over HTTP: searches, histories, the registry, files; MLflow's server beside it.

Both hold the same runs: ours are logged over the wire, MLflow's rows are laid into its SQLite file. Every search is
asked of both, and its rows must be the same in the same order. `YARD_BENCH_RUNS` makes it smaller.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.row import Row, median_ms
from benchmarks.servers import NO_PEER, Server, mlflow, ours

RUNS = int(os.environ.get("YARD_BENCH_RUNS", "10000"))
POINTS = 100_000
FILE_BYTES = 64 << 20
TIMES = 9
_START = 1_700_000_000_000

SEARCHES = {
    "a metric, sorted by it": {"filter": "metrics.m0 > 0.5", "order_by": ["metrics.m0 DESC"]},
    "a param, a tag and a metric": {"filter": "params.p0 = '3' and tags.t0 = 'b' and metrics.m1 > 0.2"},
    "the newest": {},
    "a part of a param": {"filter": "params.p1 LIKE '%77%'"},
    "all, sorted by a metric that some lack": {"filter": "", "order_by": ["metrics.rare ASC"]},
}


def things(number: int) -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
    """Metrics, params and tags of a run; no two runs have the same number anywhere that is sorted by."""
    values = random.Random(number)
    metrics = {f"m{j}": values.random() for j in range(10)}
    if number % 3 == 0:
        metrics["rare"] = values.random()
    params = {"p0": str(number % 7), "p1": f"lr-{number}", **{f"p{j}": str(values.random()) for j in range(2, 8)}}
    return metrics, params, {"t0": "abc"[number % 3], "t1": str(number % 10)}


def fill_ours(server: Server) -> None:
    """Log the runs as a client does, eight at a time."""

    def one(number: int) -> None:
        metrics, params, tags = things(number)
        run = server.new_run(run_name=f"r{number}", start_time=_START + number * 1000)
        server.ask(
            "/runs/log-batch",
            {
                "run_id": run,
                "metrics": [{"key": k, "value": v, "timestamp": _START, "step": 0} for k, v in metrics.items()],
                "params": [{"key": k, "value": v} for k, v in params.items()],
                "tags": [{"key": k, "value": v} for k, v in tags.items()],
            },
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(RUNS)))


def fill_theirs(server: Server) -> None:
    """Lay the same runs into MLflow's tables."""
    with sqlite3.connect(server.home / "mlflow.db", timeout=60) as db:
        for number in range(RUNS):
            metrics, params, tags = things(number)
            run = uuid.uuid4().hex
            db.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, "
                "start_time, source_version, lifecycle_stage, artifact_uri, experiment_id) "
                "VALUES (?, ?, 'UNKNOWN', '', '', 'me', 'RUNNING', ?, '', 'active', ?, 0)",
                (run, f"r{number}", _START + number * 1000, f"mlflow-artifacts:/0/{run}/artifacts"),
            )
            points = [(k, v, _START, run, 0, 0) for k, v in metrics.items()]
            db.executemany(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?,?,?,?,?,?)", points
            )
            db.executemany(
                "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?,?,?,?,?,?)",
                points,
            )
            db.executemany(
                "INSERT INTO params (key, value, run_uuid) VALUES (?,?,?)", [(*p, run) for p in params.items()]
            )
            named = {**tags, "mlflow.runName": f"r{number}"}
            db.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?,?,?)", [(*t, run) for t in named.items()])


def names(answer: dict) -> list[str]:
    return [run["info"]["run_name"] for run in answer["runs"]]


def searched(servers: list[Server]) -> Iterator[tuple[str, list[float]]]:
    """Each search on each server."""
    for what, more in SEARCHES.items():
        body = {"experiment_ids": ["0"], "max_results": 100, **more}
        found = [names(server.ask("/runs/search", body)) for server in servers]
        if any(each != found[0] for each in found) or len(found[0]) < 20:
            raise AssertionError(f"{what}: the servers give other rows: {[each[:5] for each in found]}")
        yield (
            what,
            [
                median_ms(partial(server.wire.post, "/api/2.0/mlflow/runs/search", body), times=TIMES)
                for server in servers
            ],
        )


def history(server: Server) -> tuple[float, float]:
    """Milliseconds of a whole history, a page at a time, and of one sampled for a chart."""
    run = server.new_run()
    for first in range(0, POINTS, 1000):
        metrics = [
            {"key": "loss", "value": (n * 7919) % 1009 / 1009, "timestamp": _START + n, "step": n}
            for n in range(first, first + 1000)
        ]
        server.ask("/runs/log-batch", {"run_id": run, "metrics": metrics})

    def whole() -> None:
        token, count = "", 0
        while True:
            asked = {"run_id": run, "metric_key": "loss", "max_results": "25000", "page_token": token}
            answer = json.loads(server.wire.get("/api/2.0/mlflow/metrics/get-history", **asked))
            count += len(answer["metrics"])
            token = answer.get("next_page_token", "")
            if not token:
                break
        assert count == POINTS

    def sampled() -> None:
        asked = {"run_ids": run, "metric_key": "loss", "max_results": "320"}
        answer = json.loads(server.wire.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", **asked))
        assert len(answer["metrics"]) >= 300

    return median_ms(whole, times=3), median_ms(sampled, times=TIMES)


def registry(server: Server) -> float:
    """Milliseconds of one round of the registry's calls."""
    run = server.ask("/runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    server.wire.put(f"/api/2.0/mlflow-artifacts/artifacts/{place}/model/MLmodel", b"flavors: {}\n")
    numbers = iter(range(1000))

    def one() -> None:
        name = f"model-{next(numbers)}"
        server.ask("/registered-models/create", {"name": name})
        made = {"name": name, "source": run["artifact_uri"] + "/model", "run_id": run["run_id"]}
        version = server.ask("/model-versions/create", made)["model_version"]["version"]
        server.ask("/registered-models/alias", {"name": name, "alias": "best", "version": version})
        for path, asked in (
            ("/registered-models/get", {"name": name}),
            ("/registered-models/alias", {"name": name, "alias": "best"}),
            ("/model-versions/search", {"filter": f"name='{name}'"}),
            ("/registered-models/search", {"max_results": "20"}),
        ):
            server.wire.get("/api/2.0/mlflow" + path, **asked)

    return median_ms(one, times=TIMES)


def artifact(server: Server) -> tuple[float, float]:
    """Milliseconds to put and to get a file of 64 MiB."""
    run = server.ask("/runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    turns = iter(range(1000))

    def put() -> None:
        content = random.Random(next(turns)).randbytes(1 << 20) * 64
        server.wire.put(f"/api/2.0/mlflow-artifacts/artifacts/{place}/big.bin", content)

    def get() -> None:
        assert len(server.wire.get(f"/api/2.0/mlflow-artifacts/artifacts/{place}/big.bin")) == FILE_BYTES

    return median_ms(put, times=3), median_ms(get, times=3)


def measure() -> Iterator[Row]:
    """Every figure beside MLflow's."""
    with tempfile.TemporaryDirectory(prefix="yard-searching-") as folder:
        began = time.perf_counter()
        mine = ours(Path(folder) / "ours")
        started = time.perf_counter() - began
        time.sleep(2)
        idle = mine.memory_mb()
        peer = mlflow(Path(folder) / "mlflow")
        servers = [server for server in (mine, peer) if server is not None]
        try:
            yield Row("start to the first answer", started, "s", reach=3)
            yield Row("idle", idle, "MB", None if peer is None else peer.memory_mb(), "mlflow", 200)
            fill_ours(mine)
            if peer is not None:
                fill_theirs(peer)
            yield from _beside(servers)
        finally:
            for server in servers:
                server.close()


def _beside(servers: list[Server]) -> Iterator[Row]:
    alone = NO_PEER * (len(servers) == 1)

    def row(what: str, values: list[float], share: float) -> Row:
        beside = values[1] if len(values) > 1 else None
        return Row(what + alone, values[0], "ms", beside, "mlflow", None if beside is None else beside * share)

    for number, (what, values) in enumerate(searched(servers)):
        yield row(f"search {RUNS:,} runs by {what}", values, 1 / 20 if number else 1 / 100)
    histories = [history(server) for server in servers]
    yield row(f"a history of {POINTS:,} points", [each[0] for each in histories], 1 / 10)
    yield row("the same, sampled for a chart", [each[1] for each in histories], 1 / 10)
    yield row("seven calls of the registry", [registry(server) for server in servers], 1 / 5)
    files = [artifact(server) for server in servers]
    yield row("put a file of 64 MiB", [each[0] for each in files], 1)
    yield row("get it", [each[1] for each in files], 1)
