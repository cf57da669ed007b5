"""The pages that govern, over a real house: lineage, privacy and cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("govern"))))
    made.yard().lake.load("trips", [b"taxi_id,fare\nseven-of-clubs,8.5\nking-of-hearts,3\n"], source="trips.csv")
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test")
    house.owner()
    token = Path(house.settings.home_path, "state", "owner.token").read_text().strip()
    made.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
    return made


def _csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]*)"', client.get("/privacy").text)
    assert found
    return found[1]


def test_lineage_asks_for_a_ref_and_then_draws_what_lies_around_it(client: TestClient) -> None:
    offered = client.get("/lineage").text
    assert "Begin at" in offered and 'data-ref="table:trips@1"' in offered
    page = client.get("/lineage?ref=table:trips")
    assert page.status_code == 200 and 'class="graph"' in page.text and "As a table" in page.text
    data = client.get("/lineage.json?ref=table:trips").json()
    assert data["here"].startswith("table:trips@") and data["things"]["rows"]
    assert client.get("/lineage?ref=nonsense").is_client_error
    assert client.get("/lineage?ref=prediction:pred_0").is_client_error


def test_somebody_is_planned_forgotten_and_the_receipt_shown_without_the_key(client: TestClient) -> None:
    assert client.get("/privacy.json").json()["receipts"]["rows"] == []
    assert "No receipt" in client.get("/privacy").text
    who = {"csrf": _csrf(client), "entity": "taxi_id", "key": "seven-of-clubs"}
    planned = client.post("/privacy/plan", data=who)
    assert planned.status_code == 200 and "Nothing was changed." in planned.text
    assert client.post("/privacy/forget", data=who).is_client_error
    answer = client.post("/privacy/forget", data={**who, "typed": "forget"})
    assert answer.status_code == 200 and "Search afterwards" in answer.text and "rcpt_" in str(answer.url)
    assert "seven-of-clubs" not in answer.text + planned.text
    assert len(client.get("/privacy.json").json()["receipts"]["rows"]) == 1


def test_cost_says_what_was_spent_and_how_budgets_stand(house: House, client: TestClient) -> None:
    assert "No budget" in client.get("/cost").text
    house.yard().cost.set_budget("all", usd=20)
    page = client.get("/cost")
    assert page.status_code == 200 and "refuses flow runs" in page.text
    assert client.get("/cost.json").json()["budgets"]["rows"][0]["key"] == "all"
