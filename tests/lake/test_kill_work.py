"""kill -9 in the middle of merges, publications, table verbs and folding: nothing is lost, doubled or left behind.

`YARD_TEST_KILLS=20` kills each of them at 20 random moments.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from modelyard.app.house import House
from modelyard.lake.api import Fault, Lake
from modelyard.settings import Settings
from tests.journeys.killing import killed
from tests.lake.mortal import PUBLISHED, ROWS, merged
from tests.lake.stand import read

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("YARD_TEST_KILLS", "1"))
SEED = int(os.environ.get("YARD_TEST_SEED", "11"))


def check_merging(lake: Lake, told: set[str]) -> None:
    loads = lake.loads(limit=1000).items
    assert told <= {load.id for load in loads}
    lines = [line.split(",") for number in range(len(loads)) for line in merged(number).decode().split()]
    expected = dict(lines)
    rows = read(lake, "t") if loads else []
    assert {str(row["id"]): str(row["v"]) for row in rows} == expected
    assert len(rows) == len(expected)
    assert sum(load.held for load in loads) == len(loads)


def check_publishing(lake: Lake, told: set[str]) -> None:
    found = {name: sorted(int(str(row["n"])) for row in read(lake, name)) for name in _shown(lake)}
    if found.keys() != set(PUBLISHED):
        assert not told
        return
    assert found["a"] == found["b"] == [n for n in found["c"] if n >= 0] == list(range(len(found["a"])))
    assert len(found["c"]) == len(set(found["c"]))
    assert {int(number) for number in told} <= set(found["a"])


def check_shaping(lake: Lake, told: set[str]) -> None:
    loads = lake.loads(limit=1000).items
    said = [line.split() for line in told]
    assert {line[0] for line in said if len(line) == 1} <= {load.id for load in loads}
    if not _shown(lake):
        assert not told
        return
    rows = read(lake, "t")
    ids = [int(str(row["id"])) for row in rows]
    deleted = {int(line[1]) for line in said if line[0] == "deleted"}
    assert len(ids) == len(set(ids))
    assert not deleted & set(ids)
    assert set(range(ROWS * len(loads))) - set(ids) <= {ROWS * number for number in range(len(loads))}
    if rows and "twice" in rows[0]:
        assert all(row["twice"] == 2 * int(str(row["v"])) for row in rows)
    noted = {version.version for version in lake.history("t", limit=1000).items}
    assert {int(line[1]) for line in said if line[0] == "version"} <= noted


def check_folding(lake: Lake, told: set[str]) -> None:
    loads = {load.id for load in lake.loads(limit=1000).items}
    assert told <= loads
    rows = [(row["_load"], row["_row"]) for row in read(lake, "t", provenance=True)] if loads else []
    assert len(rows) == len(set(rows)) == ROWS * len(loads)


def _shown(lake: Lake) -> list[str]:
    return [table.name for table in lake.tables().items]


@pytest.mark.parametrize("check", [check_merging, check_publishing, check_shaping, check_folding])
def test_work_killed_at_any_moment_stands_whole_or_not_at_all(
    tmp_path: Path, check: Callable[[Lake, set[str]], None]
) -> None:
    home, told = tmp_path / "home", set[str]()
    rng = random.Random(SEED)
    for _ in range(KILLS):
        told |= set(killed("tests.lake.mortal", check.__name__.removeprefix("check_"), str(home), after=rng.random()))
        house = House(Settings(home=str(home), sync="normal"))
        try:
            house.recover()
            lake = house.yard().lake
            check(lake, told)
            found = lake.examine(deep=True).findings
            assert [each for each in found if each.fault is not Fault.SMALL] == []
            assert not list((home / "lake" / "staging").glob("*"))
            for table in _shown(lake):
                foreign = DeltaTable(str(home / "lake" / "tables" / table))
                assert pa.table(foreign.to_pyarrow_table()).num_rows == lake.table(table).rows
        finally:
            house.close()
    assert told
