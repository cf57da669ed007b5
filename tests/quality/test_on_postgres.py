"""Lake and quality on Postgres: one story that runs every kind of statement of both stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.kernel.errors import AlreadyExists
from modelyard.lake.api import Mend, Mode, RowState
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.quality.api import ColumnRule, Contract, Verdict
from modelyard.quality.reactions import reactions
from modelyard.quality.store import MIGRATIONS
from modelyard.testing import Bench
from tests.lake.stand import read
from tests.quality.stand import House, open_house


@pytest.fixture
def house(postgres_address: str) -> Iterator[House]:
    journal = DatabaseJournal()
    database = open_database(postgres_address, journal=journal)
    try:
        with Bench([*LAKE, *MIGRATIONS], database=database, journal=journal) as bench, open_house(bench) as made:
            yield made
    finally:
        database.close()


def test_a_table_lives_on_postgres_as_on_sqlite(house: House) -> None:
    lake, quality = house.lake, house.quality
    first = lake.load("t", [b"id,v\n1,1.5\n2,2.5\n"], source="a.csv")
    lake.tag("t", "start")
    quality.declare("t", Contract(columns={"v": ColumnRule(min=0)}))
    second = lake.load("t", [b"id,v\n3,-1\nx,1\n4,4\n"], source="b.csv")
    assert (second.rows_loaded, second.held, lake.table("t").quarantined) == (1, 2, 2)
    with pytest.raises(AlreadyExists):
        lake.load("t", [b"id,v\n1,1\n"], mode=Mode.CREATE)
    assert lake.replay(second.id, mends=(Mend(row=1, raw="3,3"),)).rows_loaded == 1
    assert lake.drop_rows(second.id, "no id").held == 0
    assert [r.state for r in lake.quarantine(second.id, state=None).items] == [RowState.REPLAYED, RowState.DROPPED]
    assert [v.rows for v in lake.history("t").items] == [4, 3, 2]
    assert len(read(lake, "t", at="start")) == 2
    assert lake.table("t", at="2026-12-31").rows == 4
    assert lake.profile("t") == lake.profile("t")
    assert quality.check("t").verdict is Verdict.PASSED
    assert [len(lake.loads(table="t").items), len(lake.tables().items), len(quality.contracts().items)] == [3, 1, 1]
    assert lake.erase("t", "id", ("2",)).sources == (first.source_ref,)
    house.bench.deliver(*reactions(house.service))
    assert len(quality.reports(table="t").items) == 3
    assert lake.load_record(first.id).digest == ""
    lake.drop("t")
    assert lake.tables().items == []
