"""CSV to a validated Delta table with quarantine, against a raw read of the same file; and the cost of a commit."""

from __future__ import annotations

import io
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
from benchmarks.row import Row, median_ms
from deltalake import write_deltalake

from modelyard.app.house import House
from modelyard.quality.api import ColumnRule, Contract, UniqueRule
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings

ROWS = 200_000
_BAD_SHARE = 0.001


def _text(rows: int) -> bytes:
    """Ten columns, as trips have them; one row in a thousand has a fare that is no number."""
    draw = random.Random(5)
    out = io.StringIO()
    out.write("id,at,zone,fare,tip,miles,seconds,paid,company,note\n")
    for n in range(rows):
        fare = "n/a" if draw.random() < _BAD_SHARE else f"{draw.random() * 60:.2f}"
        out.write(
            f"{n},2026-0{n % 9 + 1}-1{n % 10}T0{n % 10}:00:00Z,{n % 77},{fare},{draw.random() * 9:.2f},"
            f"{draw.random() * 20:.1f},{n % 3600},{('cash', 'card')[n % 2]},Company {n % 40},trip {n % 1000}\n"
        )
    return out.getvalue().encode()


CONTRACT = Contract(
    columns={
        "id": ColumnRule(type="int64", nullable=False),
        "fare": ColumnRule(type="float64", min=0, max=1000),
        "paid": ColumnRule(one_of=("cash", "card")),
        "zone": ColumnRule(min=0, max=76),
        "seconds": ColumnRule(min=0),
    },
    unique=(UniqueRule(columns=("id",)),),
)


def _loaded(yard: Yard, name: str, text: bytes) -> float:
    began = time.perf_counter()
    load = yard.lake.load(name, [text[n : n + (1 << 20)] for n in range(0, len(text), 1 << 20)], source="bench.csv")
    assert load.rows_in == load.rows_loaded + load.rows_quarantined == ROWS
    return time.perf_counter() - began


def measure() -> Iterator[Row]:
    """MB/s of a load without and with a contract, the raw read beside them; milliseconds of a small commit."""
    text = _text(ROWS)
    size = len(text) / 1e6
    with tempfile.TemporaryDirectory(prefix="yard-ingest-") as home:
        house = House(Settings(home=str(Path(home) / "yard")))
        yard = house.yard()
        yard.lake.load("warm", [text[:2000]])
        began = time.perf_counter()
        pacsv.read_csv(pa.BufferReader(text))
        raw = time.perf_counter() - began
        plain = min(_loaded(yard, f"plain{n}", text) for n in range(2))
        yard.quality.declare("held", CONTRACT)
        held = _loaded(yard, "held", text)
        yield Row("load, types only", size / plain, "MB/s", reach=35, more_is_better=True)
        yield Row("load, held to a contract of 7 checks", size / held, "MB/s", reach=35, more_is_better=True)
        yield Row("load, held to a contract", held, "s", raw, "raw read", reach=15 * raw)
        small = b"a,b\n" + b"1,x\n" * 100
        ours = median_ms(lambda: yard.lake.load("small", [small]), times=15)
        rows = pa.table({"a": [1] * 100, "b": ["x"] * 100})
        bare = median_ms(lambda: write_deltalake(str(Path(home) / "bare"), rows, mode="append"), times=15)
        yield Row("load of 100 rows, one commit", ours, "ms", bare, "bare deltalake append", reach=25)
        house.close()
