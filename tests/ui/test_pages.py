"""The true pages over a real house: empty at first, then with a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

LISTS = ("runs", "pipelines", "models", "proposals", "endpoints", "monitors", "alerts")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("pages"))))
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test")
    house.owner()
    token = Path(house.settings.home_path, "state", "owner.token").read_text().strip()
    made.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
    return made


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_shows_the_lines_that_fill_it(client: TestClient, name: str) -> None:
    answer = client.get(f"/{name}")
    assert answer.status_code == 200 and "These lines fill it." in answer.text
    data = client.get(f"/{name}.json").json()
    assert data["runs" if name == "pipelines" else "table"]["rows"] == []


def test_a_loaded_table_is_listed_and_shown_with_its_rows_history_and_loads(house: House, client: TestClient) -> None:
    house.yard().lake.load("trips", [b"company,fare\nFlash,8.5\nBlue,\n"], source="trips.csv")
    assert "trips" in client.get("/tables").text
    page = client.get("/tables/trips")
    assert page.status_code == 200
    for words in ("Flash", "trips.csv", "History", "null", "/lineage?ref=table:trips@"):
        assert words in page.text
    assert client.get("/tables/trips.json").json()["table"]["rows"] == 2
    assert client.get("/tables/nothing").status_code == 404


def test_home_counts_the_lifecycle_and_tells_what_happened(house: House, client: TestClient) -> None:
    house.yard().lake.load("zones", [b"zone\n1\n"], source="zones.csv")
    data = client.get("/home.json").json()
    assert {s["name"]: s["count"] for s in data["stages"]}["Data"] >= 1
    assert any("table:zones@0" in h["refs"] or "table:zones@1" in h["refs"] for h in data["activity"])
    assert client.get("/").status_code == 200


def test_the_audit_lists_calls_and_a_filter_without_rows_can_be_cleared(client: TestClient) -> None:
    assert client.get("/audit").status_code == 200
    assert "Clear all" in client.get("/audit?outcome=nowhere").text
    assert "Clear all" in client.get("/runs?where=metrics.f1+%3E+9").text
