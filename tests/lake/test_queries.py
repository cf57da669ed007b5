"""Users' queries: read-only, at one ref, within time and memory, watched, cancelled; the house outlives them all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from modelyard.app.house import House
from modelyard.kernel.errors import Conflict, InvalidInput, NotFound, TimedOut, TooLarge, YardError
from modelyard.lake.api import QUERY_KEY, READS_KEY, Lake
from modelyard.settings import Settings
from modelyard.testing import Bench

ENDLESS = "select count(*) from range(10000000) a, range(10000000) b where a.range + b.range = 3"


def table(stream: Iterator[bytes]) -> pa.Table:
    return pa.ipc.open_stream(b"".join(stream)).read_all()


@pytest.fixture
def house(tmp_path: object) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path), sync="normal"))
    try:
        yield made
    finally:
        made.close()


def test_one_ref_holds_for_all_tables_of_a_query(lake: Lake) -> None:
    lake.load("a", [b"n\n1\n"])
    lake.load("b", [b"n\n1\n"])
    lake.tag("a", "start")
    lake.tag("b", "start")
    lake.load("a", [b"n\n2\n"])
    lake.load("b", [b"n\n2\n"])
    query = "select (select count(*) from a), (select count(*) from b)"
    assert list(table(lake.sql(query)).to_pylist()[0].values()) == [2, 2]
    old = table(lake.sql(query, at="start"))
    assert list(old.to_pylist()[0].values()) == [1, 1]
    assert (old.schema.metadata or {})[READS_KEY.encode()] == b"table:a@1 table:b@1"
    own = table(lake.sql('select (select count(*) from a), (select count(*) from "b@2")', at="start"))
    assert list(own.to_pylist()[0].values()) == [1, 2]
    with pytest.raises(NotFound):
        table(lake.sql("select * from a", at="never"))


def test_columns_and_conditions_reach_down_to_the_files(lake: Lake) -> None:
    lake.load("t", [b"a,b,c\n" + b"".join(b"%d,x,y\n" % n for n in range(1000))])
    plan = lake.explain("select b from t where a > 990")
    assert plan.reads == ("table:t@1",)
    assert "READ_PARQUET" in plan.text
    assert "a>990" in plan.text.replace(" ", "")
    assert "c" not in {word.strip("│ ") for word in plan.text.splitlines()}
    assert "/" not in plan.text.replace("//", "")
    with pytest.raises(InvalidInput):
        lake.explain("drop table t")


def test_a_query_is_listed_and_its_author_can_end_it(house: House) -> None:
    lake = house.yard().lake
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            b"".join(lake.sql(ENDLESS, query_id="mine", timeout_s=60))
        except YardError as err:
            ended.append(err)

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(200):
        if lake.queries():
            break
        time.sleep(0.05)
    (running,) = lake.queries()
    assert (running.id, running.text) == ("mine", ENDLESS)
    assert running.share is None or 0 <= running.share <= 1
    with pytest.raises(Conflict, match="runs already"):
        b"".join(lake.sql("select 1", query_id="mine"))
    lake.cancel_query("mine")
    thread.join(30)
    assert isinstance(ended[0], Conflict)
    assert "cancelled by" in str(ended[0])
    assert lake.queries() == []
    with pytest.raises(NotFound, match="no query mine"):
        lake.cancel_query("mine")


def test_a_stream_that_nobody_reads_on_is_ended(house: House) -> None:
    lake = house.yard().lake
    stream = lake.sql("select range from range(100000000)")
    first = next(stream)
    assert QUERY_KEY.encode() in first
    next(stream)
    assert lake.queries()[0].rows > 0
    del stream
    assert lake.queries() == []


HOSTILE = (
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/hostname')",
    "select * from read_parquet('{home}/**/*.parquet')",
    "select * from '/etc/passwd'",
    "select * from glob('/*')",
    "attach '/tmp/x.db'",
    "copy (select 1) to '/tmp/hostile.csv'",
    "copy t to '/tmp/hostile.parquet'",
    "select 1; drop view t",
    "select 1; select 2",
    "pragma database_list",
    "set memory_limit='100GB'",
    "reset all",
    "install httpfs",
    "load httpfs",
    "select * from 'https://example.com/x.parquet'",
    "create table x as select 1",
    "insert into t values (1)",
    "update t set n = 2",
    "export database '/tmp/x'",
    "call pragma_version()",
    "explain analyze select 1",
    "select getenv('HOME')",
    "select n from read_parquet('{file}')",
    "select n from '{file}'",
    'select n from "{file}" as t',
    "select * from parquet_metadata('{file}')",
    "select sql from duckdb_views()",
    "select sql from duckdb_views",
    "select definition from pg_catalog.pg_views",
    "select * from duckdb_settings()",
    "select current_setting('allowed_paths')",
    "select * from information_schema.tables",
    "select * from sqlite_master",
    "select * from query('select * from duckdb_views()')",
    "select (select list(sql) from duckdb_views()) from t",
    "with t as (select * from duckdb_views()) select * from t",
    "select * from t where exists (from read_text('{file}'))",
    "with x as (delete from t returning *) select * from x",
    "select * from sqlite_scan('/tmp/x', 'y')",
    "",
    ";",
    "select",
    "\x00",
    "select " + "(" * 20_000 + "1" + ")" * 20_000,
    "select " + "not " * 20_000 + "true",
    "select * from " + "(select * from " * 5_000 + "t" + ")" * 5_000,
    "select '" + "x" * 100_001 + "'",
)


def test_hostile_texts_are_refused_and_the_house_stands(bench: Bench, lake: Lake) -> None:
    lake.load("t", [b"n\n1\n"])
    for text in HOSTILE:
        told = text.replace("{home}", str(bench.home)).replace("{file}", lake.whereabouts("t").files[0])
        with pytest.raises(InvalidInput):
            table(lake.sql(told))
    for text in ("n in (select n from read_parquet('/x'))", "current_setting('allowed_paths') is not null", "1) or (1"):
        with pytest.raises(InvalidInput):
            b"".join(lake.rows("t", where=text))
        with pytest.raises(InvalidInput):
            lake.preview("t", where=text)
    assert table(lake.sql("select n from t")).to_pylist() == [{"n": 1}]


def test_what_an_analyst_writes_is_answered(lake: Lake) -> None:
    lake.load("pg_orders", [b"n,s\n1,a\n2,b\n"])
    for text, rows in (
        ("from pg_orders", 2),
        ('select * from "pg_orders@1" join range(3) r(x) on n = x', 2),
        ("with recursive c as (select 1 as a union all select a + 1 from c where a < 5) select * from c", 5),
        ("select unnest([x * 2 for x in [1, 2, 3]])", 3),
        ("select * from (values (1), (2)) v(a) where a in (select n from pg_orders)", 2),
        ("describe pg_orders", 2),
        ("select s, row_number() over (order by n) from pg_orders qualify row_number() over (order by n) = 1", 1),
        ("select value from json_each('[1, 2]')", 2),
    ):
        assert table(lake.sql(text)).num_rows == rows, text


def test_a_query_that_explodes_ends_by_its_limits(lake: Lake) -> None:
    lake.load("t", [b"n\n1\n"])
    began = time.monotonic()
    with pytest.raises(TimedOut):
        table(lake.sql(ENDLESS, timeout_s=0.3))
    assert time.monotonic() - began < 10
    with pytest.raises((TooLarge, TimedOut)):
        table(lake.sql("select list(a.range) from range(3000000) a, range(100) b", memory_mb=32, timeout_s=10))
    with pytest.raises(InvalidInput, match="timeout_s"):
        lake.sql("select 1", timeout_s=0)
    with pytest.raises(InvalidInput, match="memory_mb"):
        lake.sql("select 1", memory_mb=1)
    assert table(lake.sql("select n from t")).to_pylist() == [{"n": 1}]
