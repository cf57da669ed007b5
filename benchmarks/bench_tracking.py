"""What logging costs over HTTP, through `yard up` with its token, guard and full sync; MLflow's server takes turns.

It answers once in one process and once in two; the better of both stands beside each figure. Points of a run are new in
every request of a round, so that nothing is a repeat.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.row import Row
from benchmarks.servers import NO_PEER, Server, mlflow, ours

ROUNDS = 3
BATCHES = 1000
PEER_BATCHES = 60
Figures = dict[str, float]


def metric_bodies(run: str, count: int, shift: int) -> list[object]:
    return [
        {"run_id": run, "key": f"m{i % 4}", "value": i * 0.37 % 1, "timestamp": 10**12 + shift + i, "step": shift + i}
        for i in range(count)
    ]


def batch_body(run: str, number: int, shift: int = 0) -> dict[str, object]:
    """A thousand points of four metrics, as a noisy training makes them."""
    values = random.Random(number)
    first = shift + number * 1000
    metrics = [
        {"key": f"m{j % 4}", "value": values.random(), "timestamp": 10**12 + first + j, "step": first + j}
        for j in range(1000)
    ]
    return {"run_id": run, "metrics": metrics}


def percentile(taken: list[float], share: float) -> float:
    return taken[min(len(taken) - 1, int(len(taken) * share))]


def cycle(server: Server, number: int) -> None:
    """A small run from its beginning to its end."""
    run = server.new_run(run_name=f"c{number}")
    metrics = [{"key": f"m{j}", "value": j / 7, "timestamp": 1, "step": 1} for j in range(10)]
    params = [{"key": f"p{j}", "value": str(j)} for j in range(10)]
    server.ask("/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
    server.ask("/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2})


def rate(action: Callable[[int], object], seconds: float = 2.0) -> float:
    """How often a second an action is done, one after the other."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        action(count)
        count += 1
    return count / (time.perf_counter() - began)


def one_round(server: Server, turn: int) -> Figures:
    """One round on one server: first what leaves little to be packed behind the answers."""
    found: Figures = {"cycle": rate(lambda number: cycle(server, number))}
    for clients in (1, 8):
        run = server.new_run()
        calls, cpu, taken = server.load("/runs/log-metric", metric_bodies(run, 20_000, turn), clients)
        found |= {f"metric/{clients}": calls, f"metric cpu/{clients}": cpu}
        found[f"metric p99/{clients}"] = percentile(taken, 0.99)
    for clients in (1, 8):
        run = server.new_run()
        calls, cpu, taken = server.load("/runs/log-batch", [batch_body(run, i, turn) for i in range(400)], clients)
        found |= {f"batch/{clients}": calls * 1000, f"batch cpu/{clients}": cpu}
        found[f"batch p99/{clients}"] = percentile(taken, 0.99)
    return found


def disk_bytes(home: Path) -> int:
    """What the files of a home take once what works in the background has ended."""
    seen = -1
    while True:
        now = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
        if now == seen:
            return now
        seen = now
        time.sleep(6)


def long_run(server: Server, batches: int) -> tuple[list[float], list[float]]:
    """Points into one run, a thousand a call: the times in milliseconds in order, and the same sorted."""
    run, taken = server.new_run(), []
    for number in range(batches):
        body = batch_body(run, number)
        began = time.perf_counter()
        server.ask("/runs/log-batch", body)
        taken.append((time.perf_counter() - began) * 1e3)
    server.ask("/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2})
    return taken, sorted(taken)


def measure() -> Iterator[Row]:
    """Medians of three rounds in which both servers take turns."""
    with tempfile.TemporaryDirectory(prefix="yard-tracking-") as folder:
        started = [ours(Path(folder) / "ours"), *(mlflow(Path(folder) / f"{n}", workers=n) for n in (1, 2))]
        servers = [server for server in started if server is not None]
        try:
            rounds = [[one_round(server, turn * 10**7) for server in servers] for turn in range(ROUNDS)]
            peer_long = None if len(servers) == 1 else long_run(servers[1], PEER_BATCHES)
        finally:
            for server in servers:
                server.close()
        yield from _rates(rounds)
        yield from _long(Path(folder) / "long", peer_long)


def _rates(rounds: list[list[Figures]]) -> Iterator[Row]:
    alone = len(rounds[0]) == 1

    def row(what: str, unit: str, name: str, times: float | None = None, *, more: bool = False) -> Row:
        value, *peers = (statistics.median(found[i][name] for found in rounds) for i in range(len(rounds[0])))
        beside = None if alone else max(peers) if more else min(peers)
        reach = None if beside is None or times is None else beside * times
        return Row(what + NO_PEER * alone, value, unit, beside, "mlflow", reach, more_is_better=more)

    for clients, metric_reach, batch_reach in ((1, 15, 25), (8, 40, 20)):
        said = f"{clients} client{'s' * (clients > 1)}"
        yield row(f"log_metric, {said}", "calls/s", f"metric/{clients}", metric_reach, more=True)
        yield row("its CPU", "ms", f"metric cpu/{clients}", 1 / 20)
        yield row("its p99", "ms", f"metric p99/{clients}", 1 / 20 if clients > 1 else None)
        yield row(f"log_batch of 1,000, {said}", "points/s", f"batch/{clients}", batch_reach, more=True)
        yield row("its CPU", "ms", f"batch cpu/{clients}", 1 / 20)
        yield row("its p99", "ms", f"batch p99/{clients}")
    yield row("a run: created, a batch, finished", "runs/s", "cycle", 20, more=True)


def _long(home: Path, peer: tuple[list[float], list[float]] | None) -> Iterator[Row]:
    server = ours(home)
    empty = disk_bytes(home)
    try:
        taken, ordered = long_run(server, BATCHES)
        disk_bytes(home)
    finally:
        server.close()
    points = BATCHES * 1000
    beside = None if peer is None else PEER_BATCHES * 1000 / sum(peer[0]) * 1e3
    reach = None if beside is None else beside * 25
    alone = NO_PEER * (peer is None)
    yield Row(
        f"{points:,} points into one run{alone}", points / sum(taken) * 1e3, "points/s", beside,
        f"mlflow, {PEER_BATCHES * 1000:,}", reach, more_is_better=True,
    )  # fmt: skip
    tenth = BATCHES // 10
    first, last = statistics.median(taken[:tenth]), statistics.median(taken[-tenth:])
    yield Row("the last tenth", last, "ms a batch", first, "the first tenth", first * 1.1)
    p50 = statistics.median(taken)
    yield Row("its p99, packed meanwhile", percentile(ordered, 0.99), "ms", p50, "its p50", p50 * 10)
    yield Row("on disk afterwards", (disk_bytes(home) - empty) / points, "bytes a point", reach=10)
