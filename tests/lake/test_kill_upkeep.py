"""kill -9 in the middle of folding and vacuuming: no row is lost or doubled, and nothing is left after the sweep."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.settings import Settings
from tests.lake.stand import read

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("YARD_TEST_KILLS", "3"))
TIDY = """
import sys
from modelyard.app.house import House
from modelyard.settings import Settings
house = House(Settings(home=sys.argv[1], sync="normal"))
house.recover()
lake = house.yard().lake
for number in range(1000):
    done = lake.load("t", [b"n\\n" + b"".join(b"%d\\n" % n for n in range(20))])
    print(done.id, flush=True)
    if number == 0:
        lake.retain("t", keep_days=0)
    if number % 2:
        lake.compact("t")
        lake.vacuum("t")
"""


def test_killed_upkeep_loses_and_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    acknowledged: set[str] = set()
    rng = random.Random(11)
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, "-c", TIDY, str(home)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(rng.random() * 0.6)
        child.kill()
        acknowledged |= {line.strip() for line in (first, *child.stdout)}
        child.stdout.close()
        assert child.wait(60) == -9
        check(home, acknowledged)


def check(home: Path, acknowledged: set[str]) -> None:
    house = House(Settings(home=str(home), sync="normal"))
    try:
        house.recover()
        lake = house.yard().lake
        loads = {load.id for load in lake.loads(limit=1000).items}
        assert acknowledged <= loads
        rows = [(row["_load"], row["_row"]) for row in read(lake, "t", provenance=True)]
        assert len(rows) == len(set(rows)) == 20 * len(loads)
        assert lake.examine(deep=True).findings == ()
        assert not list((home / "lake" / "staging").glob("*"))
    finally:
        house.close()
