"""The guide's contract holds every kind of check there is, and a yard takes it."""

from __future__ import annotations

import re

from modelyard.lake.api import Column, Declared
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.quality.api import CheckKind, Contract
from modelyard.quality.store import MIGRATIONS
from modelyard.testing import Bench
from tests.architecture.house import ROOT
from tests.quality.stand import open_house

GUIDE = ROOT / "docs" / "how-to" / "contracts.md"
KINDS = {
    "trip_id": "int64", "fare": "float64", "paid": "string", "note": "string", "code": "string", "at": "timestamp",
    "zone": "int64", "side": "string", "tipped": "bool", "tips": "float64",
}  # fmt: skip
ROWS = b"".join(
    b"%d,%d,cash,ab,AB,2026-05-02T12:00:00Z,1,%s,true,1\n" % (n, n % 9 + 5, (b"north", b"south")[n % 2])
    for n in range(300)
)


def test_the_contract_of_the_guide_is_declared_and_asks_every_kind_of_check() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    columns = tuple(Column(name=name, type=kind) for name, kind in KINDS.items())
    with Bench([*LAKE, *MIGRATIONS]) as bench, open_house(bench) as house:
        house.lake.load("zones", [b"id,open\n1,true\n"])
        house.lake.load("trips", [",".join(KINDS).encode() + b"\n" + ROWS], schema=Declared(columns=columns))
        house.lake.tag("trips", "good")
        made = house.quality.declare_text("trips", text).contract
        report = house.quality.check("trips")
        broken = [result.name for result in report.results if result.note or result.failed]
    assert broken == []
    assert {result.kind for result in report.results} == set(CheckKind) - {CheckKind.COLUMN}
    assert {name for name in Contract.__struct_fields__ if getattr(made, name)} == set(Contract.__struct_fields__)
