"""Pulling from databases: modes, cursors, late rows, duplicates, back-fills; each row once, and every row told of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modelyard.adapters.sources import Grounds
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable
from modelyard.lake.api import Column, Declared, Drawing, Lake, Pulled, PullMode, PullStage
from modelyard.testing import Bench
from tests.lake.stand import lake_service, read


class Shop:
    """A SQLite database with a table of orders."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = f"sqlite://{path}"
        self.run("CREATE TABLE orders (id INTEGER PRIMARY KEY, at DATETIME, note TEXT, price REAL)")

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def add(self, ids: Iterable[int], note: str = "x", at: str = "") -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            rows = [(n, at or f"2026-01-01 00:{n // 60:02d}:{n % 60:02d}", note, n / 4) for n in ids]
            connection.executemany("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)", rows)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db")


@pytest.fixture
def lake(bench: Bench, tmp_path: Path) -> Iterator[Lake]:
    grounds = Grounds(folders=(str(tmp_path), "/tmp"))
    with lake_service(bench, grounds=grounds) as service:
        yield bench.open(Lake, service)


def whole(pulled: Pulled) -> Pulled:
    """The pull, once its counts are found to add up."""
    assert pulled.rows_in == pulled.rows_loaded + pulled.rows_quarantined + pulled.rows_unchanged
    for load in pulled.loads:
        assert load.rows_in == load.rows_loaded + load.rows_quarantined + load.rows_unchanged
    return pulled


def ids(lake: Lake, table: str = "orders") -> list[int]:
    return sorted(int(str(row["id"])) for row in read(lake, table))


def test_an_incremental_pull_reads_what_is_new_and_nothing_twice(lake: Lake, shop: Shop) -> None:
    lake.declare_source("o", shop.address, "orders", stream="orders", mode=PullMode.INCREMENTAL, cursor="id")
    shop.add(range(1, 101))
    first = whole(lake.pull("o"))
    assert (first.rows_in, first.rows_loaded, first.before, first.after) == (100, 100, "", "100")
    shop.add(range(101, 111))
    second = whole(lake.pull("o"))
    assert (second.rows_in, second.rows_loaded, second.rows_unchanged) == (11, 10, 1)
    third = whole(lake.pull("o"))
    assert (third.loads, third.rows_unchanged, third.after) == ((), 1, "110")
    assert ids(lake) == list(range(1, 111))
    (load, _) = lake.loads(table="orders").items
    assert (load.origin, load.position_before, load.position_after) == ("o", "100", "110")
    assert [(c.name, c.type) for c in lake.table("orders").columns] == [
        ("id", "int64"), ("at", "timestamp"), ("note", "string"), ("price", "float64"),
    ]  # fmt: skip


def test_a_look_back_brings_late_rows_and_rows_that_changed_where_there_are_keys(lake: Lake, shop: Shop) -> None:
    lake.declare_source(
        "o", shop.address, "orders", stream="orders", mode=PullMode.INCREMENTAL, cursor="at", keys=("id",),
        drawing=Drawing(look_back="30s"),
    )  # fmt: skip
    shop.add([*range(1, 50), *range(51, 61)])
    lake.pull("o")
    shop.add([50])
    shop.add([55], note="changed", at="2026-01-01 00:00:55")
    pulled = whole(lake.pull("o"))
    assert pulled.rows_loaded == 2
    assert ids(lake) == list(range(1, 61))
    assert {r["id"]: r["note"] for r in read(lake, "orders")}[55] == "changed"


def test_equal_rows_without_a_key_are_kept_as_often_as_they_are_there(lake: Lake, shop: Shop) -> None:
    shop.run("CREATE TABLE log (t INTEGER, word TEXT)", *["INSERT INTO log VALUES (5, 'a')"] * 3)
    lake.declare_source("l", shop.address, "log", stream="log", mode=PullMode.INCREMENTAL, cursor="t")
    assert lake.pull("l").rows_loaded == 3
    shop.run(
        "INSERT INTO log VALUES (5, 'a')", "INSERT INTO log VALUES (5, NULL)", "INSERT INTO log VALUES (NULL, 'n')"
    )
    assert whole(lake.pull("l")).rows_loaded == 3
    assert whole(lake.pull("l")).loads == ()
    assert len(read(lake, "log")) == 6


