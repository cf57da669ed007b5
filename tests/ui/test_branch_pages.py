"""The pages on which a branch is judged, merged and published, and on which moments of the lake are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelyard.app.house import House
from modelyard.lake.api import Declared, Mode
from modelyard.quality.api import Contract, Severity, SqlRule

if TYPE_CHECKING:
    from tests.ui.conftest import Reader

EVIL = "<b onclick=alert(1)>x</b>"
KEYED = Declared(keys=("id",))


def upsert(house: House, table: str, rows: str, branch: str | None = None) -> None:
    text = f"id,v,who\n{rows}\n".encode()
    house.yard().lake.load(table, [text], source=f"{table}.csv", mode=Mode.MERGE, schema=KEYED, branch=branch)


def begin(house: House, branch: str, *tables: str) -> None:
    """Tables of three rows on main, and a branch from there."""
    for table in tables:
        upsert(house, table, "1,1,ana\n2,2,bo\n3,3,cy")
    house.yard().lake.create_branch(branch)


def test_a_branch_says_what_publishing_would_do_and_does_it(house: House, reader: Reader) -> None:
    begin(house, "load", "first")
    upsert(house, "first", "3,30,cy\n4,4,di", "load")
    upsert(house, "second", "9,9,new", "load")
    data = reader.twin("/branches/load")
    assert {m["table"]: (m["fate"], m["added"], m["changed"]) for m in data["moves"]} == {
        "first": ("forward", 1, 1), "second": ("created", 1, 0),
    }  # fmt: skip
    assert ["~", "table first", "@1 → @2, +1 ~1 rows"] in data["plan"] and not data["disputed"]
    page = reader.get("/branches/load").text
    assert "What publishing would do" in page and "What differs from main" in page
    done = reader.fill("/branches/load/publish", into="main", message="november")
    assert done.status_code == 303 and house.yard().lake.table("second").rows == 1
    after = reader.get("/branches/load").text
    assert "It was published" in after and "2 tables published into main" in after
    assert "november" in reader.get("/commits").text


def test_rows_that_both_sides_changed_are_shown_side_by_side_and_decided(house: House, reader: Reader) -> None:
    begin(house, "dispute", "rates")
    upsert(house, "rates", f"1,10,ana\n2,20,{EVIL}", "dispute")
    upsert(house, "rates", "2,22,bo")
    branch = reader.twin("/branches/dispute")
    assert branch["disputed"] and "needs a decision first" in branch["sentence"]
    done = reader.fill("/branches/dispute/merge", into="main")
    assert done.headers["location"] == "/branches/dispute/conflicts/rates?into=main"
    assert "Nothing was changed" in reader.get(done.headers["location"]).text
    (row,) = reader.twin(done.headers["location"])["rows"]
    assert row["key"] == "id 2" and {c["column"]: (c["base"], c["ours"], c["theirs"]) for c in row["cells"]} == {
        "v": ("2", "22", "20"), "who": ("bo", "bo", EVIL),
    }  # fmt: skip
    assert EVIL not in reader.get(done.headers["location"]).text
    assert reader.fill("/branches/dispute/merge", resolve="both").status_code == 422
    assert reader.fill("/branches/dispute/publish", resolve="theirs").status_code == 303
    values = reader.twin("/tables/rates/rows?sort=id")["rows"]["rows"]
    assert [r["cells"][1] for r in values] == [10, 20, 3]


def test_a_protected_branch_is_published_only_with_every_contract_held(house: House, reader: Reader) -> None:
    begin(house, "night", "paid")
    house.yard().quality.declare(
        "paid", Contract(checks=(SqlRule(name="v is small", sql="v < 100", severity=Severity.BLOCK),))
    )
    upsert(house, "paid", "4,4,di", "night")
    assert "Every contract holds" in reader.get(reader.fill("/branches/night/audit").headers["location"]).text
    assert reader.fill("/branches/night/protect", do="on").status_code == 303
    assert "takes rows by publishing alone" in reader.get("/branches/night").text
    assert reader.fill("/branches/night/discard").is_client_error
    assert reader.fill("/branches/night/protect", do="off").status_code == 303


def test_a_moment_of_the_lake_is_named_and_gone_back_to(house: House, reader: Reader) -> None:
    upsert(house, "ledger", "1,1,ana")
    assert reader.fill("/commits/tag", tag="before", branch="main", message=EVIL).status_code == 303
    upsert(house, "ledger", "1,9,ana\n2,2,bo")
    page = reader.get("/commits").text
    assert "before" in page and EVIL not in page
    assert reader.fill("/commits/tags/before/restore", branch="main", reason="wrong month").status_code == 303
    assert house.yard().lake.table("ledger").rows == 1
    assert reader.fill("/commits/tags/before/remove").status_code == 303
    assert "No tag yet" in reader.get("/commits").text


@pytest.mark.parametrize("path", ["/branches/nothing", "/branches/main/conflicts/nothing", "/commits/nothing"])
def test_a_branch_that_is_not_there_is_a_designed_page(reader: Reader, path: str) -> None:
    assert reader.get(path).status_code == 404
