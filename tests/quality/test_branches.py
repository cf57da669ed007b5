"""A contract holds a branch as it holds the main one, with other tables as the branch shows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.quality.api import ColumnRule, Contract, ReferenceRule, RowsRule, Severity, Verdict, VolumeRule
from modelyard.quality.store import MIGRATIONS
from modelyard.testing import Bench
from tests.quality.stand import House, open_house


@pytest.fixture
def house() -> Iterator[House]:
    with Bench([*LAKE, *MIGRATIONS]) as bench, open_house(bench) as made:
        yield made


def test_a_branch_is_checked_with_what_it_shows(house: House) -> None:
    lake, quality = house.lake, house.quality
    lake.load("zones", [b"id\n1\n"])
    lake.load("trips", [b"zone,fare\n1,5\n"])
    quality.declare(
        "trips",
        Contract(
            columns={"fare": ColumnRule(min=0, severity=Severity.WARN)},
            references=(ReferenceRule(columns=("zone",), table="zones", their=("id",)),),
            volume=VolumeRule(grow=1.0),
        ),
    )
    lake.create_branch("next")
    lake.load("zones", [b"id\n2\n"], branch="next")
    load = lake.load("trips", [b"zone,fare\n2,-1\n3,1\n"], branch="next")
    assert (load.rows_loaded, load.rows_quarantined) == (1, 1), "zone 2 stands on the branch, zone 3 nowhere"
    report = quality.check("trips", at="next")
    assert (report.rows, report.verdict) == (2, Verdict.WARNED)
    assert {r.name: r.measured for r in report.results if r.measured} == {"volume: grows by at most 100%": 1.0}
    assert (quality.check("trips").rows, quality.check("trips").verdict) == (1, Verdict.PASSED)
    assert len(b"".join(quality.failing_rows("trips", report.id, "fare: at least 0"))) > 0
    quality.declare("trips", Contract(rows=RowsRule(max=2)))
    with pytest.raises(InvalidInput, match="there are 3"):
        lake.load("trips", [b"zone,fare\n1,1\n"], branch="next")
    assert lake.load("trips", [b"zone,fare\n1,1\n"]).rows_loaded == 1