def test_a_full_pull_replaces_and_an_append_adds(lake: Lake, shop: Shop) -> None:
    shop.add([1, 2, 3])
    lake.declare_source("f", shop.address, "full", stream="orders", mode=PullMode.FULL)
    lake.declare_source("a", shop.address, "added", stream="orders", mode=PullMode.APPEND)
    for _ in range(2):
        assert whole(lake.pull("f")).rows_loaded == 3
        assert whole(lake.pull("a")).rows_loaded == 3
    assert ids(lake, "full") == [1, 2, 3]
    assert ids(lake, "added") == [1, 1, 2, 2, 3, 3]
    shop.run("DELETE FROM orders")
    lake.pull("f")
    assert ids(lake, "full") == []


def test_a_merge_replaces_what_changed_and_counts_what_did_not(lake: Lake, shop: Shop) -> None:
    shop.add([1, 2, 3])
    lake.declare_source("m", shop.address, "orders", stream="orders", mode=PullMode.MERGE, keys=("id",))
    lake.pull("m")
    shop.add([2, 4], note="new")
    pulled = whole(lake.pull("m"))
    assert (pulled.rows_in, pulled.rows_loaded, pulled.rows_unchanged) == (4, 2, 2)
    assert [(r["id"], r["note"]) for r in sorted(read(lake, "orders"), key=lambda r: int(str(r["id"])))] == [
        (1, "x"), (2, "new"), (3, "x"), (4, "new"),
    ]  # fmt: skip
    version = lake.table("orders").version
    assert whole(lake.pull("m")).loads == ()
    assert lake.table("orders").version == version


def test_a_snapshot_removes_what_is_gone_but_nothing_while_rows_are_held(lake: Lake, shop: Shop) -> None:
    shop.add(range(1, 7))
    columns = tuple(Column(name=n, type=t) for n, t in (("id", "int64"), ("at", "timestamp"), ("note", "string")))
    schema = Declared(columns=(*columns, Column(name="price", type="float64")))
    lake.declare_source(
        "s", shop.address, "orders", stream="orders", mode=PullMode.SNAPSHOT, keys=("id",),
        drawing=Drawing(schema=schema),
    )  # fmt: skip
    lake.pull("s")
    shop.run("DELETE FROM orders WHERE id IN (1, 2)")
    shop.add([3], note="changed")
    pulled = whole(lake.pull("s"))
    assert (pulled.rows_loaded, pulled.rows_unchanged, pulled.rows_removed) == (1, 3, 2)
    assert ids(lake) == [3, 4, 5, 6]
    assert "removed 2 rows" in pulled.loads[0].notes[-1]
    shop.run("DELETE FROM orders WHERE id = 6", "UPDATE orders SET price = 'much' WHERE id = 4")
    held = whole(lake.pull("s"))
    assert (held.rows_quarantined, held.rows_removed) == (1, 0)
    assert ids(lake) == [3, 4, 5, 6]
    assert "none was taken for gone" in held.loads[0].notes[-1]
    (row,) = lake.quarantine(held.loads[0].id).items
    assert row.reasons == ("price: 'much' is not float64",)
    shop.run("UPDATE orders SET price = 1 WHERE id = 4", "DELETE FROM orders WHERE id = 5")
    assert whole(lake.pull("s")).rows_removed == 2
    assert ids(lake) == [3, 4]


def test_a_range_is_filled_again_without_doubling(lake: Lake, shop: Shop) -> None:
    lake.declare_source("o", shop.address, "orders", stream="orders", mode=PullMode.INCREMENTAL, cursor="id")
    shop.add(range(50, 61))
    lake.pull("o")
    shop.add(range(1, 50))
    assert whole(lake.pull("o")).rows_loaded == 0
    filled = whole(lake.backfill("o", low="20", high="55"))
    assert (filled.rows_in, filled.rows_loaded, filled.rows_unchanged) == (35, 30, 5)
    assert lake.declared_source("o").position == "60"
    assert whole(lake.backfill("o", low="20", high="55")).loads == ()
    assert ids(lake) == list(range(20, 61))
    with pytest.raises(InvalidInput, match="say the range"):
        lake.backfill("o")


def test_a_long_pull_is_cut_into_several_commits(lake: Lake, shop: Shop) -> None:
    lake.declare_source(
        "o", shop.address, "orders", stream="orders", mode=PullMode.INCREMENTAL, cursor="id",
        drawing=Drawing(load_rows=16_384),
    )  # fmt: skip
    shop.add(range(1, 40_001), at="2026-01-01")
    pulled = whole(lake.pull("o"))
    assert len(pulled.loads) == 3
    assert (pulled.rows_loaded, pulled.after) == (40_000, "40000")
    assert lake.table("orders").rows == 40_000


