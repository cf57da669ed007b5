"""The pages of a table over a real house: history, what columns hold, contract, quarantine and its ways out, loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelyard.app.house import House
from modelyard.quality.api import Contract, SqlRule

if TYPE_CHECKING:
    from tests.ui.conftest import Reader

EVIL = "<img src=x onerror=alert(1)>"
HEAD = "trip,company,fare,at\n"


def lines(first: int, last: int) -> bytes:
    rows = (f"{i},{('Flash', 'Blue')[i % 2]},{i * 1.5},2026-05-{1 + i % 28:02d}T08:00:00Z" for i in range(first, last))
    return "\n".join(rows).encode()


@pytest.fixture(scope="module")
def house(bare: House) -> House:
    lake = bare.yard().lake
    lake.load("trips", [HEAD.encode(), lines(0, 300)], source="trips.csv", message="the first month")
    lake.load("trips", [HEAD.encode(), lines(300, 400), f"\n500,{EVIL},oops,nonsense\n".encode()], source="more.csv")
    rule = SqlRule(name="fare is paid", sql="fare < 10000")
    bare.yard().quality.declare("trips", Contract(checks=(rule,)))
    return bare


def test_a_table_shows_history_profile_contract_quarantine_and_loads_at_once(reader: Reader) -> None:
    page = reader.get("/tables/trips").text
    for words in ("History", "the first month", "fare is paid", "oops", "more.csv", 'class="hist"'):
        assert words in page, words
    data = reader.twin("/tables/trips")
    assert [(s["version"], s["added"], s["here"]) for s in data["history"]] == [(2, 100, True), (1, 300, False)]
    heads = {c["key"]: c["sketch"] for c in data["preview"]["columns"]}
    assert len(heads["fare"]["bars"]) > 1 and [name for name, _ in heads["company"]["shares"]] == ["Blue", "Flash"]
    assert data["held"][0]["reasons"] and "oops" in data["held"][0]["raw"]


def test_what_a_source_wrote_is_never_markup(reader: Reader) -> None:
    for path in ("/tables/trips", "/tables/trips/quarantine"):
        page = reader.get(path).text
        assert EVIL not in page and "&lt;img src=x" in page, path


def test_an_older_version_says_so_and_shows_its_own_rows(reader: Reader) -> None:
    assert "an older version" in reader.get("/tables/trips?version=1").text
    assert reader.twin("/tables/trips?version=1")["preview"]["total"] == 300


def test_rows_are_sorted_filtered_and_windowed(reader: Reader) -> None:
    first = reader.twin("/tables/trips/rows?sort=-fare&where=fare+%3E+300")
    assert first["rows"]["rows"][0]["cells"][0] == 399 and first["rows"]["total"] == 199
    assert first["rows"]["next"] == "60" and "where=fare" in first["rows"]["source"]
    window = reader.get(first["rows"]["source"] + "&after=60").json()
    assert window["rows"][0]["cells"][0] == 339 and "next" not in window
    page = reader.get("/tables/trips/rows?sort=fare").text
    assert 'aria-sort="ascending"' in page and "sort=-fare" in page


def test_a_filter_that_finds_nothing_or_cannot_be_read_keeps_its_text(reader: Reader) -> None:
    none = reader.get("/tables/trips/rows?where=fare+%3C+0")
    assert none.status_code == 200 and "No row meets the filter" in none.text and "Clear all" in none.text
    wrong = reader.get("/tables/trips/rows?where=fare+%3E+%3E+3")
    assert wrong.status_code == 200 and "no condition" in wrong.text and 'value="fare &gt; &gt; 3"' in wrong.text


def test_columns_say_what_they_hold(reader: Reader) -> None:
    columns = {c["name"]: c for c in reader.twin("/tables/trips/columns")["columns"]}
    assert dict(columns["fare"]["facts"])["nulls"] == "none" and columns["fare"]["sketch"]["bars"]
    assert [part[0] for part in columns["company"]["parts"]] == ["Blue", "Flash"]
    assert "mean" not in dict(columns["at"]["facts"])


def test_a_contract_is_shown_as_lines_checked_and_declared_anew(reader: Reader) -> None:
    said = reader.twin("/tables/trips/contract")
    assert '{name: "fare is paid", sql: "fare < 10000"}' in said["text"] and not said["suggested"]
    done = reader.fill("/tables/trips/check")
    assert (done.status_code, done.headers["location"]) == (303, "/tables/trips")
    report = reader.twin("/tables/trips")["contract"]
    assert report["kept"] == ["fare is paid"] and report["report"]
    assert "fare is paid" in reader.get(f"/quality/{report['report']}").text
    text = said["text"].replace("10000", "20000")
    assert reader.fill("/tables/trips/contract/declare", text=text).status_code == 303
    assert reader.twin("/tables/trips/contract")["contract"]["version"] == 2
    wrong = reader.fill("/tables/trips/contract/declare", text="columns: [")
    assert wrong.status_code == 422 or wrong.status_code == 400


def test_a_table_without_a_contract_is_offered_one(house: House, reader: Reader) -> None:
    house.yard().lake.load("zones", [b"zone,name\n1,north\n2,south\n"], source="zones.csv")
    said = reader.twin("/tables/zones/contract")
    assert said["suggested"] and "zone:" in said["text"]
    done = reader.fill("/tables/zones/contract/declare", text=said["text"])
    assert done.status_code == 303
    assert not reader.twin("/tables/zones/contract")["suggested"]


def test_held_rows_are_mended_replayed_or_given_up_with_a_reason(house: House, reader: Reader) -> None:
    content = (
        HEAD.encode()
        + b"1,Flash,x,2026-05-01T08:00:00Z\n2,Blue,y,2026-05-02T08:00:00Z\n3,Blue,2.5,2026-05-03T08:00:00Z\n"
    )
    house.yard().lake.load("fares", [HEAD.encode(), lines(10, 30)], source="good.csv")
    load = house.yard().lake.load("fares", [content], source="bad.csv")
    road = f"/loads/{load.id}/settle"
    held = reader.twin("/tables/fares/quarantine")
    assert [row["row"] for row in held["rows"]] == [1, 2] and held["current"]["source"] == "bad.csv"
    nothing = reader.fill(road, **{"do": "replay", "raw-1": held["rows"][0]["raw"]})
    assert nothing.status_code in (400, 422) and "row was chosen or changed" in nothing.text
    mended = held["rows"][0]["raw"].replace(",x,", ",1.5,")
    assert reader.fill(road, **{"do": "replay", "raw-1": mended}).status_code == 303
    assert house.yard().lake.table("fares").rows == 22
    unsaid = reader.fill(road, **{"do": "drop", "pick-2": "on", "reason": " "})
    assert unsaid.status_code in (400, 422)
    assert reader.fill(road, **{"do": "drop", "pick-2": "on", "reason": "a test"}).status_code == 303
    assert house.yard().lake.load_record(load.id).held == 0
    assert "No row is held" in reader.get("/tables/fares/quarantine").text


def test_a_load_says_where_its_rows_went_and_gives_its_source_back(house: House, reader: Reader) -> None:
    load = next(one for one in house.yard().lake.loads(table="trips").items if one.source == "more.csv")
    page = reader.get(f"/loads/{load.id}").text
    for words in ("101 rows in: 100 loaded, 1 held back", "rows each second", "delimiter", "Source as it came"):
        assert words in page, words
    assert reader.get("/loads").text.count("more.csv") == 1
    assert reader.get("/loads/load_00000000000000000000000000").status_code == 404
