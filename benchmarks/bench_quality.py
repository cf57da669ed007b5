"""An 11-check contract over a table: wall time, CPU and memory, beside a raw scan of the same columns, and pandera.

Each runs in a process of its own, so that memory is its own; the table is loaded and the libraries imported before.
`YARD_BENCH_ROWS` makes it smaller. pandera (on Polars) runs ten of the eleven checks on the same files, if it is
installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.row import Row

from modelyard.app.house import House
from modelyard.quality.api import ColumnRule, Contract, RowsRule, UniqueRule, Verdict
from modelyard.settings import Settings

ROWS = int(os.environ.get("YARD_BENCH_ROWS", "10000000"))
TABLE = f"""SELECT range AS id, CAST(range % 77 AS INTEGER) AS zone, random() * 60 AS fare, random() * 9 AS tip,
    random() * 20 AS miles, CAST(range % 3600 AS INTEGER) AS seconds, ['cash', 'card'][1 + range % 2] AS paid,
    'Company ' || (range % 40) AS company, TIMESTAMPTZ '2026-01-01' + to_seconds(range) AS at,
    chr(CAST(65 + range % 26 AS INTEGER)) || chr(CAST(65 + range % 7 AS INTEGER)) AS code FROM range({ROWS})"""
CONTRACT = Contract(
    columns={
        "id": ColumnRule(type="int64", nullable=False),
        "zone": ColumnRule(min=0, max=76),
        "fare": ColumnRule(min=0, max=1000),
        "tip": ColumnRule(min=0),
        "miles": ColumnRule(min=0),
        "seconds": ColumnRule(min=0, max=3600),
        "paid": ColumnRule(one_of=("cash", "card")),
        "code": ColumnRule(pattern="[A-Z]{2}"),
        "at": ColumnRule(min="2026-01-01T00:00:00Z"),
    },
    unique=(UniqueRule(columns=("id",)),),
    rows=RowsRule(min=1),
)
COLUMNS = ("id", "zone", "fare", "tip", "miles", "seconds", "paid", "code", "at")


def _measured(work: Callable[[], object]) -> dict[str, float]:
    began, used = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - began, "cpu": time.process_time() - used}


def ours(home: str) -> dict[str, float]:
    """The contract, through the SDK."""
    house = House(Settings(home=home))
    with house.yard() as yard:
        yard.quality.check("small")  # what is imported once is not the contract's

        def check() -> None:
            report = yard.quality.check("big")
            assert (report.verdict, len(report.results), report.rows) == (Verdict.PASSED, 11, ROWS)

        found = _measured(check)
    house.close()
    return found


def _files(home: str) -> list[str]:
    return [str(path) for path in (Path(home) / "lake" / "tables" / "big").glob("*.parquet")]


def scan(home: str) -> dict[str, float]:
    """DuckDB reading every value of the same columns, and doing nothing with it but a hash."""
    import duckdb

    session = duckdb.connect(config={"threads": 2, "memory_limit": "400MB"})
    each = ", ".join(f'bit_xor(hash("{name}"))' for name in COLUMNS)
    return _measured(lambda: session.sql(f"SELECT {each} FROM read_parquet({_files(home)!r})").fetchall())


def peer(home: str) -> dict[str, float]:
    """pandera on Polars, the same checks but the number of rows."""
    import warnings

    warnings.simplefilter("ignore")
    import pandera.polars as pa
    import polars as pl

    check, column = pa.Check, pa.Column
    schema = pa.DataFrameSchema(
        {
            "id": column(pl.Int64, unique=True, nullable=False),
            "zone": column(pl.Int32, check.in_range(0, 76)),
            "fare": column(pl.Float64, check.in_range(0, 1000)),
            "tip": column(pl.Float64, check.ge(0)),
            "miles": column(pl.Float64, check.ge(0)),
            "seconds": column(pl.Int32, check.in_range(0, 3600)),
            "paid": column(pl.String, check.isin(["cash", "card"])),
            "code": column(pl.String, check.str_matches("^[A-Z]{2}$")),
            "at": column(pl.Datetime("us", "UTC"), nullable=False),
        }
    )
    return _measured(lambda: schema.validate(pl.read_parquet(_files(home), columns=list(COLUMNS))))


def _apart(name: str, home: str) -> dict[str, float]:
    """One of the above in a process of its own, with its peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_quality", name, home], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure() -> Iterator[Row]:
    """Seconds, CPU seconds and megabytes of the contract."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="yard-quality-") as folder:
        home, source = str(Path(folder) / "yard"), Path(folder) / "big.parquet"
        duckdb.sql(f"COPY ({TABLE}) TO '{source}' (FORMAT parquet, COMPRESSION zstd)")
        house = House(Settings(home=home))
        with house.yard() as yard, source.open("rb") as file:
            yard.lake.load("big", iter(lambda: file.read(1 << 20), b""), source="big.parquet")
            yard.quality.declare("big", CONTRACT)
            yard.lake.load("small", [b"id\n1\n2\n"])
            yard.quality.declare("small", Contract(unique=CONTRACT.unique))
        house.close()
        source.unlink()
        mine, floor = _apart("ours", home), _apart("scan", home)
        told = f"{ROWS / 1e6:g}M rows"
        yield Row(f"11 checks over {told}", mine["wall"], "s", floor["wall"], "raw scan", reach=3)
        yield Row("its CPU", mine["cpu"], "s", floor["cpu"], "raw scan", reach=6)
        yield Row("its peak memory", mine["peak"], "MB", floor["peak"], "raw scan", reach=1000)
        if importlib.util.find_spec("pandera") is not None:
            other = _apart("peer", home)
            yield Row("its CPU", mine["cpu"], "s", other["cpu"], "pandera on Polars")
            yield Row("its peak memory", mine["peak"], "MB", other["peak"], "pandera on Polars")


if __name__ == "__main__":
    answer = {"ours": ours, "scan": scan, "peer": peer}[sys.argv[1]](sys.argv[2])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({**answer, "peak": peak}) + "\n")
