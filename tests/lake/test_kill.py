"""kill -9 at any moment of a load: nothing acknowledged is missing, nothing half-written is seen, nothing is left."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from deltalake import DeltaTable

from modelyard.app.house import House
from modelyard.settings import Settings
from tests.journeys.killing import killed

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("YARD_TEST_KILLS", "1"))
MOMENTS = ("before_publish", "after_publish", "after_commit", "after_source")


def run(home: Path, where: str, *, seconds: float | None = None) -> list[list[str]]:
    """Load until killed; the loads that were acknowledged, as id, version, loaded, quarantined."""
    said = killed("tests.lake.deadly", str(home), where, after=seconds)
    return [line.split()[1:] for line in said if line.startswith("load ")]


def check(home: Path, acknowledged: set[str]) -> None:
    """The home after a restart holds every acknowledged load whole, and nothing else."""
    house = House(Settings(home=str(home), sync="normal"))
    try:
        house.recover()
        assert not house.guard.as_system("test.sweep", house.engines.services["lake"].sweep).staged  # type: ignore[attr-defined]  # the built service
        lake = house.yard().lake
        tables = lake.tables().items
        loads = lake.loads(limit=1000).items
        assert acknowledged <= {load.id for load in loads}
        folder = home / "lake" / "tables"
        assert sorted(p.name for p in folder.glob("*")) == [t.name for t in tables]
        assert sorted(p.stem for p in (home / "lake" / "quarantine").glob("*")) == sorted(load.id for load in loads)
        assert not list((home / "lake" / "staging").glob("*"))
        if tables:
            (table,) = tables
            assert table.rows == 20 * len(loads) == sum(load.rows_loaded for load in loads)
            assert table.quarantined == 2 * len(loads)
            names = {p.name for p in (folder / "t").glob("*.parquet")}
            foreign = DeltaTable(str(folder / "t"))
            assert names == {Path(uri).name for uri in foreign.file_uris()}
            assert foreign.count() == table.rows
    finally:
        house.close()


def test_a_load_killed_anywhere_leaves_no_trace_after_the_sweep(tmp_path: Path) -> None:
    home = tmp_path / "home"
    acknowledged: set[str] = set()
    for moment in MOMENTS:
        assert run(home, moment) == []
        check(home, acknowledged)
    rng = random.Random(7)
    for _ in range(KILLS):
        acknowledged |= {load[0] for load in run(home, "never", seconds=rng.random() * 0.5)}
        check(home, acknowledged)
    assert acknowledged
    for moment in ("after_publish", "after_commit"):
        run(home, moment)
    check(home, acknowledged)
