"""CSV to a validated Delta table with quarantine, beside a raw read of the file and dlt in Arrow mode; a small commit.

Each load runs in a process of its own, whose peak of memory is read from the system. `YARD_BENCH_ROWS` says how many
rows (2,000,000), `DLT_PYTHON` which Python has dlt (this one).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from benchmarks.row import Row, median_ms
from deltalake import write_deltalake

from modelyard.app.house import House
from modelyard.settings import Settings

ROWS = int(os.environ.get("YARD_BENCH_ROWS", "2000000"))
_PEAK = """
def peak_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))
"""
_RAW = """
import json, sys, time
import pyarrow.csv as pacsv
began = time.perf_counter()
rows = pacsv.read_csv(sys.argv[1]).num_rows
print(json.dumps({"took": time.perf_counter() - began, "rows": rows, "held": 0, "peak": peak_mb()}))
"""
_OURS = """
import json, sys, time
from pathlib import Path
from modelyard.app.house import House
from modelyard.quality.api import ColumnRule, Contract, UniqueRule
from modelyard.settings import Settings
source, home, held = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "held"
house = House(Settings(home=home))
yard = house.yard()
yard.lake.load("warm", [b"a\\n1\\n"])
if held:
    yard.quality.declare("trips", Contract(
        columns={
            "id": ColumnRule(type="int64", nullable=False), "fare": ColumnRule(type="float64", min=0, max=1000),
            "paid": ColumnRule(one_of=("cash", "card")), "zone": ColumnRule(min=0, max=76),
            "seconds": ColumnRule(min=0),
        },
        unique=(UniqueRule(columns=("id",)),),
    ))
began = time.perf_counter()
load = yard.lake.load_file("trips", source)
took = time.perf_counter() - began
house.close()
print(json.dumps({"took": took, "rows": load.rows_loaded, "held": load.rows_quarantined, "peak": peak_mb()}))
"""
_DLT = """
import json, os, sys, time
source, home = sys.argv[1], sys.argv[2]
os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", DLT_DATA_DIR=home + "/data", HOME=home,
                  RUNTIME__LOG_LEVEL="CRITICAL")
import dlt
import pyarrow.csv as pacsv
def trips():
    options = pacsv.ConvertOptions(column_types={"fare": "string"})
    with pacsv.open_csv(source, convert_options=options) as reader:
        for batch in reader:
            yield batch
place = dlt.destinations.filesystem("file://" + home + "/lake")
pipeline = dlt.pipeline("bench", destination=place, dataset_name="d", pipelines_dir=home + "/pipes")
began = time.perf_counter()
pipeline.run(dlt.resource(trips, name="trips", table_format="delta"))
took = time.perf_counter() - began
from deltalake import DeltaTable
rows = DeltaTable(home + "/lake/d/trips").count()
print(json.dumps({"took": took, "rows": rows, "held": 0, "peak": peak_mb()}))
"""


def _write(path: Path) -> None:
    """Ten columns, as trips have them; one row in a thousand has a fare that is no number."""
    draw = np.random.default_rng(5)
    names: list[str] | None = None
    with path.open("wb") as out:
        for start in range(0, ROWS, 100_000):
            n = np.arange(start, min(start + 100_000, ROWS))
            fare = np.round(draw.random(n.size) * 60, 2).astype(str).astype(object)
            fare[draw.random(n.size) < 0.001] = "n/a"
            table = pa.table(
                {
                    "id": n, "at": [f"2026-0{k % 9 + 1}-1{k % 10}T0{k % 10}:00:00Z" for k in n], "zone": n % 77,
                    "fare": pa.array(fare, pa.string()), "tip": np.round(draw.random(n.size) * 9, 2),
                    "miles": np.round(draw.random(n.size) * 20, 1), "seconds": n % 3600,
                    "paid": np.array(["cash", "card"])[n % 2], "company": [f"Company {k % 40}" for k in n],
                    "note": [f"trip {k % 1000}" for k in n],
                }
            )  # fmt: skip
            pacsv.write_csv(table, out, pacsv.WriteOptions(include_header=names is None, quoting_style="none"))
            names = table.column_names


def _ran(python: str, program: str, *arguments: str) -> dict[str, float]:
    """What a program says of itself in its last line."""
    done = subprocess.run(
        [python, "-c", _PEAK + program, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure() -> Iterator[Row]:
    """MB/s and peak of a load without and with a contract, the raw read and dlt beside them; a small commit."""
    with tempfile.TemporaryDirectory(prefix="yard-ingest-") as place:
        root, source = Path(place), Path(place) / "trips.csv"
        _write(source)
        size = source.stat().st_size / 1e6
        raw = min(_ran(sys.executable, _RAW, str(source))["took"] for _ in range(3))
        dlt = _peer(root, source)
        for kind, what in (("plain", "load, types only"), ("held", "load, held to a contract of 7 checks")):
            found = _ran(sys.executable, _OURS, str(source), str(root / kind), kind)
            assert found["rows"] + found["held"] == ROWS, found
            assert found["held"] > 0, found
            yield Row(what, size / found["took"], "MB/s", reach=35, more_is_better=True)
            yield Row(f"{what}: time", found["took"], "s", raw, "raw read", reach=15 * raw)
            if dlt is not None:
                yield Row(f"{what}: time", found["took"], "s", dlt["took"], "dlt, Arrow, no checks", reach=dlt["took"])
            yield Row(f"{what}: peak", found["peak"], "MB", None if dlt is None else dlt["peak"], "dlt", reach=700)
        yield from _small(root)


def _peer(root: Path, source: Path) -> dict[str, float] | None:
    """dlt in Arrow mode to a Delta table; None where it is not installed."""
    python = os.environ.get("DLT_PYTHON", sys.executable)
    known = subprocess.run([python, "-c", "import dlt, deltalake"], capture_output=True, check=False)
    if known.returncode:
        return None
    (root / "dlt").mkdir()
    found = _ran(python, _DLT, str(source), str(root / "dlt"))
    assert found["rows"] == ROWS, found
    return found


def _small(root: Path) -> Iterator[Row]:
    house = House(Settings(home=str(root / "small")))
    yard = house.yard()
    small = b"a,b\n" + b"1,x\n" * 100
    ours = median_ms(lambda: yard.lake.load("small", [small]), times=15)
    rows = pa.table({"a": [1] * 100, "b": ["x"] * 100})
    bare = median_ms(lambda: write_deltalake(str(root / "bare"), rows, mode="append"), times=15)
    yield Row("load of 100 rows, one commit", ours, "ms", bare, "bare deltalake append", reach=25)
    house.close()
