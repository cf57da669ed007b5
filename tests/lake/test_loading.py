"""Loading CSV: types, versions, the quarantine; every row of a source ends in one of two places."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest

from modelyard.kernel.errors import AlreadyExists, Gone, InvalidInput, NotFound
from modelyard.lake.api import Column, Declared, Lake, Mode, Reading, RowsQuarantined, TableCommitted
from modelyard.testing import Bench
from tests.lake.stand import read


def test_a_csv_becomes_a_typed_table_with_a_version(lake: Lake, bench: Bench) -> None:
    load = lake.load("trips", [b"id,fare,at\n1,2.5,2026-01-01T00:00:00Z\n2,,2026-01-02\n"], source="a.csv")
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (2, 2, 0)
    table = lake.table("trips")
    assert [(c.name, c.type) for c in table.columns] == [("id", "int64"), ("fare", "float64"), ("at", "timestamp")]
    assert table.ref == f"table:trips@{load.version}"
    assert [row["fare"] for row in read(lake, "trips")] == [2.5, None]
    (event,) = bench.events(TableCommitted)
    assert event.reads == (load.source_ref,)
    assert event.writes == (table.ref,)


def test_bad_rows_go_to_quarantine_with_place_text_and_reason(lake: Lake, bench: Bench) -> None:
    text = b"id,fare\n1,2.5\n2,abc\n3\n4,1,1\nx,5.0\n6,\xff\n7,7\n"
    columns = (Column(name="id", type="int64", nullable=False), Column(name="fare", type="float64"))
    load = lake.load("trips", [text], source="a.csv", schema=Declared(columns=columns))
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined, load.held) == (7, 2, 5, 5)
    page = lake.quarantine(load.id)
    assert [(r.row, r.raw) for r in page.items] == [
        (2, "2,abc"), (3, "3"), (4, "4,1,1"), (5, "x,5.0"), (6, "6,\\xff"),
    ]  # fmt: skip
    assert page.items[0].reasons == ("fare: 'abc' is not float64",)
    assert page.items[1].reasons == ("1 fields where 2 are expected",)
    assert [r["_row"] for r in read(lake, "trips", provenance=True)] == [1, 7]
    (event,) = bench.events(RowsQuarantined)
    assert event.decode(RowsQuarantined).rows == 5


def test_nothing_of_a_value_is_lost_in_a_cast(lake: Lake) -> None:
    columns = (Column(name="n", type="int64"), Column(name="d", type="date"), Column(name="m", type="decimal(6, 2)"))
    text = b"n,d,m\n12.7,2026-01-01,1.25\n"
    text += b"300.0,2026-01-01 10:00,1\n1,2026-01-01,1.234\n0x1F,2026-01-01,2\n7,2026-01-02,3.5\n"
    load = lake.load("t", [text], schema=Declared(columns=columns))
    assert [r.row for r in lake.quarantine(load.id).items] == [1, 2, 3, 4]


def test_appending_makes_versions_that_stay_readable(lake: Lake) -> None:
    lake.load("t", [b"a,b\n1,x\n"])
    second = lake.load("t", [b"b,a\ny,2\n"])
    assert [r["a"] for r in read(lake, "t")] == [1, 2]
    assert [r["a"] for r in read(lake, "t", at=str(int(second.version or 0) - 1))] == [1]
    history = lake.history("t").items
    assert [(v.rows, v.rows_added, v.operation) for v in history] == [(2, 1, "load"), (1, 1, "load")]


def test_overwriting_may_change_the_columns(lake: Lake) -> None:
    first = lake.load("t", [b"a,b\n1,x\n"])
    lake.load(
        "t", [b"c\n1.5\n2.5\n"], mode=Mode.OVERWRITE, schema=Declared(columns=(Column(name="c", type="float64"),))
    )
    assert [r["c"] for r in read(lake, "t")] == [1.5, 2.5]
    assert read(lake, "t", at=str(first.version)) == [{"a": 1, "b": "x"}]


def test_tags_and_moments_read_old_versions(lake: Lake) -> None:
    first = lake.load("t", [b"a\n1\n"])
    lake.tag("t", "before")
    lake.load("t", [b"a\n2\n"])
    assert len(read(lake, "t", at="before")) == 1
    assert lake.table("t", at="2026-05-03T12:00Z").version > (first.version or 0)
    with pytest.raises(NotFound):
        lake.table("t", at="2020-01-01")
    with pytest.raises(NotFound):
        lake.table("t", at="99")


def test_a_source_can_be_had_back_as_it_came(lake: Lake) -> None:
    load = lake.load("t", [b"a,b\n1,x\n"], source="a.csv")
    assert b"".join(lake.source(load.id)) == b"a,b\n1,x\n"
    lake.erase("t", "b", ("x",))
    with pytest.raises(Gone, match="removed by an erasure"):
        lake.source(load.id)


def test_rows_without_a_header_fit_a_table_by_place(lake: Lake) -> None:
    lake.load("t", [b"a,b\n1,x\n"])
    assert lake.load("t", [b"2,y\n3,z\n"]).rows_loaded == 2
    assert [r["b"] for r in read(lake, "t")] == ["x", "y", "z"]


def test_creating_over_a_table_is_refused(lake: Lake) -> None:
    lake.load("t", [b"a\n1\n"], mode=Mode.CREATE)
    with pytest.raises(AlreadyExists, match="append to it"):
        lake.load("t", [b"a\n1\n"], mode=Mode.CREATE)


def test_arrow_written_in_process_becomes_a_version_with_its_reads(lake: Lake) -> None:
    table = pa.table({"x": pa.array([1, 2], pa.int32()), "v": pa.array([[1.0], [2.0]]), "s": ["a", None]})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    made = lake.write("set", [sink.getvalue()], reads=("table:trips@1",), run="run_1")
    assert made.reads == ("table:trips@1",)
    assert read(lake, "set") == table.to_pylist()
    assert [c.type for c in lake.table("set").columns] == ["int32", "list<float64>", "string"]


def test_a_source_of_another_shape_is_refused_whole(lake: Lake) -> None:
    lake.load("t", [b"a,b\n1,2\n"])
    with pytest.raises(InvalidInput, match="no column 'c'"):
        lake.load("t", [b"a,c\n1,2\n"])
    assert lake.table("t").rows == 1


def test_preview_sorts_filters_and_counts(lake: Lake) -> None:
    lake.load("t", [b"a,b\n" + b"".join(b"%d,%d\n" % (n, n % 3) for n in range(100))])
    page = lake.preview("t", sort="a", descending=True, where="b = 1", limit=2, offset=1)
    assert page.total == 33
    assert page.rows == [[94, 1], [91, 1]]


def test_a_condition_reads_nothing_but_the_table(lake: Lake, tmp_path: Path) -> None:
    lake.load("t", [b"a\n1\n"])
    secret = tmp_path / "secret.csv"
    secret.write_text("x\n1\n")
    for where in (f"a in (select x from read_csv('{secret}'))", "1=1) union all select 2 --", "a = 1; drop table x"):
        with pytest.raises(InvalidInput):
            list(lake.rows("t", where=where))


def test_sql_reads_tables_at_their_versions(lake: Lake) -> None:
    first = lake.load("t", [b"a\n1\n"])
    lake.load("t", [b"a\n2\n"])
    answer = b"".join(
        lake.sql(f'select (select count(*) from t) as now, (select count(*) from "t@{first.version}") as was')
    )
    assert pa.ipc.open_stream(answer).read_all().to_pylist() == [{"now": 2, "was": 1}]
    for query in (
        "copy t to '/tmp/x.csv'",
        "select * from '/etc/passwd'",
        "select 1; select 2",
        "create table x (a int)",
    ):
        with pytest.raises(InvalidInput):
            list(lake.sql(query))


def test_odd_files_are_read_or_refused_clearly(lake: Lake) -> None:
    assert lake.load("crlf", [b"\xef\xbb\xbfa;b\r\n1;x\r\n"]).rows_loaded == 1
    assert [c.name for c in lake.table("crlf").columns] == ["a", "b"]
    assert lake.load("utf16", ["a,b\n1,é\n".encode("utf-16")]).rows_loaded == 1
    assert lake.load("latin", ["a,b\n1,é\n".encode("latin-1")], reading=Reading(encoding="latin-1")).rows_loaded == 1
    double = lake.load("double", [b"a,a,\n1,2,3\n"])
    assert [c.name for c in lake.table("double").columns] == ["a", "a_2", "column_3"]
    assert double.notes
    assert lake.load("bare", [b"a,b\n"]).rows_in == 0
    assert lake.load("nul", [b"a,b\n1,x\x00y\n"]).rows_loaded == 1
    for text in (b"", b"\n\n"):
        with pytest.raises(InvalidInput, match="empty"):
            lake.load("empty", [text])
    with pytest.raises(InvalidInput, match="longer than"):
        lake.load("long", [b"a,b\n1,2\n", b"x" * 20_000_000, b",3\n"])
    with pytest.raises(InvalidInput, match="columns"):
        lake.load("wide", [b",".join(b"c%d" % n for n in range(10_000)) + b"\n"])
    with pytest.raises(NotFound):
        lake.table("long")


def test_an_unclosed_quote_swallows_no_row_unseen(lake: Lake) -> None:
    load = lake.load("t", [b'a,b\n1,2\n"open,3\n4,5\n6,7\n'])
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (2, 1, 1)
    assert lake.quarantine(load.id).items[0].raw == '"open,3\n4,5\n6,7'


def test_json_lines_and_parquet_load_alike(lake: Lake) -> None:
    lines = b'{"a": 1, "b": "x"}\n[1]\n{"a": 2.0, "b": null}\n{"a": 1, "z": 1}\n\n{"a": "q"}\n'
    load = lake.load(
        "j",
        [lines],
        source="x.jsonl",
        schema=Declared(columns=(Column(name="a", type="int64"), Column(name="b", type="string"))),
    )
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (5, 2, 3)
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3], "b": ["x", "y", None]}), sink)
    assert lake.load("p", [sink.getvalue()]).rows_loaded == 3
    with pytest.raises(InvalidInput, match="Parquet"):
        lake.load("p", [sink.getvalue()[:-20]])


def test_refused_rows_keep_their_own_text_across_the_blocks_of_a_long_source(lake: Lake) -> None:
    rows = [f"{n},{'bad' if n % 997 == 0 else n},{'x' * 1000}" for n in range(1, 25_001)]
    load = lake.load("long", ["\n".join(["id,n,note", *rows]).encode()])
    assert (load.rows_in, load.rows_quarantined) == (25_000, 25)
    held = lake.quarantine(load.id, limit=100).items
    assert [(row.row, row.raw) for row in held] == [(n, rows[n - 1]) for n in range(997, 25_001, 997)]
    assert {row.reasons for row in held} == {("n: 'bad' is not int64",)}


def test_a_record_longer_than_the_sample_block_is_read_whole(lake: Lake) -> None:
    load = lake.load("wide", [b"id,note\n1," + b"x" * 3_000_000 + b"\n2,y\n"])
    assert load.rows_loaded == 2
    assert [c.type for c in lake.table("wide").columns] == ["int64", "string"]


def test_a_type_is_inferred_from_how_often_a_value_comes(lake: Lake) -> None:
    """Nineteen of twenty values decide, however few different ones there are."""
    mostly = ["1"] * 95 + [f"w{n}" for n in range(5)]
    half = ["1"] * 94 + [f"w{n}" for n in range(6)]
    lines = [f"{a},{b},007,2026-01-0{n % 9 + 1},true" for n, (a, b) in enumerate(zip(mostly, half, strict=True))]
    lake.load("t", ["\n".join(["mostly,half,code,day,yes", *lines]).encode()])
    kinds = {c.name: c.type for c in lake.table("t").columns}
    assert kinds == {"mostly": "int64", "half": "string", "code": "string", "day": "date", "yes": "bool"}
