"""A data engineer's month: load on a branch, mend what the contract refuses, publish, tag, load on, roll back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelyard
from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.kernel.errors import Conflict, GateClosed, NotFound
from modelyard.lake.api import BranchState, Column, Declared, Fate, Mend, Mode
from modelyard.quality.api import ColumnRule, Contract, ReportId, Severity, UniqueRule, Verdict
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings


@pytest.fixture(params=["embedded", "remote"])
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    house = House(Settings(home=str(tmp_path / "home"), port=0, sync="normal"))
    if request.param == "embedded":
        yield house.yard()
        house.close()
        return
    house.owner()
    token = (tmp_path / "home" / "state" / "owner.token").read_text().strip()
    control, ready = Control(house), threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(30)
        with modelyard.connect(control.address, token=token) as made:
            yield made
    finally:
        control.stop()
        thread.join(15)


TRIPS = Declared(
    columns=(Column(name="id", type="int64"), Column(name="zone", type="int64"), Column(name="fare", type="float64")),
    keys=("id",),
)


def csv(*lines: str) -> list[bytes]:
    return ["\n".join(("id,zone,fare", *lines)).encode() + b"\n"]


def test_a_month_on_branches(yard: Yard) -> None:
    lake, quality = yard.lake, yard.quality
    quality.declare(
        "trips",
        Contract(
            columns={"fare": ColumnRule(min=0), "zone": ColumnRule(nullable=False)},
            unique=(UniqueRule(columns=("id",), severity=Severity.BLOCK),),
        ),
    )

    with lake.branch("load-2026-10") as b:
        first = b.load("trips", csv("1,1,5.5", "2,2,-3", "3,1,7"), schema=TRIPS)
        b.write("zones", [{"zone": 1, "name": "Loop"}, {"zone": 2, "name": "Lake View"}])
        assert (first.rows_loaded, first.held) == (2, 1)
        with pytest.raises(NotFound):
            lake.table("trips")
        replayed = b.replay(first.id, mends=(Mend(row=2, raw="2,2,3"),))
        assert (replayed.branch, replayed.rows_loaded) == ("load-2026-10", 1)
        assert b.table("trips").rows == 3
    assert lake.branch_record("load-2026-10").state is BranchState.PUBLISHED
    assert (lake.table("trips").rows, lake.table("zones").rows) == (3, 2)
    lake.protect("main")
    with pytest.raises(Conflict, match="protected"):
        lake.load("trips", csv("9,9,9"))
    lake.tag_lake("trained-on")

    quality.declare("trips", Contract(columns={"fare": ColumnRule(min=0)}))
    with pytest.raises(GateClosed, match=r"load-2026-11.*report:report_") as refused, lake.branch("load-2026-11") as b:
        b.load("trips", csv("4,1,4", "1,1,6"), mode=Mode.MERGE)
        b.write("zones", [{"zone": 3, "name": "Uptown"}])
        quality.declare("trips", Contract(columns={"fare": ColumnRule(max=6.5)}))
    assert lake.branch_record("load-2026-11").state is BranchState.OPEN
    told = refused.value.detail.partition("report:")[2]
    report = quality.report(ReportId(told.split()[0].rstrip(".")))
    assert (report.table, report.verdict) == ("trips", Verdict.QUARANTINED)
    assert (lake.table("trips").rows, lake.table("zones").rows) == (3, 2)

    b = lake.on("load-2026-11")
    assert [(f.table, f.holds) for f in lake.audit("load-2026-11")] == [("trips", False), ("zones", True)]
    b.load("trips", csv("3,1,6.5"), mode=Mode.MERGE)
    compared = {move.table: move for move in lake.compare("load-2026-11").tables}
    assert (compared["trips"].added, compared["trips"].changed, compared["zones"].added) == (1, 2, 1)
    assert {r.key["id"] for r in b.diff("trips", "main").rows} == {1, 3, 4}
    done = lake.publish("load-2026-11")
    assert {m.table: m.fate for m in done.tables} == {"trips": Fate.FORWARD, "zones": Fate.FORWARD}
    assert [m.report is not None for m in done.tables] == [True, False]

    count = "select (select count(*) from trips) as trips, (select count(*) from zones) as zones"
    assert lake.sql(count).arrow().to_pylist() == [{"trips": 4, "zones": 3}]
    assert lake.sql(count, at="trained-on").arrow().to_pylist() == [{"trips": 3, "zones": 2}]
    lake.protect("main", protected=False)
    lake.roll_back("main", "trained-on")
    assert lake.sql(count).arrow().to_pylist() == [{"trips": 3, "zones": 2}]
    assert [v.operation for v in lake.history("trips").items] == ["restore", "publish", "publish"]


def test_a_block_that_raises_keeps_its_branch_and_shows_nobody(yard: Yard) -> None:
    with pytest.raises(ZeroDivisionError), yard.lake.branch("half") as b:
        b.load("t", [b"id\n1\n"])
        raise ZeroDivisionError
    assert yard.lake.branch_record("half").state is BranchState.OPEN
    assert yard.lake.tables().items == []
    assert yard.lake.on("half").table("t").rows == 1
