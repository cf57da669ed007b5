"""kill -9 at any moment of a pull: cursor and rows stay together, so no row comes twice, none is lost, none is left."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.lake.api import Column, Declared, Drawing, PullMode
from modelyard.settings import Settings
from tests.lake.stand import read

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("YARD_TEST_KILLS", "1"))
ROWS = 40_000
PULL = """
import sys
from modelyard.app.house import House
from modelyard.settings import Settings
house = House(Settings(home=sys.argv[1], sync="normal", source_folders=(sys.argv[2],)))
house.recover()
while True:
    for name in ("plain", "keyed"):
        for progress in house.yard().lake.pull_live(name):
            print("on", flush=True)
"""


def add(source: Path, first: int) -> None:
    """More rows; every five hundredth is no row of the table."""
    rows = [(n, "odd" if n % 500 == 0 else n / 4) for n in range(first, first + ROWS)]
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, price)")
        connection.executemany("INSERT INTO orders VALUES (?, ?)", rows)


def opened(home: Path, source: Path) -> House:
    return House(Settings(home=str(home), sync="normal", source_folders=(str(source.parent),)))


def check(home: Path, source: Path) -> int:
    """After a restart the tables hold what was read so far, each row once; how far that is."""
    house = opened(home, source)
    try:
        house.recover()
        lake = house.yard().lake
        assert not list((home / "lake" / "staging").glob("*"))
        far = 0
        for name in ("plain", "keyed"):
            position = int(lake.declared_source(name).position or 0)
            loads = [load for load in lake.loads(limit=1000).items if load.table == name]
            assert all(each.rows_in == each.rows_loaded + each.rows_quarantined + each.rows_unchanged for each in loads)
            held = sorted(row.row for load in loads for row in lake.quarantine(load.id, limit=1000).items)
            found = sorted(int(str(row["id"])) for row in read(lake, name, columns=("id",))) if position else []
            assert len(held) == position // 500
            assert found == [n for n in range(1, position + 1) if n % 500]
            far += position
        kept = {p.stem for p in (home / "lake" / "quarantine").glob("*")}
        assert kept == {load.id for load in lake.loads(limit=1000).items if load.rows_quarantined}
        return far
    finally:
        house.close()


def test_a_pull_killed_anywhere_goes_on_with_every_row_once(tmp_path: Path) -> None:
    home, source, rng = tmp_path / "home", tmp_path / "in" / "shop.db", random.Random(5)
    source.parent.mkdir()
    add(source, 1)
    house = opened(home, source)
    columns = (Column(name="id", type="int64"), Column(name="price", type="float64"))
    for name, keys in (("plain", ()), ("keyed", ("id",))):
        drawing = Drawing(load_rows=1000, schema=Declared(columns=columns))
        house.yard().lake.declare_source(
            name, f"sqlite://{source}", name, stream="orders", mode=PullMode.INCREMENTAL, cursor="id", keys=keys,
            drawing=drawing,
        )  # fmt: skip
    house.close()
    reached = kills = 0
    while kills < KILLS or not reached:
        kills += 1
        assert kills < KILLS + 10, "every kill came before the first commit"
        arguments = [sys.executable, "-c", PULL, str(home), str(source.parent)]
        child = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "on\n"
        time.sleep(rng.random() * (0.8 + kills - min(kills, KILLS)))
        child.kill()
        child.stdout.close()
        assert child.wait(60) == -9
        far = check(home, source)
        assert far >= reached
        reached = far
        if kills % 4 == 0:
            add(source, 1 + ROWS * (kills // 4))
    house = opened(home, source)
    for name in ("plain", "keyed"):
        house.yard().lake.pull(name)
    house.close()
    assert check(home, source) == 2 * ROWS * (1 + kills // 4)
