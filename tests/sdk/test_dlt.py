"""Sources of dlt: rows and state in one commit, contracts held, dictionaries and Arrow, cut off and repeated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import modelyard
from modelyard.kernel.errors import InvalidInput, StaleVersion
from modelyard.lake.api import Pulled
from modelyard.quality.api import ColumnRule, Contract
from modelyard.sdk.hub import Yard

dlt: Any = pytest.importorskip("dlt", reason="pip install 'modelyard[dlt]'")
DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Shop:
    """A system with orders, of which more come."""

    def __init__(self) -> None:
        self.rows = [self.order(n) for n in range(1, 4)]

    def order(self, n: int, **more: object) -> dict[str, object]:
        return {"id": n, "at": DAY + timedelta(days=n), "price": Decimal("1.50"), "tags": ["a", {"b": n}], **more}


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with modelyard.connect(str(tmp_path / "home")) as yard:
        yield yard


def incremental(shop: Shop, name: str = "orders") -> Any:
    def read(at: Any = dlt.sources.incremental("at", initial_value=DAY)) -> Iterator[object]:  # noqa: B008 - as dlt has it
        yield [row for row in shop.rows if row["at"] >= at.last_value]

    return dlt.resource(read, name=name, write_disposition="append")()


def taken(yard: Yard, table: str) -> list[dict[str, Any]]:
    return sorted(yard.lake.read(table).arrow().to_pylist(), key=lambda row: row["id"])


def only(found: tuple[Pulled, ...]) -> Pulled:
    (one,) = found
    return one


def test_a_resource_goes_on_from_the_state_that_was_kept_with_its_rows(yard: Yard) -> None:
    shop = Shop()
    first = only(yard.lake.load_dlt(incremental(shop)))
    assert (first.rows_loaded, first.source, first.before) == (3, "orders", "")
    (row, *_) = taken(yard, "orders")
    assert (row["id"], row["at"], row["price"]) == (1, DAY + timedelta(days=1), 1.5)
    assert row["tags"] == '["a",{"b":1}]'
    assert yard.lake.load_dlt(incremental(shop)) == ()
    shop.rows += [shop.order(4), shop.order(5)]
    second = only(yard.lake.load_dlt(incremental(shop)))
    assert (second.rows_loaded, second.before) == (2, first.after)
    assert [row["id"] for row in taken(yard, "orders")] == [1, 2, 3, 4, 5]
    assert yard.lake.declared_source("orders").position == second.after
    version = yard.lake.history("orders").items[0]
    assert version.reads == ("source:orders",)
    yard.lake.restore("orders", "1")
    assert only(yard.lake.load_dlt(incremental(shop))).rows_loaded == 2


def test_rows_that_break_the_contract_are_held_and_the_state_goes_on(yard: Yard) -> None:
    shop = Shop()
    shop.rows[1]["id"] = "odd"
    yard.quality.declare("orders", Contract(columns={"id": ColumnRule(type="int64", max=2)}))
    yard.lake.load(
        "orders", [b'{"id": 0, "at": "2025-01-01T00:00:00Z", "price": 1.25, "tags": "x"}\n'], source="x.jsonl"
    )
    pulled = only(yard.lake.load_dlt(incremental(shop)))
    assert (pulled.rows_in, pulled.rows_loaded, pulled.rows_quarantined) == (3, 1, 2)
    held = yard.lake.quarantine(pulled.loads[0].id).items
    assert "not int64" in held[0].reasons[0]
    assert yard.lake.load_dlt(incremental(shop)) == ()


def test_tables_of_arrow_are_merged_by_the_primary_key_and_replaced_where_said(yard: Yard) -> None:
    price = [Decimal("1.50"), Decimal("2.25")]
    frame = pa.table({"id": [1, 2], "price": price, "deep": [{"a": 1}, None], "n": pa.array([1, 2], pa.uint16())})

    def goods() -> Iterator[pa.Table]:
        yield frame
        yield pa.record_batch({"id": [3], "price": price[:1], "n": pa.array([3], pa.uint16())})

    def zones() -> Iterator[pa.Table]:
        yield frame.select(["id"]).slice(0, len(yard.lake.tables().items))

    def both() -> tuple[Any, ...]:
        return (
            dlt.resource(goods, name="goods", primary_key="id", write_disposition="merge"),
            dlt.resource(zones, name="zones", write_disposition="replace"),
        )

    shop = dlt.source(both, name="shop")

    one, two = yard.lake.load_dlt(shop())
    assert [(each.table, each.rows_loaded) for each in (one, two)] == [("goods", 3), ("zones", 1)]
    assert yard.lake.declared_source("goods").address == "dlt://shop/goods"
    assert taken(yard, "goods")[0] == {"id": 1, "price": price[0], "deep": '{"a":1}', "n": 1}
    assert yard.lake.table("goods").keys == ("id",)
    frame = pa.table({"id": [2, 4], "price": price, "deep": [None, None], "n": pa.array([9, 9], pa.uint16())})
    again, zones_again = yard.lake.load_dlt(shop())
    assert (again.rows_loaded, again.rows_unchanged, zones_again.rows_loaded) == (2, 1, 2)
    assert [(row["id"], row["n"]) for row in taken(yard, "goods")] == [(1, 1), (2, 9), (3, 3), (4, 9)]
    assert len(taken(yard, "zones")) == 2


def test_a_resource_that_dies_leaves_nothing_and_is_made_again(yard: Yard) -> None:
    shop, dies = Shop(), True

    def read(at: Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[object]:  # noqa: B008 - as dlt has it
        yield from [row for row in shop.rows if row["id"] >= at.last_value]
        if dies:
            raise OSError("the system went away")

    resource = dlt.resource(read, name="orders")
    with pytest.raises(Exception, match="went away"):
        yard.lake.load_dlt(resource())
    assert yard.lake.tables().items == []
    assert yard.lake.declared_source("orders").position == ""
    dies = False
    assert only(yard.lake.load_dlt(resource())).rows_loaded == 3


def test_a_branch_reads_on_from_where_it_was_cut(yard: Yard) -> None:
    shop = Shop()
    yard.lake.load_dlt(incremental(shop))
    with yard.lake.branch("november") as b:
        shop.rows.append(shop.order(4))
        assert only(b.load_dlt(incremental(shop))).rows_loaded == 1
        assert b.load_dlt(incremental(shop)) == ()
        assert len(taken(yard, "orders")) == 3
    assert len(taken(yard, "orders")) == 4
    assert yard.lake.load_dlt(incremental(shop)) == ()


def test_what_is_no_resource_or_reaches_the_wrong_place_is_refused(yard: Yard) -> None:
    with pytest.raises(InvalidInput, match="no source or resource of dlt"):
        yard.lake.load_dlt([{"id": 1}])
    scd2 = dlt.resource(
        [{"id": 1}], name="r", primary_key="id", write_disposition={"disposition": "merge", "strategy": "scd2"}
    )
    with pytest.raises(InvalidInput, match="scd2"):
        yard.lake.load_dlt(scd2)
    yard.lake.load_dlt(incremental(Shop()))
    with pytest.raises(InvalidInput, match="load_dlt"):
        yard.lake.pull("orders")
    with pytest.raises(StaleVersion, match="read again"):
        yard.lake.give("orders", [b'{"before": "", "after": "x", "format": "jsonl"}\n', b'{"id": 9}\n'])
    with pytest.raises(InvalidInput, match="first line"):
        yard.lake.give("orders", [b'{"before": ""}\n'])
    for address in ("dlt://", "dlt://a/b/c", "dlt://../x"):
        with pytest.raises(InvalidInput):
            yard.lake.declare_source("bad", address, "t")