def test_a_query_is_pulled_like_a_table(lake: Lake, shop: Shop) -> None:
    shop.add(range(1, 21))
    query = "select id, price * 2 as double from orders where id % 2 = 0"
    lake.declare_source(
        "q", shop.address, "even", mode=PullMode.INCREMENTAL, cursor="id", drawing=Drawing(query=query)
    )  # fmt: skip
    assert whole(lake.pull("q")).rows_loaded == 10
    shop.add([22])
    assert whole(lake.pull("q")).rows_loaded == 1
    assert {r["id"]: r["double"] for r in read(lake, "even")}[22] == 11


def test_a_look_shows_columns_and_rows_and_keeps_nothing(lake: Lake, shop: Shop, bench: Bench) -> None:
    shop.add(range(1, 31))
    lake.declare_source("o", shop.address, "orders", stream="orders")
    look = lake.look("o", rows=2)
    assert [(c.name, c.type) for c in look.columns][:2] == [("id", "int64"), ("at", "timestamp")]
    assert len(look.rows) == 2
    assert [(s.name, s.kind) for s in lake.streams("o")] == [("orders", "table")]
    with pytest.raises(NotFound):
        lake.table("orders")
    assert not list((bench.home / "lake" / "staging").glob("*"))


def test_a_pull_tells_how_far_it_is_and_what_failed(lake: Lake, shop: Shop) -> None:
    shop.add(range(1, 11))
    lake.declare_source("o", shop.address, "orders", stream="orders", mode=PullMode.FULL)
    last = list(lake.pull_live("o"))[-1]
    assert (last.stage, last.rows) == (PullStage.DONE, 10)
    assert last.pulled is not None
    assert last.pulled.rows_loaded == 10
    lake.declare_source("o", shop.address, "orders", stream="nothing", mode=PullMode.FULL)
    with pytest.raises(NotFound, match="nothing"):
        list(lake.pull_live("o"))
    assert ids(lake) == list(range(1, 11))


