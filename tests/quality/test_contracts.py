"""Contracts are declared, kept in versions, and hold every load to what they say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import Column, Declared, LoadState, Mend, Mode
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.quality.api import (
    ChecksRan,
    ColumnRule,
    Contract,
    FreshnessRule,
    RowsRule,
    Severity,
    SqlRule,
    UniqueRule,
    Verdict,
    VolumeRule,
)
from modelyard.quality.reactions import reactions
from modelyard.quality.store import MIGRATIONS
from modelyard.testing import Bench
from tests.lake.stand import read
from tests.quality.stand import House, open_house

TRIPS = Contract(
    columns={
        "id": ColumnRule(type="int64", nullable=False),
        "fare": ColumnRule(type="float64", min=0, max=500),
        "paid": ColumnRule(one_of=("cash", "card"), severity=Severity.WARN),
        "code": ColumnRule(pattern="[A-Z]{2}"),
    },
    unique=(UniqueRule(columns=("id",)),),
    checks=(SqlRule(name="tips are part of the fare", sql="tips <= fare"),),
    rows=RowsRule(min=1),
)
HEAD = b"id,fare,paid,code,tips\n"
GOOD = HEAD + b"1,10.5,cash,AB,1\n2,20,card,CD,2\n"


@pytest.fixture
def house() -> Iterator[House]:
    with Bench([*LAKE, *MIGRATIONS]) as bench, open_house(bench) as made:
        yield made


def test_rows_that_break_a_contract_go_to_quarantine_with_reasons(house: House) -> None:
    house.lake.load("trips", [GOOD])
    house.quality.declare("trips", TRIPS)
    rows = b"3,-1,cash,AB,0\n4,5,barter,AB,1\n5,5,cash,abc,9\n6,,cash,,\n1,1,cash,AB,0\n7,1,cash,AB,0\n7,2,card,AB,0\n"
    load = house.lake.load("trips", [HEAD + rows], source="b.csv")
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (7, 3, 4)
    held = {row.row: row.reasons for row in house.lake.quarantine(load.id).items}
    assert held[1] == ("fare: -1.0 is not 0 to 500", "breaks 'tips are part of the fare'")
    assert held[3] == ("code: abc is not like [A-Z]{2}", "breaks 'tips are part of the fare'")
    assert held[5] == held[7] == ("id: a row with the same key came before",)
    assert load.notes == ("paid: one of cash, card: 1 rows break it",)
    assert [row["id"] for row in read(house.lake, "trips")] == [1, 2, 4, 6, 7]
    (report,) = house.quality.reports(table="trips").items
    assert (report.verdict, report.rows, report.rejected) == (Verdict.QUARANTINED, 7, 4)
    assert house.bench.events(ChecksRan)[0].writes == (f"report:{report.id}",)


def test_a_mended_row_is_held_to_the_contract_again(house: House) -> None:
    house.lake.load("trips", [GOOD])
    house.quality.declare("trips", TRIPS)
    load = house.lake.load("trips", [HEAD + b"3,-1,cash,AB,0\n4,900,cash,AB,0\n"])
    again = house.lake.replay(load.id, mends=(Mend(row=1, raw="3,1,cash,AB,0"), Mend(row=2, raw="4,800,cash,AB,0")))
    assert (again.rows_loaded, again.rows_quarantined) == (1, 1)
    assert house.lake.table("trips").rows == 3
    house.quality.declare("trips", Contract(columns={"fare": ColumnRule(min=0, max=1000)}))
    assert house.lake.replay(load.id).rows_loaded == 1
    assert house.lake.load_record(load.id).held == 0


def test_a_blocking_check_takes_nothing(house: House) -> None:
    contract = Contract(columns={"id": ColumnRule(nullable=False, severity=Severity.BLOCK)}, rows=RowsRule(min=2))
    house.lake.load("trips", [GOOD])
    house.quality.declare("trips", contract)
    with pytest.raises(InvalidInput, match="id: present: 1 rows break it"):
        house.lake.load("trips", [HEAD + b",1,cash,AB,0\n"])
    with pytest.raises(InvalidInput, match="rows: at least 2"):
        house.lake.load("trips", [HEAD], mode=Mode.OVERWRITE)
    assert house.lake.table("trips").rows == 2
    assert [load.state for load in house.lake.loads().items] == [LoadState.REFUSED, LoadState.REFUSED, LoadState.DONE]


def test_a_column_of_another_type_blocks(house: House) -> None:
    house.quality.declare("trips", Contract(columns={"fare": ColumnRule(type="float64"), "gone": ColumnRule()}))
    with pytest.raises(
        InvalidInput, match=r"fare: a column: it is string.*gone: a column: there is no column 'gone'; there are fare"
    ):
        house.lake.load("trips", [b"fare\nx\ny\n"])
    with pytest.raises(NotFound):
        house.lake.table("trips")


def test_checking_a_version_names_sample_keys(house: House) -> None:
    columns = tuple(Column(name=n, type=t) for n, t in (("id", "int64"), ("fare", "float64")))
    house.lake.load("t", [b"id,fare\n1,5\n2,-3\n2,7\n"], schema=Declared(columns=columns, keys=("id",)))
    with pytest.raises(NotFound, match="no contract"):
        house.quality.check("t")
    house.quality.declare("t", Contract(columns={"fare": ColumnRule(min=0)}, unique=(UniqueRule(columns=("id",)),)))
    report = house.quality.check("t")
    fare, unique = report.results
    assert (fare.failed, fare.samples, round(fare.share, 2)) == (1, ("id=2",), 0.33)
    assert unique.failed == 1
    assert report.about == house.lake.table("t").ref
    assert house.quality.report(report.id) == report


def test_contracts_have_versions_and_equal_ones_make_none(house: House) -> None:
    first = house.quality.declare("t", Contract(columns={"a": ColumnRule(min=1)}))
    assert house.quality.declare("t", Contract(columns={"a": ColumnRule(min=1)})) == first
    text = "columns:\n  a: {type: int64, min: 2, severity: warn}\nchecks:\n- {name: odd, sql: a % 2 = 1}\n"
    second = house.quality.declare_text("t", text)
    assert (first.version, second.version, second.contract.columns["a"].min) == (1, 2, 2)
    assert house.quality.contract("t", version=1) == first
    assert house.quality.contracts().items == [second]


@pytest.mark.parametrize(
    "text",
    [
        "columns: {a: {min: 5, max: 1}}",
        "columns: {a: {colour: red}}",
        "columns: {a: {min: x, max: 1}}",
        "- nonsense",
        "columns: {a: {type: int64}}\nchecks: [{name: x, sql: 'nobody > 1'}]",
        "columns: {a: {type: int64}}\nchecks: [{name: x, sql: '1=1) from new_rows; drop table x; --'}]",
        "columns: {a: {type: int64}}\nchecks: [{name: x, sql: \"a in (select 1 from read_csv('/etc/passwd'))\"}]",
        "columns: {a: {type: int64, pattern: '('}}",
    ],
)
def test_a_contract_that_cannot_work_is_refused_when_declared(house: House, text: str) -> None:
    with pytest.raises(InvalidInput):
        house.quality.declare_text("t", text)
    assert house.quality.contracts().items == []


def test_a_suggested_contract_holds_for_the_rows_it_came_from(house: House) -> None:
    rows = b"".join(b"%d,%d,%s\n" % (n, n % 7, b"ab"[n % 2 : n % 2 + 1]) for n in range(200))
    house.lake.load("t", [b"trip_id,n,kind\n" + rows])
    contract = house.quality.suggest("t")
    assert contract.columns["kind"].one_of == ("a", "b")
    assert contract.columns["n"].min == 0
    assert contract.unique == (UniqueRule(columns=("trip_id",)),)
    house.quality.declare("t", contract)
    assert house.quality.check("t").verdict is Verdict.PASSED


def test_a_suggestion_leaves_room_and_goes_by_how_the_table_grew(house: House) -> None:
    head = b"ride,fare,kind,at,note\n"
    kinds = {"ride": "int64", "fare": "float64", "kind": "string", "at": "timestamp", "note": "string"}
    columns = tuple(Column(name=name, type=kind) for name, kind in kinds.items())
    for day in range(4):
        now = house.bench.clock.now().isoformat()
        rows = "".join(
            f"{day * 100 + n},{5 + n % 40:.1f},{'ab'[n % 2]},{now},{'x' * (n % 9 + 1)}\n" for n in range(100)
        ).encode()
        house.lake.load("t", [head + rows], schema=Declared(columns=columns) if day == 0 else None)
        house.bench.clock.advance(timedelta(days=1))
    contract = house.quality.suggest("t")
    assert contract.unique == (UniqueRule(columns=("ride",)),), "a key is what repeats nothing, whatever its name"
    assert (contract.columns["fare"].min, contract.columns["fare"].max) == (0, 53.8)
    assert (contract.columns["ride"].min, contract.columns["ride"].max) == (0, None)
    assert contract.columns["kind"].one_of == ("a", "b")
    assert contract.columns["note"].one_of == tuple("x" * n for n in range(1, 10))
    assert contract.freshness == (FreshnessRule(column="at", max_age="3d"),)
    assert contract.volume == VolumeRule(shrink=0.0, grow=2.0)
    house.quality.declare("t", contract)
    assert house.quality.check("t").verdict is Verdict.PASSED


def test_reports_forget_samples_after_an_erasure(house: House) -> None:
    columns = (Column(name="who", type="string"), Column(name="n", type="int64"))
    house.lake.load("t", [b"who,n\nada,1\nbob,2\n"], schema=Declared(columns=columns, keys=("who",)))
    house.quality.declare("t", Contract(columns={"n": ColumnRule(min=5)}))
    report = house.quality.check("t")
    assert report.results[0].samples == ("who=ada", "who=bob")
    house.lake.erase("t", "who", ("ada",))
    house.bench.deliver(*reactions(house.service))
    assert house.quality.report(report.id).results[0].samples == ()
    assert house.quality.report(report.id).results[0].failed == 2
