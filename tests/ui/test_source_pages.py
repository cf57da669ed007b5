"""The pages of sources, pushes and sinks, and of the lake's upkeep, over a real house."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelyard.app.house import House
from modelyard.lake.api import PullMode
from modelyard.settings import Settings
from tests.ui.conftest import signed_in

if TYPE_CHECKING:
    from tests.ui.conftest import Reader


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT, price REAL)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(n, f"note {n}", n / 4) for n in range(1, 41)])
    return path


@pytest.fixture(scope="module")
def house(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("home")), source_folders=(str(shop.parent),)))
    yield made
    made.close()


def test_sources_pushes_and_sinks_say_what_fills_them_when_empty(bare: House) -> None:
    reader = signed_in(bare)
    page = reader.get("/sources").text
    for words in ("No source yet", "Nothing waits", "No sink"):
        assert words in page, words
    assert reader.get("/sources/nothing").status_code == 404


def test_a_source_is_declared_looked_at_and_pulled_with_its_position(shop: Path, reader: Reader) -> None:
    fields = {"name": "orders", "address": f"sqlite://{shop}", "table": "orders", "stream": "orders"}
    done = reader.fill("/sources/declare", **fields, mode="incremental", cursor="id", keys="", query="", look_back="")
    assert (done.status_code, done.headers["location"]) == (303, "/sources/orders?look=yes")
    seen = reader.twin("/sources/orders?look=yes")
    assert [c["name"] for c in seen["look"]["columns"]] == ["id", "note", "price"] and seen["pulled"] is None
    assert len(seen["first"]["rows"]) == 20 and "What it would give" in reader.get("/sources/orders?look=yes").text
    told = reader.get(reader.fill("/sources/orders/pull", branch="").headers["location"]).text
    assert "40 rows of orders loaded" in told
    after = reader.twin("/sources/orders")
    assert dict(after["facts"])["read up to"] == "40" and after["loads"]["rows"]
    again = reader.fill("/sources/orders/pull", branch="")
    assert "There was nothing new" in reader.get(again.headers["location"]).text
    assert "orders" in reader.get("/sources").text
    assert reader.fill("/sources/declare", **fields, mode="sideways").status_code == 422


def test_a_secret_is_sealed_and_shown_to_nobody(reader: Reader, shop: Path) -> None:
    reader.fill(
        "/sources/declare", name="vault", address=f"sqlite://{shop}", table="vault", stream="orders", mode="full"
    )
    assert reader.fill("/sources/vault/seal", secret="tulip-4711").status_code == 303
    assert "tulip-4711" not in reader.get("/sources/vault").text + str(reader.twin("/sources/vault"))
    assert dict(reader.twin("/sources/vault")["facts"])["secret"] == "kept, sealed"
    assert reader.fill("/sources/vault/remove").status_code == 303
    assert reader.get("/sources/vault").status_code == 404


def test_a_source_that_cannot_be_reached_says_why_on_its_page(reader: Reader, shop: Path) -> None:
    reader.fill("/sources/declare", name="gone", address=f"sqlite://{shop}", table="gone", stream="x", mode="full")
    page = reader.get("/sources/gone?look=yes")
    assert page.status_code == 200 and "It cannot be looked at" in page.text


def test_pushed_rows_wait_in_sight_until_they_are_folded(house: House, reader: Reader) -> None:
    house.yard().lake.push("clicks", [b'[{"id": 1, "at": "home"}, {"id": 2, "at": "cart"}]'])
    waiting = reader.twin("/sources")["waiting"]["rows"]
    assert [row["key"] for row in waiting] == ["clicks"]
    assert "2 pushed rows folded into 1 table" in reader.get(reader.fill("/pushes/flush").headers["location"]).text
    assert reader.twin("/sources")["waiting"]["rows"] == [] and house.yard().lake.table("clicks").rows == 2


def test_the_lake_is_examined_and_mended_from_its_page(house: House, reader: Reader) -> None:
    house.yard().lake.load("kept", [b"id\n1\n"], source="kept.csv")
    assert "Not examined yet" in reader.get("/upkeep").text
    assert reader.twin("/upkeep?examine=yes")["state"] == "ok"
    assert "was read to its end" in reader.get("/upkeep?examine=deep").text
    stray = next((house.settings.home_path / "lake" / "tables").glob("*")) / "part-left-over.parquet"
    stray.write_bytes(b"left by a crash")
    assert reader.fill("/upkeep/mend").status_code == 303


def test_a_pull_that_runs_is_shown_with_how_far_it_is(house: House, reader: Reader, shop: Path) -> None:
    lake = house.yard().lake
    lake.declare_source("slow", f"sqlite://{shop}", "slow", stream="orders", mode=PullMode.FULL)
    telling = lake.pull_live("slow")
    next(telling)
    (shown,) = reader.twin("/sources")["running"]
    assert shown["source"] == "slow" and "rows/s" in shown["said"] and lake.pulls()[0].source == "slow"
    for path in ("/sources", "/loads"):
        page = reader.get(path).text
        assert "Under way" in page and '<progress class="progress"' in page, path
    list(telling)
    assert lake.pulls() == () and reader.twin("/loads")["running"] == []
    assert "Nothing matches" in reader.get("/loads?where=nothing").text
