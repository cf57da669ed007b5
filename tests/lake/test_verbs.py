"""Verbs on tables: each is one commit, whole or not at all; older versions stay as they were."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound
from modelyard.lake.api import Classification, Column, Declared, Lake, Mode, RowCheck
from modelyard.testing import Bench
from tests.lake.stand import read

COLUMNS = (Column(name="id", type="int32"), Column(name="v", type="string"), Column(name="d", type="date"))


@pytest.fixture
def table(lake: Lake) -> Lake:
    """Two files of three rows each."""
    lake.create("t", Declared(columns=COLUMNS, keys=("id",), description="six rows"))
    lake.load("t", [b"id,v,d\n1,a,2026-01-01\n2,b,2026-01-02\n3,c,\n"])
    lake.load("t", [b"id,v,d\n4,d,2026-01-04\n5,e,2026-01-05\n6,f,\n"])
    return lake


def ids(lake: Lake, at: str | None = None) -> list[object]:
    return sorted(row["id"] for row in read(lake, "t", at=at))  # type: ignore[type-var]  # whole numbers


def files(bench: Bench, name: str = "t") -> set[str]:
    """What an unmodified reader of the table's path sees."""
    return {Path(uri).name for uri in foreign(bench, name).file_uris()}


def foreign(bench: Bench, name: str = "t") -> DeltaTable:
    return DeltaTable(str(bench.home / "lake" / "tables" / name))


def test_a_table_is_created_empty_and_only_once(lake: Lake) -> None:
    made = lake.create("t", Declared(columns=COLUMNS, keys=("id",), description="mine"))
    assert (made.operation, made.rows, made.message) == ("create", 0, "create t")
    shown = lake.table("t")
    assert (shown.columns, shown.keys, shown.description) == (COLUMNS, ("id",), "mine")
    assert read(lake, "t") == []
    with pytest.raises(AlreadyExists):
        lake.create("t", Declared(columns=COLUMNS))
    with pytest.raises(InvalidInput, match="at least one column"):
        lake.create("u", Declared())
    with pytest.raises(InvalidInput, match="check odd"):
        lake.create("u", Declared(columns=COLUMNS, checks=(RowCheck(name="odd", condition="nothing > 1"),)))
    with pytest.raises(NotFound):
        lake.table("u")


def test_only_files_that_hold_a_match_are_written_anew(bench: Bench, table: Lake) -> None:
    before = files(bench)
    made = table.delete_where("t", "v = 'b' or id = 99")
    assert (made.operation, made.rows, made.rows_removed) == ("delete", 5, 1)
    assert len(before & files(bench)) == 1
    assert ids(table) == [1, 3, 4, 5, 6]
    assert ids(table, "3") == [1, 2, 3, 4, 5, 6]
    assert table.delete_where("t", "id > 3").rows == 2
    assert table.delete_where("t", "id is null").rows_removed == 0
    assert table.delete_where("t", "true").rows == 0
    assert table.delete_where("t", "id = 1").rows == 0
    log = "".join(p.read_text() for p in (bench.home / "lake" / "tables" / "t" / "_delta_log").glob("*.json"))
    assert "v = 'b'" not in log


@pytest.mark.parametrize("text", ["", "id) or (true", "1; drop table t", "nothing = 1", "id = 1 union select 1", "id,"])
def test_what_is_no_condition_removes_nothing(table: Lake, text: str) -> None:
    with pytest.raises(InvalidInput):
        table.delete_where("t", text)
    assert len(ids(table)) == 6


def test_rows_are_removed_by_their_keys(table: Lake) -> None:
    made = table.delete_keys("t", [b"id\n2\n5\n77\n"])
    assert (made.rows, made.rows_removed) == (4, 2)
    assert ids(table) == [1, 3, 4, 6]
    with pytest.raises(InvalidInput, match="1 of the keys"):
        table.delete_keys("t", [b"id\nx\n1\n"])
    with pytest.raises(InvalidInput, match="lack column 'id'"):
        table.delete_keys("t", [b"x,y\n2,3\n"])
    table.load("u", [b"n\n1\n"])
    with pytest.raises(InvalidInput, match="no key"):
        table.delete_keys("u", [b"n\n1\n"])


