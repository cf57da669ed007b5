"""Merging tables whose columns, partitions or checks changed on one side while rows came on the other."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from modelyard.kernel.errors import Conflict
from modelyard.lake.api import Column, Declared, Fate, Lake, Mode
from modelyard.testing import Bench
from tests.lake.stand import read

COLUMNS = (Column(name="id", type="int64"), Column(name="zone", type="string"), Column(name="v", type="int64"))
HEAD = b"id,zone,v\n"


@pytest.fixture(params=[("id",), ()], ids=["keyed", "unkeyed"])
def table(request: pytest.FixtureRequest, lake: Lake) -> Lake:
    """Two files of two rows each, and a branch; rows are told by key, or by where they came from."""
    lake.create("t", Declared(columns=COLUMNS, keys=request.param))
    lake.load("t", [HEAD + b"1,a,1\n2,b,2\n"])
    lake.load("t", [HEAD + b"3,a,3\n4,b,4\n"])
    lake.create_branch("dev")
    return lake


def ids(lake: Lake) -> list[object]:
    return sorted(row["id"] for row in read(lake, "t"))  # type: ignore[type-var]  # whole numbers


def foreign(bench: Bench) -> DeltaTable:
    return DeltaTable(str(bench.home / "lake" / "tables" / "t"))


def names(found: DeltaTable) -> set[str]:
    return {Path(uri).name for uri in found.file_uris()}


def test_rows_from_main_are_kept_apart_as_the_branch_keeps_them(table: Lake, bench: Bench) -> None:
    table.partition("t", ("zone",), branch="dev")
    table.load("t", [HEAD + b"".join(b"%d,%s,0\n" % (n, b"ab"[n % 2 : n % 2 + 1]) for n in range(10, 30))])
    assert table.publish("dev").tables[0].fate is Fate.MERGED
    assert ids(table) == [1, 2, 3, 4, *range(10, 30)]
    found = foreign(bench)
    assert found.metadata().partition_columns == ["zone"]
    parts = pa.table(found.get_add_actions(flatten=True)).column("partition.zone").to_pylist()
    assert (set(parts), len(parts) <= 6) == ({"a", "b"}, True)
    assert found.to_pyarrow_table(filters=[("zone", "=", "a")]).num_rows == 12


def test_partitions_stay_whole_when_both_sides_bring_rows(lake: Lake, bench: Bench) -> None:
    lake.create("t", Declared(columns=COLUMNS, keys=("id",), partitions=("zone",)))
    lake.load("t", [HEAD + b"1,a,1\n2,b,2\n3,c,3\n"])
    lake.create_branch("dev")
    lake.load("t", [HEAD + b"1,b,10\n4,a,4\n"], mode=Mode.MERGE, branch="dev")
    before = names(foreign(bench))
    lake.load("t", [HEAD + b"2,b,20\n5,c,5\n"], mode=Mode.MERGE)
    lake.publish("dev")
    assert {r["id"]: (r["zone"], r["v"]) for r in read(lake, "t")} == {
        1: ("b", 10), 2: ("b", 20), 3: ("c", 3), 4: ("a", 4), 5: ("c", 5),
    }  # fmt: skip
    found = foreign(bench)
    told = pa.table(found.get_add_actions(flatten=True)).to_pylist()
    for each in told:
        rows = found.to_pyarrow_table(filters=[("zone", "=", each["partition.zone"])])
        assert set(rows.column("zone").to_pylist()) == {each["partition.zone"]}
    assert sum(each["num_records"] for each in told) == 5
    assert len(names(found) & before) == 1, "only the file of row 3 is untouched"


def test_rows_of_one_side_hold_the_checks_of_the_other(table: Lake, bench: Bench) -> None:
    table.add_check("t", "small", "v < 100", branch="dev")
    table.load("t", [HEAD + b"5,a,5\n6,a,666\n"])
    before = table.table("t").version
    with pytest.raises(Conflict, match=r"1 rows .* check small"):
        table.publish("dev")
    assert (table.table("t").version, ids(table)) == (before, [1, 2, 3, 4, 5, 6])
    table.delete_where("t", "v > 100")
    table.publish("dev")
    assert ids(table) == [1, 2, 3, 4, 5]
    assert foreign(bench).metadata().configuration["delta.constraints.small"] == "v < 100"
    load = table.load("t", [HEAD + b"7,a,777\n8,a,8\n"])
    assert (load.rows_loaded, load.rows_quarantined) == (1, 1)


def test_a_column_that_may_not_be_null_is_held_too(table: Lake) -> None:
    table.add_column("t", Column(name="twice", type="int64", nullable=False), expression="v * 2", branch="dev")
    table.load("t", [HEAD + b"5,a,5\n"])
    with pytest.raises(Conflict, match="that twice is there"):
        table.publish("dev")
    table.delete_where("t", "id = 5")
    table.publish("dev")
    assert [r["twice"] for r in read(table, "t", where="id = 2")] == [4]


def test_a_null_column_of_a_branch_writes_no_file_anew(table: Lake, bench: Bench) -> None:
    table.add_column("t", Column(name="note", type="string"), branch="dev")
    table.load("t", [b"id,zone,v,note\n7,a,7,x\n"], branch="dev")
    table.load("t", [HEAD + b"5,a,5\n"])
    before = names(foreign(bench))
    table.publish("dev")
    assert sorted((r["id"], r["note"]) for r in read(table, "t")) == [
        (1, None), (2, None), (3, None), (4, None), (5, None), (7, "x"),
    ]  # fmt: skip
    assert names(foreign(bench)) > before
    assert foreign(bench).to_pyarrow_table().column("note").null_count == 5
    table.compact("t")
    assert sum(r["note"] is None for r in read(table, "t")) == 5


def test_folding_on_main_is_no_change_of_columns(table: Lake) -> None:
    table.discard("dev")
    table.add_column("t", Column(name="note", type="string"))
    table.create_branch("dev")
    table.comment("t", "v", "what it is worth", branch="dev")
    table.load("t", [b"id,zone,v,note\n7,a,7,x\n"], branch="dev")
    table.compact("t")
    assert not any(column.sparse for column in table.table("t").columns)
    table.publish("dev")
    assert ids(table) == [1, 2, 3, 4, 7]
    assert {c.name: c.comment for c in table.table("t").columns}["v"] == "what it is worth"
