"""Verbs on a table of a million rows: merge beside the Delta library's own, deletes, null columns, differences."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from benchmarks.row import Row, median_ms
from deltalake import DeltaTable, write_deltalake

from modelyard.app.house import House
from modelyard.lake.api import Column, Declared, Mode
from modelyard.settings import Settings

ROWS, MERGED = 1_000_000, 500_000


def _frame(ids: np.ndarray, draw: np.random.Generator) -> pa.Table:
    size = len(ids)
    return pa.table(
        {
            "id": ids,
            "fare": draw.normal(size=size),
            "zone": draw.integers(0, 1000, size),
            "company": pa.array([f"company {n % 997}" for n in range(size)]),
            "at": pa.array(draw.integers(0, 2**40, size), pa.timestamp("us", tz="UTC")),
        }
    )


def _spent(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor and of the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return time.process_time() - cpu, time.perf_counter() - wall


def measure() -> Iterator[Row]:
    """Seconds of a merge of 500,000 rows into 1,000,000, ours beside the bare library's, and what is near it."""
    draw = np.random.default_rng(7)
    rows = _frame(np.arange(ROWS), draw)
    fresh = _frame(draw.choice(np.arange(ROWS * 5 // 4), MERGED, replace=False), draw)
    with tempfile.TemporaryDirectory() as folder:
        bare = f"{folder}/bare"
        write_deltalake(bare, rows)

        def merge() -> object:
            merger = DeltaTable(bare).merge(fresh, "s.id = t.id", source_alias="s", target_alias="t")
            return merger.when_matched_update_all().when_not_matched_insert_all().execute()

        bare_cpu, bare_wall = _spent(merge)
        house = House(Settings(home=str(Path(folder) / "home"), sync="normal"))
        try:
            lake = house.yard().lake
            lake.write("t", rows, schema=Declared(keys=("id",)))
            cpu, wall = _spent(lambda: lake.write("t", fresh, mode=Mode.MERGE))
            assert lake.table("t").rows == DeltaTable(bare).count()
            beside = "deltalake's merge"
            yield Row("merge 500k rows into 1M, processor", cpu, "s", bare_cpu, beside, reach=1.5 * bare_cpu)
            yield Row("merge 500k rows into 1M, clock", wall, "s", bare_wall, beside)
            lake.write("small", rows.slice(0, 100), schema=Declared(keys=("id",)))
            lake.write("t", rows.slice(0, 1000), mode=Mode.APPEND)
            last = lake.table("t").version
            whole = _spent(lambda: lake.sql("select count(*), sum(id), sum(fare), max(company) from t").arrow())[1]
            took = _spent(lambda: lake.diff("t", str(last - 1)))[1]
            yield Row("diff of 1,000 rows appended to 1.1M", took * 1e3, "ms", whole * 1e3, "one scan of the table")
            names = iter(range(100))
            null = median_ms(lambda: lake.add_column("t", Column(name=f"c{next(names)}", type="int64")), times=5)
            small = median_ms(lambda: lake.add_column("small", Column(name=f"c{next(names)}", type="int64")), times=5)
            yield Row("add a null column to 1.1M rows", null, "ms", small, "the same on 100 rows", reach=3 * small)
            took = _spent(lambda: lake.delete_where("t", f"id = {ROWS // 2}"))[1]
            yield Row("delete one row of 1.1M", took * 1e3, "ms")
        finally:
            house.close()
