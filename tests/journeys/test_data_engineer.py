"""A data engineer's two months: three related tables from Postgres and CSV, on a branch, mended, published, used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.app.house import House
from modelyard.kernel.errors import GateClosed
from modelyard.lake.api import BranchState, Mend, PullMode
from modelyard.quality.api import ColumnRule, Contract, QueryRule, ReferenceRule, Severity
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings

ZONES = "zone,name,rate\n1,Loop,1.5\n2,Lake View,2.5\n"
TRAINING = (
    "select o.amount, z.rate, o.miles from orders o join customers c on o.customer = c.id "
    "join zones z on c.zone = z.zone order by o.id"
)


class Shop:
    """The system that the rows come from."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.run(
            "CREATE TABLE customers (id int PRIMARY KEY, name text, zone int)",
            "CREATE TABLE orders (id int PRIMARY KEY, customer int, miles float8, amount float8, placed timestamptz)",
            "INSERT INTO customers VALUES (1, 'ana', 1), (2, 'bob', 2)",
        )
        self.order(range(1, 41), month=10)
        self.run("UPDATE orders SET amount = -amount WHERE id = 7", "UPDATE orders SET customer = 99 WHERE id = 8")

    def run(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def order(self, ids: range, *, month: int) -> None:
        """Orders whose amount is the rate of their zone and three for each mile, from November on four."""
        rows = []
        for n in ids:
            customer, miles = 1 + n % 2, n % 10
            amount = (1.5, 2.5)[n % 2] + (3 if month == 10 else 4) * miles
            rows.append(f"({n}, {customer}, {miles}, {amount}, '2026-{month}-{1 + n % 28:02d} 08:00+00')")
        self.run(f"INSERT INTO orders VALUES {', '.join(rows)}")


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    house = House(Settings(home=str(tmp_path / "home"), sync="normal", source_folders=("/tmp",)))
    yield house.yard()
    house.close()


def per_mile(yard: Yard, at: str | None = None) -> tuple[int, float]:
    """Rows that a model saw, and what it learnt a mile to cost."""
    from sklearn.linear_model import LinearRegression

    rows: Any = yard.lake.sql(TRAINING, at=at).pandas()
    model = LinearRegression().fit(rows[["rate", "miles"]], rows["amount"])
    return len(rows), round(float(model.coef_[1]), 6)


def declare(yard: Yard, address: str) -> None:
    """The two tables of the shop as sources."""
    for name, mode, cursor in (("customers", PullMode.SNAPSHOT, ""), ("orders", PullMode.INCREMENTAL, "id")):
        yard.lake.declare_source(name, address, name, stream=name, mode=mode, cursor=cursor, keys=("id",))


def test_two_months_from_postgres_and_csv_to_a_model_and_back(
    yard: Yard, postgres_address: str, tmp_path: Path
) -> None:
    lake, quality, shop = yard.lake, yard.quality, Shop(postgres_address)
    zones = tmp_path / "zones.csv"
    zones.write_text(ZONES)
    declare(yard, postgres_address)
    every = QueryRule(name="orders of whole days", sql="SELECT count(*) FROM orders", min=40, severity=Severity.WARN)
    contract = Contract(
        columns={"amount": ColumnRule(min=0)}, queries=(every,),
        references=(ReferenceRule(columns=("customer",), table="customers", their=("id",)),),
    )  # fmt: skip
    with lake.branch("load-2026-10") as b:
        b.load_file("zones", zones)
        assert b.pull("customers").rows_loaded == 2
        quality.declare("orders", contract)
        pulled = b.pull("orders")
        (load,) = pulled.loads
        assert (pulled.rows_in, pulled.rows_loaded, pulled.rows_quarantined) == (40, 38, 2)
        assert any("orders of whole days" in note for note in load.notes)
        held = {row.row: row for row in b.quarantine(load.id).items}
        assert [row.reasons[0].partition(":")[0] for row in held.values()] == ["amount", "customer"]
        mends = tuple(
            Mend(row=place, raw=json.dumps({**(given := json.loads(row.raw)), "amount": abs(given["amount"]),
                                            "customer": 1 + given["id"] % 2}))
            for place, row in held.items()
        )  # fmt: skip
        assert b.replay(load.id, mends=mends).rows_loaded == 2
        assert [each.holds for each in lake.audit("load-2026-10")] == [True, True, True]
        assert lake.tables().items == []
    assert lake.load_record(load.id).held == 0
    assert {t.name: t.rows for t in lake.tables().items} == {"customers": 2, "orders": 40, "zones": 2}
    lake.tag_lake("october")
    assert per_mile(yard, "october") == (40, 3.0)

    shop.order(range(41, 81), month=11)
    shop.run("INSERT INTO customers VALUES (3, 'cy', 3)", "INSERT INTO orders VALUES (81, 3, 1, 9, '2026-11-30')")
    reaching = Contract(references=(ReferenceRule(columns=("zone",), table="zones"),))
    with pytest.raises(GateClosed), lake.branch("load-2026-11") as b:
        b.pull("customers")
        assert b.pull("orders").rows_loaded == 41
        quality.declare("customers", reaching)
    assert lake.branch_record("load-2026-11").state is BranchState.OPEN
    assert per_mile(yard) == (40, 3.0)
    b = lake.on("load-2026-11")
    b.load("zones", [b"zone,name,rate\n3,Uptown,2.0\n"], source="zones-11.csv")
    compared = {move.table: (move.added, move.changed) for move in lake.compare("load-2026-11").tables}
    assert compared == {"customers": (1, 0), "orders": (41, 0), "zones": (1, 0)}
    lake.publish("load-2026-11")
    assert lake.diff("orders", "october").added == 41
    rows, slope = per_mile(yard)
    assert (rows, 3 < slope < 4) == (81, True)
    assert per_mile(yard, "october") == (40, 3.0)

    lake.roll_back("main", "october")
    assert per_mile(yard) == (40, 3.0)
    assert lake.declared_source("orders").position == "40"
    lake.load("zones", [b"zone,name,rate\n3,Uptown,2.0\n"])
    assert (lake.pull("customers").rows_loaded, lake.pull("orders").rows_loaded) == (1, 41)
    assert per_mile(yard) == (rows, slope)
