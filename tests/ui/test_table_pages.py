"""The pages of a table over a real house: history, what columns hold, contract, quarantine and its ways out, loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.quality.api import Contract, SqlRule
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

EVIL = "<img src=x onerror=alert(1)>"
HEAD = "trip,company,fare,at\n"


def lines(first: int, last: int) -> bytes:
    rows = (f"{i},{('Flash', 'Blue')[i % 2]},{i * 1.5},2026-05-{1 + i % 28:02d}T08:00:00Z" for i in range(first, last))
    return "\n".join(rows).encode()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("pages"))))
    lake = made.yard().lake
    lake.load("trips", [HEAD.encode(), lines(0, 300)], source="trips.csv", message="the first month")
    lake.load("trips", [HEAD.encode(), lines(300, 400), f"\n500,{EVIL},oops,nonsense\n".encode()], source="more.csv")
    rule = SqlRule(name="fare is paid", sql="fare < 10000")
    made.yard().quality.declare("trips", Contract(checks=(rule,)))
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test", follow_redirects=False)
    house.owner()
    link = house.yard().governance.sign_in_link()
    assert made.post("/sign-in", data={"code": link.code}).status_code == 303
    made.headers.update({"accept": "text/html"})
    return made


def twin(client: TestClient, path: str) -> dict[str, Any]:
    head, _, query = path.partition("?")
    answer = client.get(f"{head}.json" + (f"?{query}" if query else ""), headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    return data


def csrf(client: TestClient) -> str:
    return client.get("/tables").text.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def test_a_table_shows_history_profile_contract_quarantine_and_loads_at_once(client: TestClient) -> None:
    page = client.get("/tables/trips").text
    for words in ("History", "the first month", "fare is paid", "oops", "more.csv", 'class="hist"'):
        assert words in page, words
    data = twin(client, "/tables/trips")
    assert [(s["version"], s["added"], s["here"]) for s in data["history"]] == [(2, 100, True), (1, 300, False)]
    heads = {c["key"]: c["sketch"] for c in data["preview"]["columns"]}
    assert len(heads["fare"]["bars"]) > 1 and [name for name, _ in heads["company"]["shares"]] == ["Blue", "Flash"]
    assert data["held"][0]["reasons"] and "oops" in data["held"][0]["raw"]


def test_what_a_source_wrote_is_never_markup(client: TestClient) -> None:
    for path in ("/tables/trips", "/tables/trips/quarantine"):
        page = client.get(path).text
        assert EVIL not in page and "&lt;img src=x" in page, path


def test_an_older_version_says_so_and_shows_its_own_rows(client: TestClient) -> None:
    assert "an older version" in client.get("/tables/trips?version=1").text
    assert twin(client, "/tables/trips?version=1")["preview"]["total"] == 300


def test_rows_are_sorted_filtered_and_windowed(client: TestClient) -> None:
    first = twin(client, "/tables/trips/rows?sort=-fare&where=fare+%3E+300")
    assert first["rows"]["rows"][0]["cells"][0] == 399 and first["rows"]["total"] == 199
    assert first["rows"]["next"] == "60" and "where=fare" in first["rows"]["source"]
    window = client.get(first["rows"]["source"] + "&after=60").json()
    assert window["rows"][0]["cells"][0] == 339 and "next" not in window
    page = client.get("/tables/trips/rows?sort=fare").text
    assert 'aria-sort="ascending"' in page and "sort=-fare" in page


def test_a_filter_that_finds_nothing_or_cannot_be_read_keeps_its_text(client: TestClient) -> None:
    none = client.get("/tables/trips/rows?where=fare+%3C+0")
    assert none.status_code == 200 and "No row meets the filter" in none.text and "Clear all" in none.text
    wrong = client.get("/tables/trips/rows?where=fare+%3E+%3E+3")
    assert wrong.status_code == 200 and "no condition" in wrong.text and 'value="fare &gt; &gt; 3"' in wrong.text


def test_columns_say_what_they_hold(client: TestClient) -> None:
    columns = {c["name"]: c for c in twin(client, "/tables/trips/columns")["columns"]}
    assert dict(columns["fare"]["facts"])["nulls"] == "none" and columns["fare"]["sketch"]["bars"]
    assert [part[0] for part in columns["company"]["parts"]] == ["Blue", "Flash"]
    assert "mean" not in dict(columns["at"]["facts"])


def test_a_contract_is_shown_as_lines_checked_and_declared_anew(client: TestClient) -> None:
    said = twin(client, "/tables/trips/contract")
    assert '{name: "fare is paid", sql: "fare < 10000"}' in said["text"] and not said["suggested"]
    token = csrf(client)
    done = client.post("/tables/trips/check", data={"csrf": token})
    assert (done.status_code, done.headers["location"]) == (303, "/tables/trips")
    report = twin(client, "/tables/trips")["contract"]
    assert report["kept"] == ["fare is paid"] and report["report"]
    assert "fare is paid" in client.get(f"/quality/{report['report']}").text
    text = said["text"].replace("10000", "20000")
    assert client.post("/tables/trips/contract/declare", data={"csrf": token, "text": text}).status_code == 303
    assert twin(client, "/tables/trips/contract")["contract"]["version"] == 2
    wrong = client.post("/tables/trips/contract/declare", data={"csrf": token, "text": "columns: ["})
    assert wrong.status_code == 422 or wrong.status_code == 400


def test_a_table_without_a_contract_is_offered_one(house: House, client: TestClient) -> None:
    house.yard().lake.load("zones", [b"zone,name\n1,north\n2,south\n"], source="zones.csv")
    said = twin(client, "/tables/zones/contract")
    assert said["suggested"] and "zone:" in said["text"]
    done = client.post("/tables/zones/contract/declare", data={"csrf": csrf(client), "text": said["text"]})
    assert done.status_code == 303
    assert not twin(client, "/tables/zones/contract")["suggested"]


def test_held_rows_are_mended_replayed_or_given_up_with_a_reason(house: House, client: TestClient) -> None:
    content = (
        HEAD.encode()
        + b"1,Flash,x,2026-05-01T08:00:00Z\n2,Blue,y,2026-05-02T08:00:00Z\n3,Blue,2.5,2026-05-03T08:00:00Z\n"
    )
    house.yard().lake.load("fares", [HEAD.encode(), lines(10, 30)], source="good.csv")
    load = house.yard().lake.load("fares", [content], source="bad.csv")
    road, token = f"/loads/{load.id}/settle", csrf(client)
    held = twin(client, "/tables/fares/quarantine")
    assert [row["row"] for row in held["rows"]] == [1, 2] and held["current"]["source"] == "bad.csv"
    nothing = client.post(road, data={"csrf": token, "do": "replay", "raw-1": held["rows"][0]["raw"]})
    assert nothing.status_code in (400, 422) and "row was chosen or changed" in nothing.text
    mended = held["rows"][0]["raw"].replace(",x,", ",1.5,")
    assert client.post(road, data={"csrf": token, "do": "replay", "raw-1": mended}).status_code == 303
    assert house.yard().lake.table("fares").rows == 22
    unsaid = client.post(road, data={"csrf": token, "do": "drop", "pick-2": "on", "reason": " "})
    assert unsaid.status_code in (400, 422)
    assert client.post(road, data={"csrf": token, "do": "drop", "pick-2": "on", "reason": "a test"}).status_code == 303
    assert house.yard().lake.load_record(load.id).held == 0
    assert "No row is held" in client.get("/tables/fares/quarantine").text


def test_a_load_says_where_its_rows_went_and_gives_its_source_back(house: House, client: TestClient) -> None:
    load = next(one for one in house.yard().lake.loads(table="trips").items if one.source == "more.csv")
    page = client.get(f"/loads/{load.id}").text
    for words in ("101 rows in: 100 loaded, 1 held back", "rows each second", "delimiter", "Source as it came"):
        assert words in page, words
    assert client.get("/loads").text.count("more.csv") == 1
    assert client.get("/loads/load_00000000000000000000000000").status_code == 404
