"""What features cost: the point-in-time join beside DuckDB's ASOF, materialising, and online reads.

One million source rows a view, three views, one million labels, 50,000 keys, seeded. CPU is user and system time of
this process, both sides on the same Arrow tables in memory. DuckDB answers the newest row at each label; it is given no
tie rule, created time or time to live, which the engine pays for here.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from benchmarks.row import Row

from modelyard.adapters.online.embedded import EmbeddedOnline
from modelyard.features.api import Aggregate, Feature, FeatureType, Key, KeyType, View, ViewSpec
from modelyard.features.hot import OnlineReader
from modelyard.features.model.join import Log, Rows
from modelyard.features.model.packing import Row as Packed
from modelyard.features.model.packing import key_of, pack
from modelyard.features.model.semantics import Plan, plan_of
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref

ROWS, VIEWS, KEYS, DAYS = 1_000_000, 3, 50_000, 90
DAY_US = 86_400_000_000
ASOF = """
    SELECT l.n, a.x AS x0, b.x AS x1, c.x AS x2
    FROM labels l
    ASOF LEFT JOIN v0 a ON l.k = a.k AND l.t >= a.t
    ASOF LEFT JOIN v1 b ON l.k = b.k AND l.t >= b.t
    ASOF LEFT JOIN v2 c ON l.k = c.k AND l.t >= c.t
"""


def cpu_s(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def column(rng: np.random.Generator, *, days: int = DAYS) -> pa.Array:
    return pa.array(rng.integers(0, days * DAY_US, ROWS))


def view(name: str, *, windows: bool) -> View:
    features = [Feature(name="x", expression="x")]
    if windows:
        features += [
            Feature(name=f"x_{aggregate}_7d", expression="x", aggregate=aggregate, window_s=604_800)
            for aggregate in (Aggregate.COUNT, Aggregate.MEAN, Aggregate.MAX)
        ]
    spec = ViewSpec(entity="e", source="s", event_time="t", features=tuple(features), ttl_s=30 * 86_400)
    kinds = tuple(FeatureType.INT64 if f.aggregate is Aggregate.COUNT else FeatureType.FLOAT64 for f in features)
    return View(
        name=name, version=1, ref=ref("view", name, 1), spec=spec, keys=(Key(name="k", type=KeyType.INT64),),
        types=kinds, columns={}, hash="", created_ms=0, author=ActorId("a"),
    )  # fmt: skip


def joins() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    sources = [(pa.array(rng.integers(0, KEYS, ROWS)), column(rng), pa.array(rng.random(ROWS))) for _ in range(VIEWS)]
    labels = pa.array(rng.integers(0, KEYS, ROWS)), column(rng)

    def ours(plan: Plan) -> None:
        for key, event, value in sources:
            rows = Rows(keys=[key], event_us=event, created_us=None, arrival=None, values=[value])
            done = Log(plan, rows, [labels[0]], labels[1]).join()
            assert len(done.status) == ROWS

    with duckdb.connect() as peer:
        peer.execute("SET threads=2")
        for n, (key, event, value) in enumerate(sources):
            peer.register(f"v{n}", pa.table({"k": key, "t": event, "x": value}))
        peer.register("labels", pa.table({"n": pa.array(np.arange(ROWS)), "k": labels[0], "t": labels[1]}))
        plain = plan_of(view("v", windows=False))
        mine = min(cpu_s(lambda: ours(plain)) for _ in range(2))
        theirs = min(cpu_s(lambda: peer.sql(ASOF).to_arrow_table()) for _ in range(2))
    yield Row(
        what="point-in-time join, 1M labels x 3 views of 1M rows", value=mine, unit="CPU s", beside=theirs,
        beside_what="DuckDB ASOF", reach=2.5, more_is_better=False,
    )  # fmt: skip
    windowed = cpu_s(lambda: ours(plan_of(view("v", windows=True))))
    yield Row(
        what="the same with count, mean and max over 7 days a view", value=windowed, unit="CPU s", beside=mine,
        beside_what="without windows",
    )  # fmt: skip


def online() -> Iterator[Row]:
    rng = np.random.default_rng(2)
    now = DAYS * DAY_US
    for name, windows in (("newest row", False), ("three windows over 20 rows", True)):
        made = view("v", windows=windows)
        times = np.sort(rng.integers(now - 7 * DAY_US, now, 20))
        tails = (times.tobytes(), (rng.random(20).tobytes(),)) if windows else (b"", ())
        row = pack(Packed(int(times[-1]), None, (0.5,), *tails))
        rows = {key_of(made.keys, {"k": n}): row for n in range(KEYS)}
        with tempfile.TemporaryDirectory() as folder:
            store = EmbeddedOnline(Path(folder))
            began = time.perf_counter()
            store.merge("v", 1, rows, lambda _old, new: new)
            if not windows:
                rate = KEYS / (time.perf_counter() - began)
                yield Row(what="online rows merged", value=rate, unit="rows/s", reach=50_000, more_is_better=True)
            reader = OnlineReader(store)
            for size, reach in ((1, 0.03), (100, 0.6)):
                asked = [{"k": int(n)} for n in rng.integers(0, KEYS, size)]
                took = []
                for _ in range(300):
                    began = time.perf_counter()
                    reader.read([made], asked, at_us=now)
                    took.append(time.perf_counter() - began)
                yield Row(
                    what=f"online read in process, {size} entities, {name}", value=float(np.median(took)) * 1000,
                    unit="ms", reach=reach, more_is_better=False,
                )  # fmt: skip
            store.close()


def measure() -> Iterator[Row]:
    """The figures."""
    yield from joins()
    yield from online()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    yield Row(what="memory at the peak of all this, the peer's included", value=peak, unit="GiB")
