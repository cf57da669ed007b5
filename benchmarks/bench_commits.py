"""A thousand governed commits of 100 rows to one table, a bare `deltalake` append beside each: does the time stay flat?

Written by a program as the bare append is, and, to another table, loaded from CSV.

`YARD_BENCH_COMMITS` makes it shorter. Nothing is folded meanwhile, so the last commit stands on a thousand small files.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from benchmarks.row import Row
from deltalake import write_deltalake

from modelyard.app.house import House
from modelyard.settings import Settings

COMMITS = int(os.environ.get("YARD_BENCH_COMMITS", "1000"))
_SMALL = b"a,b\n" + b"1,x\n" * 100


def _spent(action: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def _median(spent: list[tuple[float, float]]) -> list[float]:
    return [statistics.median(each) for each in zip(*spent, strict=True)]


def measure() -> Iterator[Row]:
    """Milliseconds p50 of the first, the middle and the last tenth, ours beside the bare library's."""
    rows = pa.table({"a": [1] * 100, "b": ["x"] * 100})
    with tempfile.TemporaryDirectory(prefix="yard-commits-") as home:
        house = House(Settings(home=str(Path(home) / "yard")))
        lake = house.yard().lake
        lake.load("warm", [_SMALL])
        ours, loaded, bare = (list[tuple[float, float]]() for _ in range(3))
        for _ in range(COMMITS):
            ours.append(_spent(lambda: lake.write("t", rows)))
            loaded.append(_spent(lambda: lake.load("l", [_SMALL])))
            bare.append(_spent(lambda: write_deltalake(str(Path(home) / "bare"), rows, mode="append")))
        assert lake.table("t").rows == 100 * COMMITS
        house.close()
    yield Row(f"p50 of all {COMMITS:,}", _median(ours)[0], "ms", _median(bare)[0], "bare append", reach=25)
    tenth = COMMITS // 10
    tenths = [slice(start, start + tenth) for start in (0, (COMMITS - tenth) // 2, COMMITS - tenth)]
    for what, part in zip(("first", "middle", "last"), tenths, strict=True):
        (wall, cpu), (bare_wall, bare_cpu) = _median(ours[part]), _median(bare[part])
        yield Row(f"p50 of the {what} {tenth} of {COMMITS:,}", wall, "ms", bare_wall, "bare append")
        yield Row("its CPU", cpu, "ms", bare_cpu, "bare append")
        yield Row("loaded from CSV", _median(loaded[part])[0], "ms", bare_wall, "bare append")
    grown, bare_grown = (_median(each[tenths[-1]])[1] / _median(each[tenths[0]])[1] for each in (ours, bare))
    yield Row("CPU of the last tenth over the first", grown, "x", bare_grown, "bare append", reach=1.25)
