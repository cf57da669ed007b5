"""The pages one reads, over a real house: inbox, quality, features and the documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.quality.api import ColumnRule, Contract
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("reading"))))
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test")
    house.owner()
    token = Path(house.settings.home_path, "state", "owner.token").read_text().strip()
    made.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
    return made


def test_features_and_quality_show_the_lines_that_fill_them_when_empty(client: TestClient) -> None:
    assert "No view yet" in client.get("/features").text
    assert client.get("/features.json").json()["views"]["rows"] == []
    assert client.get("/quality?table=nothing").status_code == 200


def test_rows_held_back_stand_in_the_inbox_and_in_a_report(house: House, client: TestClient) -> None:
    house.yard().quality.declare("fares", Contract(columns={"fare": ColumnRule(min=0)}))
    house.yard().lake.load("fares", [b"fare\n8.5\n-3\n"], source="fares.csv")
    assert "row of fares held back" in client.get("/inbox").text
    assert client.get("/inbox.json").json()["needs"]
    page = client.get("/quality")
    assert page.status_code == 200 and "quarantined" in page.text


def test_documents_are_listed_and_rendered_with_html_off(client: TestClient) -> None:
    index = client.get("/docs")
    assert index.status_code == 200 and "/docs/how-to/pipelines" in index.text
    assert "<article" in client.get("/docs/how-to/pipelines.md").text
    assert client.get("/docs/../../pyproject").is_client_error
    assert client.get("/docs/%2e%2e/pyproject").is_client_error
    assert client.get("/docs/how-to/pipelines.json").json()["title"]


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("errors", 'id="not_found"'),
        ("settings", 'id="port"'),
        ("operations", "/docs/reference/lake#"),
        ("lake", "POST"),
    ],
)
def test_the_reference_is_made_with_anchors(client: TestClient, name: str, holds: str) -> None:
    page = client.get(f"/docs/reference/{name}")
    assert page.status_code == 200 and holds in page.text
