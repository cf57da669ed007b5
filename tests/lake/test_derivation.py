"""Tables made by a query: an ordinary write, with the lineage of the table and of each of its columns."""

from __future__ import annotations

import pytest

from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound
from modelyard.lake.api import Declared, Lake, LoadState, Mode, RowCheck
from modelyard.testing import Bench
from tests.lake.stand import read

QUERY = """
    with rides as (select zone, fare * 2 as double, upper('secret word') as word from trips where fare > 0)
    select z.name as city, sum(double) as total, max(word) as word from rides
    join "zones@1" z on zone = z.id group by all
"""


@pytest.fixture
def tables(lake: Lake) -> Lake:
    lake.load("trips", [b"zone,fare\n1,10\n1,5\n2,7\n2,-1\n"])
    lake.load("zones", [b"id,name\n1,A\n2,B\n"])
    lake.load("zones", [b"id,name\n3,C\n"])
    return lake


def test_a_table_is_made_of_a_query_and_says_from_which_columns(bench: Bench, tables: Lake) -> None:
    made = tables.create_as("totals", QUERY, schema=Declared(keys=("city",), description="by city"))
    assert (made.operation, made.rows, made.reads) == ("create_as", 2, ("table:trips@1", "table:zones@1"))
    assert {(r["city"], r["total"]) for r in read(tables, "totals")} == {("A", 30), ("B", 14)}
    assert tables.table("totals").keys == ("city",)
    found = tables.column_lineage("totals")
    assert (found.ref, found.reads) == (made.ref, made.reads)
    told = {o.column: [(s.ref, s.column) for s in o.sources] for o in found.columns}
    assert told == {"city": [("table:zones@1", "name")], "total": [("table:trips@1", "fare")], "word": []}
    assert "secret" not in str(found)
    (event,) = [e for e in bench.events("lake.table_committed") if e.writes == (made.ref,)]
    assert event.reads == made.reads


def test_later_versions_show_the_last_query_before_them(tables: Lake) -> None:
    tables.create_as("t", "select fare from trips")
    tables.delete_where("t", "fare < 0")
    assert tables.column_lineage("t").version == 1
    with pytest.raises(NotFound, match="no query made"):
        tables.column_lineage("trips")
    tables.drop("t")
    tables.load("t", [b"a\n1\n"])
    with pytest.raises(NotFound):
        tables.column_lineage("t")


def test_it_is_a_write_like_any_other(tables: Lake) -> None:
    declared = Declared(checks=(RowCheck(name="paid", condition="fare > 0"),))
    made = tables.create_as("t", "select fare from trips", schema=declared)
    assert made.rows == 3
    (load,) = tables.loads(table="t").items
    assert (load.state, load.rows_in, load.rows_quarantined) == (LoadState.DONE, 4, 1)
    with pytest.raises(AlreadyExists):
        tables.create_as("t", "select fare from trips")
    assert tables.create_as("t", "select fare + 1 as fare from t", mode=Mode.APPEND).rows == 6
    for wrong in ("select 1 as a; select 2", "drop table trips", "select nothing from trips", "select * from nowhere"):
        with pytest.raises(InvalidInput):
            tables.create_as("u", wrong)
    with pytest.raises(InvalidInput, match="the query's"):
        tables.create_as("u", "select 1 as a", schema=Declared(columns=tables.table("t").columns))
    tables.create_branch("b")
    tables.create_as("u", "select count(*) as n from trips", branch="b")
    with pytest.raises(NotFound):
        tables.table("u")
