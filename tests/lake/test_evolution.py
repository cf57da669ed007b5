"""Schema policies: a new column comes in, is refused or left out, whichever way the rows came; a type gives way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.adapters.sources import Grounds
from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import (
    Column,
    Declared,
    Drawing,
    Lake,
    Mode,
    PullMode,
    SchemaChanged,
    SchemaPolicy,
    SchemaPolicySet,
)
from modelyard.testing import Bench
from tests.engines.redis import redis_server
from tests.lake.stand import lake_service, read
from tests.lake.test_pulling import Shop

EVOLVE, FREEZE, DISCARD = SchemaPolicy.EVOLVE, SchemaPolicy.FREEZE, SchemaPolicy.DISCARD


@pytest.fixture
def lake(bench: Bench, tmp_path: Path) -> Iterator[Lake]:
    with lake_service(bench, grounds=Grounds(folders=(str(tmp_path), "/tmp"))) as service:
        yield bench.open(Lake, service)


def arrow(**columns: Any) -> list[bytes]:
    table, sink = pa.table(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return [bytes(sink.getvalue())]


def types(lake: Lake, name: str = "t", at: str | None = None) -> dict[str, str]:
    return {column.name: column.type for column in lake.table(name, at=at).columns}


def test_a_new_column_comes_in_and_is_null_in_the_rows_that_were_there(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id,word\n1,a\n2,b\n"])
    rules = lake.set_schema_policy("t", EVOLVE, columns={"debug": DISCARD})
    assert lake.schema_policy("t") == rules
    load = lake.load("t", [b"id,fare,debug\n3,1.5,x\nx,2.5,y\n"], source="more.csv")
    assert (load.rows_loaded, load.rows_quarantined) == (1, 1)
    assert types(lake) == {"id": "int64", "word": "string", "fare": "float64"}
    assert [(row["id"], row["word"], row["fare"]) for row in read(lake, "t")] == [
        (1, "a", None), (2, "b", None), (3, None, 1.5),
    ]  # fmt: skip
    assert load.notes[:2] == ("added column fare (float64)", "left out what the table has no columns for: debug")
    assert lake.history("t").items[0].message == "load more.csv; added column fare (float64)"
    assert [c.name for c in lake.schema_diff("t", "1").added] == ["fare"]
    (event,) = bench.events(SchemaChanged)
    told = event.decode(SchemaChanged)
    assert (told.version, told.operation, told.added, told.removed) == (load.version, "load", ("fare",), ())
    assert bench.events(SchemaPolicySet)[0].writes == ("table:t",)
    assert [r["id"] for r in read(lake, "t", at="1")] == [1, 2]
    lake.load("t", [b"id,fare\n1,9.5\n"], mode=Mode.APPEND)
    replayed = lake.replay(load.id, mends=())
    assert replayed.rows_quarantined == 1


def test_what_is_frozen_is_refused_and_what_is_discarded_is_noted_whichever_way_it_comes(lake: Lake) -> None:
    for name, policy in (("plain", None), ("frozen", FREEZE), ("loose", DISCARD)):
        lake.load(name, [b"id,word\n1,a\n"])
        if policy is not None:
            lake.set_schema_policy(name, policy)
    for name in ("plain", "frozen"):
        for refuse in (
            lambda name=name: lake.load(name, [b"id,more\n2,x\n"]),
            lambda name=name: lake.write(name, arrow(id=[2], more=["x"])),
            lambda name=name: lake.push(name, arrow(id=[2], more=["x"])),
        ):  # fmt: skip
            with pytest.raises(InvalidInput, match="has no column 'more'"):
                refuse()
        held = lake.load(name, [b'{"id": 2}\n{"id": 3, "more": 1}\n'], source="x.jsonl")
        assert (held.rows_loaded, held.rows_quarantined) == (1, 1)
    with pytest.raises(InvalidInput, match="set-schema-policy plain"):
        lake.load("plain", [b"id,more\n2,x\n"])
    lake.load("loose", [b"id,more\n2,x\n"])
    lake.write("loose", arrow(id=[3], more=["x"]))
    lake.push("loose", arrow(id=[4], more=["x"]))
    lake.push("loose", [b'{"id": 5, "more": {"a": 1}}'])
    lake.flush("loose")
    assert sorted(int(str(row["id"])) for row in read(lake, "loose")) == [1, 2, 3, 4, 5]
    assert types(lake, "loose") == {"id": "int64", "word": "string"}
    noted = [load.notes for load in lake.loads(table="loose").items[:-1]]
    assert noted == [("left out what the table has no columns for: more",)] * 4
    with pytest.raises(InvalidInput, match="none of the columns"):
        lake.load("loose", [b"x,y\n1,2\n"])


def test_a_type_gives_way_to_one_that_holds_all_of_its_values_in_the_same_commit(lake: Lake, bench: Bench) -> None:
    columns = (
        Column(name="k", type="int32"), Column(name="n", type="int32"), Column(name="d", type="date"),
        Column(name="f", type="int32"),
    )  # fmt: skip
    lake.load("t", [b"k,n,d,f\n1,1,2026-01-01,1\n2,2,2026-01-02,2\n"], schema=Declared(columns=columns, keys=("k",)))
    lake.set_schema_policy("t", EVOLVE, columns={"f": FREEZE})
    text = b"k,n,d,f,word\n2,3000000000,2026-01-05T10:30:00Z,3000000000,x\n3,1,2026-01-06,7,y\n"
    load = lake.load("t", [text], mode=Mode.MERGE)
    assert (load.rows_loaded, load.rows_quarantined) == (1, 1)
    assert types(lake) == {"k": "int32", "n": "int64", "d": "timestamp", "f": "int32", "word": "string"}
    assert len(lake.history("t").items) == 2
    assert sorted((row["k"], row["n"], row["word"]) for row in read(lake, "t")) == [
        (1, 1, None),
        (2, 2, None),
        (3, 1, "y"),
    ]
    assert {each.name for each in lake.schema_diff("t", "1").changed} >= {"n", "d"}
    (event,) = bench.events(SchemaChanged)
    assert event.decode(SchemaChanged).changed == ("n", "d")
    (held,) = lake.quarantine(load.id).items
    assert held.reasons == ("f: '3000000000' is not int32",)
    lake.write("t", arrow(k=pa.array([9], pa.int64()), n=pa.array([1], pa.int64())), mode=Mode.MERGE)
    assert types(lake)["k"] == "int64"
    assert types(lake, at="1")["n"] == "int32"
    assert len(read(lake, "t", at="1")) == 2
    assert lake.diff("t", "1").added == 2


def test_documents_bring_their_columns_however_late_they_come(lake: Lake) -> None:
    lake.set_schema_policy("t", EVOLVE, columns={"secret": DISCARD})
    lines = [json.dumps({"id": n}) for n in range(3000)] + ['{"id": 3000, "late": "x", "secret": 1}', "broken"]
    load = lake.load("t", ["\n".join(lines).encode()], source="x.jsonl")
    assert (load.rows_loaded, load.rows_quarantined) == (3001, 1)
    assert types(lake) == {"id": "int64", "late": "string"}
    lake.push("t", [b'[{"id": 1, "when": "2026-01-01"}, {"id": 2, "share": 0.5, "code": "007", "secret": 2}]'])
    (flushed,) = lake.flush("t")
    assert (flushed.rows_loaded, flushed.rows_quarantined) == (2, 0)
    assert types(lake) == {"id": "int64", "late": "string", "when": "date", "share": "float64", "code": "string"}


def test_a_row_that_was_held_for_its_column_comes_in_once_the_table_lets_it(lake: Lake) -> None:
    lake.load("t", [b"id\n1\n"])
    load = lake.load("t", [b'{"id": 2, "more": 5, "odd": 1}\n{"id": 3}\n'], source="x.jsonl")
    assert load.rows_quarantined == 1
    assert lake.replay(load.id).rows_quarantined == 1
    lake.set_schema_policy("t", DISCARD, columns={"more": EVOLVE})
    again = lake.replay(load.id)
    assert (again.rows_loaded, again.notes[0]) == (1, "added column more (int64)")
    assert sorted((row["id"], row["more"]) for row in read(lake, "t") if row["more"]) == [(2, 5)]


def test_a_source_that_grows_fills_a_table_that_grows(lake: Lake, tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.db")
    shop.add([1, 2])
    lake.declare_source(
        "o", shop.address, "t", stream="orders", mode=PullMode.INCREMENTAL, cursor="id", keys=("id",),
        drawing=Drawing(schema=Declared(columns=(
            Column(name="id", type="int32"), Column(name="at", type="timestamp"), Column(name="note", type="string"),
            Column(name="price", type="float32"),
        ))),
    )  # fmt: skip
    lake.pull("o")
    shop.run("ALTER TABLE orders ADD COLUMN zone TEXT", "INSERT INTO orders VALUES (5, NULL, 'z', 0.25, 'north')")
    with pytest.raises(InvalidInput, match="zone"):
        lake.pull("o")
    lake.set_schema_policy("t", EVOLVE)
    pulled = lake.pull("o")
    assert (pulled.rows_loaded, pulled.after) == (1, "5")
    assert types(lake) == {"id": "int64", "at": "timestamp", "note": "string", "price": "float64", "zone": "string"}
    assert {row["id"]: row["zone"] for row in read(lake, "t")} == {1: None, 2: None, 5: "north"}
    assert lake.pull("o").loads == ()


def test_later_entries_of_a_stream_bring_columns_that_the_first_thousand_lack(lake: Lake) -> None:
    import redis

    with redis_server() as address:
        path = address.removeprefix("unix://")
        with redis.Redis(unix_socket_path=path) as client, client.pipeline() as pipe:
            for n in range(1500):
                pipe.xadd("s", {"id": n})
            pipe.xadd("s", {"id": 1500, "zone": "north"})
            pipe.xadd("s", {"id": 1501, "noise": "x"})
            pipe.xadd("s", {"id": 1502, "banned": "x"})
            pipe.execute()
        lake.set_schema_policy("t", EVOLVE, columns={"noise": DISCARD, "banned": FREEZE})
        lake.declare_source("r", f"redis+unix://{path}", "t", stream="s")
        pulled = lake.pull("r")
    assert (pulled.rows_loaded, pulled.rows_quarantined) == (1502, 1)
    assert types(lake) == {"id": "int64", "zone": "string"}
    assert [row["id"] for row in read(lake, "t") if row["zone"]] == [1500]


def test_a_policy_is_said_before_its_table_and_goes_with_it(lake: Lake) -> None:
    assert lake.schema_policy("t").policy is FREEZE
    lake.set_schema_policy("t", EVOLVE, columns={"debug": DISCARD})
    lake.load("t", [b"id,debug\n1,x\n"])
    assert types(lake) == {"id": "int64"}
    lake.create_branch("trial")
    lake.load("t", [b"id,more\n2,x\n"], branch="trial")
    assert types(lake) == {"id": "int64"}
    assert types(lake, at="trial") == {"id": "int64", "more": "string"}
    lake.publish("trial")
    assert types(lake) == {"id": "int64", "more": "string"}
    lake.drop("t")
    assert lake.schema_policy("t").policy is FREEZE
