"""Rows as frames and frames as rows, in this process and over HTTP alike."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx2
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import modelyard
from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.kernel.errors import InvalidInput, MissingExtra
from modelyard.lake.api import Declared, Mode
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings

ENDLESS = "select count(*) from range(10000000) a, range(10000000) b where a.range + b.range = 3"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str, str]]:
    """A house, its address and a token."""
    house = House(Settings(home=str(tmp_path_factory.mktemp("yard") / "home"), port=0, sync="normal"))
    house.owner()
    token = (Path(house.settings.home) / "state" / "owner.token").read_text().strip()
    control, ready = Control(house), threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(30)
        yield house, control.address, token
    finally:
        control.stop()
        thread.join(15)


@pytest.fixture(params=["embedded", "remote"])
def yard(request: pytest.FixtureRequest, served: tuple[House, str, str]) -> Iterator[Yard]:
    house, address, token = served
    if request.param == "embedded":
        yield house.yard()
    else:
        with modelyard.connect(address, token=token) as made:
            yield made


def test_rows_come_as_any_frame(yard: Yard) -> None:
    yard.lake.write("r", [{"id": n, "v": "x" * (n % 3)} for n in range(10)], mode=Mode.OVERWRITE)
    version = yard.lake.table("r").version
    rows = yard.lake.read(f"r@{version}", columns=("id",), where="id >= 7")
    assert rows.arrow().to_pydict() == {"id": [7, 8, 9]}
    assert rows.polars()["id"].to_list() == [7, 8, 9]
    assert rows.pandas()["id"].tolist() == [7, 8, 9]
    assert rows.duckdb().fetchall() == [(7,), (8,), (9,)]
    assert rows.duckdb(duckdb.connect()).sum("id").fetchall() == [(24,)]
    assert [batch.num_rows for batch in rows.batches()] == [3]
    assert pa.table(rows).num_rows == 3
    assert pl.DataFrame(rows).height == 3
    assert pa.ipc.open_stream(b"".join(yard.lake.rows("r"))).read_all().num_rows == 10
    assert yard.lake.sql("select sum(id) s from r").polars()["s"].to_list() == [45]
    assert yard.lake.read("r", limit=0).arrow().num_rows == 0


def test_any_frame_can_be_written(yard: Yard) -> None:
    table = pa.table({"a": [1, 2], "s": ["x", None]})
    frames = (
        table, table.to_reader(), table.to_batches()[0], pl.DataFrame(table), pl.DataFrame(table).to_pandas(),
        pd.DataFrame({"a": [1, 2], "s": ["x", None]}), duckdb.connect().from_arrow(table),
        {"a": [1, 2], "s": ["x", None]}, [{"a": 1, "s": "x"}, {"a": 2, "s": None}],
    )  # fmt: skip
    for frame in frames:
        made = yard.lake.write("w", frame, mode=Mode.OVERWRITE)
        assert made.rows == 2
        assert yard.lake.read("w").arrow().to_pydict() == {"a": [1, 2], "s": ["x", None]}
    with pytest.raises(InvalidInput, match="collect"):
        yard.lake.write("w", pl.DataFrame(table).lazy())
    with pytest.raises(InvalidInput, match="holds no rows"):
        yard.lake.write("w", 7)


def test_a_file_is_loaded_and_its_changes_are_followed(yard: Yard, tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("id,v\n1,a\n")
    name = f"f{time.monotonic_ns()}"
    load = yard.lake.load_file(name, file, schema=Declared(keys=("id",)))
    assert load.source == "one.csv"
    feed = yard.lake.changes(name)
    assert (feed.polars()["_change"].to_list(), feed.position) == (["insert"], 1)
    assert yard.lake.changes(name, since=feed.position).arrow().num_rows == 0


def test_a_large_answer_is_never_whole_in_memory(yard: Yard) -> None:
    held = pa.total_allocated_bytes()
    rows = peak = 0
    for batch in yard.lake.sql("select range r, range::varchar s from range(3000000)").batches():
        rows += batch.num_rows
        peak = max(peak, pa.total_allocated_bytes() - held)
    assert rows == 3_000_000
    assert peak < 40_000_000


def test_a_missing_library_is_named_with_its_command(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match=r"pip install 'modelyard\[frames\]'"):
        yard.lake.sql("select 1").polars()


def test_a_caller_who_goes_away_ends_the_query(served: tuple[House, str, str]) -> None:
    house, address, token = served
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=address, headers=headers, trust_env=False, timeout=2) as http:
        with pytest.raises(httpx2.ReadTimeout):
            http.post("/v1/sql", json={"query": ENDLESS, "timeout_s": 120})
    for _ in range(200):
        if not house.yard().lake.queries():
            break
        time.sleep(0.05)
    assert house.yard().lake.queries() == []