def test_a_null_column_writes_no_file_and_every_reader_gives_null(bench: Bench, table: Lake) -> None:
    before = files(bench)
    made = table.add_column("t", Column(name="score", type="float64", comment="how well"))
    assert (made.operation, made.rows_added, made.rows_removed) == ("add_column", 0, 0)
    assert files(bench) == before
    assert {row["score"] for row in read(table, "t")} == {None}
    assert {row["score"] for row in read(table, "t", where="score is null", columns=("score",))} == {None}
    assert foreign(bench).to_pyarrow_table().column("score").null_count == 6
    table.load("t", [b"id,v,d,score\n7,g,,1.5\n"])
    assert [row["score"] for row in read(table, "t", where="score > 1")] == [1.5]
    assert table.preview("t", sort="score", limit=2).rows[0] == [7, "g", None, 1.5]
    assert pa.ipc.open_stream(b"".join(table.sql("select count(score) n from t"))).read_all().to_pylist() == [{"n": 1}]
    assert table.profile("t").columns[3].nulls == 6
    table.delete_where("t", "id = 1")
    table.load("t", [b"id,v,d,score\n2,B,,9\n"], mode=Mode.MERGE)
    assert {r["id"]: r["score"] for r in read(table, "t")} == {2: 9.0, 3: None, 4: None, 5: None, 6: None, 7: 1.5}
    assert "score" not in read(table, "t", at="3")[0]
    assert [c.name for c in table.schema_diff("t", "3").added] == ["score"]
    assert table.diff("t", "3", "4").rows == []
    table.erase("t", "id", ("3",))
    assert ids(table) == [2, 4, 5, 6, 7]