def test_what_cannot_be_read_is_refused_when_it_is_declared(lake: Lake, shop: Shop) -> None:
    for address, error, words in [
        ("postgresql://joe:geheim@db.example/x", InvalidInput, "kept sealed"),
        ("postgresql://joe@db.example/x?password=geheim", InvalidInput, "kept sealed"),
        ("sqlite:///etc/passwd", Forbidden, "source_folders"),
        ("postgresql://joe@169.254.169.254/x", Forbidden, "never read"),
        ("postgresql://joe@/x?host=/var/run", Forbidden, "source_folders"),
        ("postgresql://joe@db.example/x?sslkey=/etc/key", InvalidInput, "kept sealed"),
        ("postgresql://joe@db.example/x?service=prod", InvalidInput, "not taken"),
        ("gopher://db.example/x", InvalidInput, "no source is known"),
    ]:
        with pytest.raises(error, match=words) as caught:
            lake.declare_source("o", address, "orders", stream="x")
        assert "geheim" not in caught.value.detail
    for how in (
        {"mode": PullMode.SNAPSHOT}, {"mode": PullMode.MERGE}, {"drawing": Drawing(look_back="2h")},
        {"drawing": Drawing(query="select 1")}, {"drawing": Drawing(options={"x": "y"})},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            lake.declare_source("o", shop.address, "orders", stream="x", **how)
    assert lake.sources() == ()


def test_a_secret_is_kept_for_the_system_it_was_given_for(lake: Lake, shop: Shop) -> None:
    lake.declare_source("o", "postgresql://joe@127.0.0.1:1/x", "orders", stream="x")
    assert lake.seal_source("o", "geheim").sealed
    assert lake.declare_source("o", "postgresql://joe@127.0.0.1:1/y", "orders", stream="x").sealed
    with pytest.raises(Unavailable) as caught:
        lake.pull("o")
    assert "geheim" not in caught.value.detail
    assert not lake.declare_source("o", "postgresql://joe@127.0.0.2:1/x", "orders", stream="x").sealed
    lake.remove_source("o")
    with pytest.raises(NotFound):
        lake.declared_source("o")


def test_a_dropped_table_is_filled_from_the_beginning(lake: Lake, shop: Shop) -> None:
    lake.declare_source("o", shop.address, "orders", stream="orders", mode=PullMode.INCREMENTAL, cursor="id")
    shop.add([1, 2])
    lake.pull("o")
    lake.drop("orders")
    assert lake.declared_source("o").position == ""
    assert whole(lake.pull("o")).rows_loaded == 2


def test_postgres_types_arrive_as_what_they_are(lake: Lake, postgres_address: str) -> None:
    import psycopg

    with psycopg.connect(postgres_address, autocommit=True) as db:
        db.execute(
            "CREATE TABLE t (id bigint PRIMARY KEY, n numeric(10, 2), big numeric, s text, d date, ts timestamp, "
            "tz timestamptz, u uuid, j jsonb, arr int[], iv interval, ok boolean, raw bytea, f real)"
        )
        db.execute(
            "INSERT INTO t VALUES (1, 12.30, 1e3, 'x', '2026-01-02', '2026-01-02 03:04:05', '2026-01-02 03:04+02', "
            "'00000000-0000-0000-0000-000000000001', '{\"a\": 1}', '{1,2}', '1 day', true, '\\x00ff', 0.5), "
            "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
            "(3, NULL, NULL, NULL, NULL, 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
    lake.declare_source("p", postgres_address, "t", stream="t", mode=PullMode.INCREMENTAL, cursor="id", keys=("id",))
    pulled = whole(lake.pull("p"))
    assert (pulled.rows_in, pulled.rows_loaded, pulled.rows_quarantined) == (3, 2, 1)
    assert {c.name: c.type for c in lake.table("t").columns} == {
        "id": "int64", "n": "decimal(10, 2)", "big": "int64", "s": "string", "d": "date", "ts": "timestamp",
        "tz": "timestamp", "u": "string", "j": "string", "arr": "list<int32>", "iv": "string", "ok": "bool",
        "raw": "binary", "f": "float32",
    }  # fmt: skip
    first = next(row for row in read(lake, "t") if row["id"] == 1)
    assert (str(first["n"]), first["arr"], first["raw"], first["iv"]) == ("12.30", [1, 2], b"\x00\xff", "1 day")
    (row,) = lake.quarantine(pulled.loads[0].id).items
    assert "infinity" in row.reasons[0]


def test_a_late_row_in_postgres_is_found_by_its_time(lake: Lake, postgres_address: str) -> None:
    import psycopg

    with psycopg.connect(postgres_address, autocommit=True) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)")
        db.execute(
            "INSERT INTO t SELECT n, '2026-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, 9) n"
        )
        lake.declare_source(
            "p", postgres_address, "t", stream="public.t", mode=PullMode.INCREMENTAL, cursor="at", keys=("id",),
            drawing=Drawing(look_back="5m"),
        )  # fmt: skip
        lake.pull("p")
        db.execute("INSERT INTO t VALUES (100, '2026-01-01 00:05:30+00'), (101, NULL)")
        assert whole(lake.pull("p")).rows_loaded == 2
        assert whole(lake.pull("p")).loads == ()
        assert (
            whole(lake.backfill("p", low="2026-01-01 00:01:00+00", high="2026-01-01 00:04:00+00")).rows_unchanged == 3
        )
    assert ids(lake, "t") == [*range(1, 10), 100, 101]


def test_a_branch_reads_on_from_where_it_was_cut_and_main_stays_where_it_is(lake: Lake, shop: Shop) -> None:
    lake.declare_source("o", shop.address, "orders", stream="orders", mode=PullMode.INCREMENTAL, cursor="id")
    shop.add(range(1, 11))
    lake.pull("o")
    lake.create_branch("trial")
    shop.add(range(11, 21))
    assert whole(lake.pull("o", branch="trial")).rows_loaded == 10
    assert whole(lake.pull("o", branch="trial")).loads == ()
    assert lake.declared_source("o").position == "10"
    assert ids(lake) == list(range(1, 11))
    assert len(read(lake, "orders", at="trial")) == 20
    assert whole(lake.pull("o")).rows_loaded == 10
    assert ids(lake) == list(range(1, 21))


def test_a_restored_table_reads_on_from_where_it_stood_then(lake: Lake, shop: Shop) -> None:
    lake.declare_source("o", shop.address, "orders", stream="orders", mode=PullMode.INCREMENTAL, cursor="id")
    shop.add(range(1, 11))
    first = lake.pull("o").loads[0].version
    lake.tag_lake("ten")
    shop.add(range(11, 21))
    lake.pull("o")
    lake.restore("orders", str(first))
    assert (ids(lake), lake.declared_source("o").position) == (list(range(1, 11)), "10")
    assert whole(lake.pull("o")).rows_loaded == 10
    lake.roll_back("main", "ten")
    assert (ids(lake), lake.declared_source("o").position) == (list(range(1, 11)), "10")
    shop.add([21])
    assert whole(lake.pull("o")).rows_loaded == 11
    assert ids(lake) == list(range(1, 22))