def test_a_column_is_computed_from_the_rows(table: Lake) -> None:
    table.add_column("t", Column(name="twice", type="int64", nullable=False), expression="id * 2")
    assert [(r["id"], r["twice"]) for r in read(table, "t")] == [(n, 2 * n) for n in range(1, 7)]
    table.add_column("t", Column(name="place", type="int64"), expression="row_number() over (order by id desc)")
    assert {r["id"]: r["place"] for r in read(table, "t")}[6] == 1
    for column, expression in (
        (Column(name="x", type="int64"), "v"), (Column(name="x", type="date", nullable=False), "d"),
        (Column(name="x", type="int64"), "nothing"), (Column(name="ID", type="int64"), "1"),
        (Column(name="x", type="int64"), "1) as y, (2"), (Column(name="_row", type="int64"), "1"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            table.add_column("t", column, expression=expression)
    with pytest.raises(InvalidInput, match="would be null"):
        table.add_column("t", Column(name="x", type="int64", nullable=False))
    assert [c.name for c in table.table("t").columns] == ["id", "v", "d", "twice", "place"]


def test_a_type_is_widened_and_never_narrowed(bench: Bench, table: Lake) -> None:
    table.widen("t", "id", "int64")
    table.widen("t", "d", "timestamp")
    assert [(c.name, c.type) for c in table.table("t").columns] == [
        ("id", "int64"),
        ("v", "string"),
        ("d", "timestamp"),
    ]
    assert ids(table) == [1, 2, 3, 4, 5, 6]
    assert foreign(bench).to_pyarrow_table().schema.field("id").type == pa.int64()
    table.load("t", [b"id,v,d\n5000000000,x,2026-02-01T12:00:00\n"])
    for column, kind in (("id", "int32"), ("id", "float64"), ("v", "binary"), ("id", "int64"), ("nothing", "int64")):
        with pytest.raises(InvalidInput):
            table.widen("t", column, kind)
    assert table.diff("t", "3", "5").changed == 0


def test_columns_are_renamed_and_dropped(bench: Bench, table: Lake) -> None:
    table.rename_column("t", "v", 'wörd "x"')
    assert read(table, "t")[0]['wörd "x"'] == "a"
    table.drop_column("t", "d")
    assert [c.name for c in table.table("t").columns] == ["id", 'wörd "x"']
    assert read(table, "t", at="3")[0]["v"] == "a"
    assert foreign(bench).to_pyarrow_table().column_names == ["id", 'wörd "x"', "_load", "_row"]
    for old, new in (("id", "key"), ('wörd "x"', "ID"), ('wörd "x"', "_load"), ("nothing", "x")):
        with pytest.raises(InvalidInput):
            table.rename_column("t", old, new)
    for name in ("id", "nothing"):
        with pytest.raises(InvalidInput):
            table.drop_column("t", name)
    table.load("t", ['id,"wörd ""x"""\n9,z\n'.encode()])
    assert len(ids(table)) == 7


def test_a_comment_reaches_other_readers_and_writes_no_file(bench: Bench, table: Lake) -> None:
    before = files(bench)
    table.comment("t", "v", "a letter")
    assert table.table("t").columns[1].comment == "a letter"
    assert files(bench) == before
    assert foreign(bench).schema().fields[1].metadata == {"comment": "a letter"}
    table.load("t", [b"id,v,d\n7,g,\n"])
    assert len(ids(table)) == 7


def test_a_classified_column_leaves_no_statistics(bench: Bench, table: Lake) -> None:
    table.profile("t")
    table.classify("t", "v", Classification.PII)
    assert table.table("t").columns[1].classification is Classification.PII
    for uri in foreign(bench).file_uris():
        meta = pq.read_metadata(uri.removeprefix("file://"))
        held = {meta.schema.column(n).name: meta.row_group(0).column(n).is_stats_set for n in range(meta.num_columns)}
        assert held == {"id": True, "v": False, "d": True, "_load": True, "_row": True}
    assert table.profile("t").columns[1].top == ()
    table.classify("t", "v", None)
    assert len(ids(table)) == 6


def test_keys_are_checked_and_hold_on_every_branch(table: Lake) -> None:
    made = table.set_keys("t", ("v",))
    assert (made.operation, table.table("t").keys) == ("set_keys", ("v",))
    table.load("t", [b"id,v,d\n40,a,\n"], mode=Mode.MERGE)
    assert {r["v"]: r["id"] for r in read(table, "t")}["a"] == 40
    with pytest.raises(InvalidInput, match="not whole in 3 rows"):
        table.set_keys("t", ("d",))
    with pytest.raises(InvalidInput, match="no column 'x'"):
        table.set_keys("t", ("x",))
    assert table.set_keys("t", ()).rows == 6
    assert table.table("t").keys == ()


def test_rows_that_break_a_check_go_to_the_quarantine(bench: Bench, table: Lake) -> None:
    table.add_check("t", "small", "id < 100")
    load = table.load("t", [b"id,v,d\n7,g,\n500,h,\n,i,\n"])
    assert (load.rows_loaded, load.rows_quarantined) == (2, 1)
    assert table.quarantine(load.id).items[0].reasons == ("check small: id < 100 does not hold",)
    with pytest.raises(InvalidInput, match="4 rows break check late"):
        table.add_check("t", "late", "d is not null")
    with pytest.raises(AlreadyExists):
        table.add_check("t", "small", "id < 200")
    with pytest.raises(InvalidInput):
        table.rename_column("t", "id", "n")
    version = table.table("t").version
    schema = pa.schema(foreign(bench).schema().to_arrow())
    row = {"id": [101], "v": ["x"], "d": [None], "_load": ["x"], "_row": [1]}
    with pytest.raises(DeltaError, match="failed validation"):
        write_deltalake(str(bench.home / "lake" / "tables" / "t"), pa.table(row, schema=schema), mode="append")
    table.drop_check("t", "small")
    assert table.load("t", [b"id,v,d\n500,h,\n"]).rows_loaded == 1
    with pytest.raises(NotFound, match="no check small"):
        table.drop_check("t", "small")
    assert table.table("t", at=str(version)).columns[0].checks[0].name == "small"


def test_partitions_are_real_for_other_readers(bench: Bench, lake: Lake) -> None:
    columns = (Column(name="id", type="int64"), Column(name="city", type="string"), Column(name="n", type="int64"))
    lake.create("t", Declared(columns=columns, keys=("id", "city"), partitions=("city",)))
    lake.load("t", [b"id,city,n\n1,A,1\n2,B,2\n3,A,3\n4,,4\n5,a b/%,5\n"])
    table = foreign(bench)
    assert table.metadata().partition_columns == ["city"]
    assert sorted(str(p["city"]) for p in table.partitions()) == ["A", "B", "None", "a b/%"]
    assert sorted(table.to_pyarrow_table().column("id").to_pylist()) == [1, 2, 3, 4, 5]
    before = files(bench)
    lake.load("t", [b"id,city,n\n3,A,30\n9,A,9\n"], mode=Mode.MERGE)
    assert len(before & files(bench)) == 3
    assert {r["id"]: r["n"] for r in read(lake, "t")} == {1: 1, 2: 2, 3: 30, 4: 4, 5: 5, 9: 9}
    lake.delete_where("t", "id = 1")
    assert sorted(foreign(bench).to_pyarrow_table().column("id").to_pylist()) == [2, 3, 4, 5, 9]
    lake.partition("t", ())
    assert foreign(bench).metadata().partition_columns == []
    assert len(files(bench)) == 1
    lake.partition("t", ("city", "id"))
    assert len(files(bench)) == 5
    assert ids(lake) == [2, 3, 4, 5, 9]
    lake.set_keys("t", ("n",))
    with pytest.raises(InvalidInput, match="keeps rows apart"):
        lake.drop_column("t", "id")
    with pytest.raises(InvalidInput, match="stand in the log"):
        lake.classify("t", "city", Classification.PII)
    lake.write("wide", [arrow(pa.table({"n": range(1200), "m": range(1200)}))])
    with pytest.raises(InvalidInput, match="more than 1,000"):
        lake.partition("wide", ("n",))


def arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_a_version_is_restored_without_copying(bench: Bench, table: Lake) -> None:
    table.delete_where("t", "id < 4")
    table.rename_column("t", "v", "w")
    made = table.restore("t", "3")
    assert (made.operation, made.rows, made.message) == ("restore", 6, "restore t@3")
    assert read(table, "t") == read(table, "t", at="3")
    assert table.table("t").columns == table.table("t", at="3").columns
    assert foreign(bench).to_pyarrow_table().num_rows == 6
    found = table.diff("t", "3")
    assert (found.added, found.removed, found.changed) == (0, 0, 0)
    with pytest.raises(NotFound):
        table.restore("t", "77")


def test_verbs_work_on_a_branch_and_main_does_not_see_it(table: Lake) -> None:
    table.create_branch("b")
    table.delete_where("t", "id > 2", branch="b")
    table.add_column("t", Column(name="x", type="int64"), branch="b")
    table.partition("t", ("id",), branch="b")
    assert ids(table, "b") == [1, 2]
    assert ids(table) == [1, 2, 3, 4, 5, 6]
    assert read(table, "t", at="b")[0]["x"] is None
    assert table.restore("t", "main", branch="b").rows == 6
    table.create("fresh", Declared(columns=COLUMNS), branch="b")
    with pytest.raises(NotFound):
        table.table("fresh")


def test_every_verb_is_one_commit_with_author_and_message(bench: Bench, table: Lake) -> None:
    bench.act_as("anna")
    made = table.delete_where("t", "id = 1", message="a test ride")
    assert (made.author, made.message, made.reads) == ("actor_anna", "a test ride", ())
    (event,) = [e for e in bench.events("lake.table_committed") if e.writes == (made.ref,)]
    assert event.actor == "actor_anna"
    assert not list((bench.home / "lake" / "staging").glob("*"))
