"""The pages of views, training sets and flows over a real house."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.features.api import Aggregate, Feature, Key, Labels, Selected, TrainingSpec, ViewSpec
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

ROWS = b"trip,company,fare,at\n" + b"\n".join(
    f"{i},{('Flash', 'Blue')[i % 2]},{i * 1.5},2026-05-{1 + i % 28:02d}T08:00:00Z".encode() for i in range(100)
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("pages"))))
    yard = made.yard()
    yard.lake.load("trips", [ROWS], source="trips.csv")
    yard.features.define_entity("company", (Key(name="company"),))
    fare = Feature(name="mean_fare", expression="fare", aggregate=Aggregate.MEAN, window_s=7 * 86_400)
    yard.features.define_view(
        "by_company", ViewSpec(entity="company", source="trips", event_time="at", features=(fare,))
    )
    labels = Labels(table="trips", time="at", columns=(Selected(name="dear", expression="fare > 50"),))
    yard.features.build_training_set("dear_training", TrainingSpec(labels=labels, views=("by_company",)))
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test", follow_redirects=False)
    house.owner()
    token = Path(house.settings.home_path, "state", "owner.token").read_text().strip()
    made.headers.update({"authorization": f"Bearer {token}", "accept": "text/html"})
    return made


def test_a_view_shows_its_features_and_answers_for_one_entity(house: House, client: TestClient) -> None:
    house.yard().features.materialise("by_company")
    page = client.get("/features/by_company").text
    for words in ("mean_fare", "7 d", "2 entities online", "dear_training", "Nobody was asked for"):
        assert words in page, words
    answer = client.get("/features/by_company.json?key.company=Flash").json()
    assert answer["online"]["rows"][0]["cells"][0] == "mean_fare" and answer["fault"] == ""
    assert client.get("/features/nothing").status_code == 404


def test_a_training_set_says_what_was_known_and_where_it_came_from(client: TestClient) -> None:
    data = client.get("/features/sets/dear_training.json").json()
    assert data["set"]["rows"] == 100
    known = data["known"][0]
    assert known["present"] + known["missing"] + known["expired"] == 100
    page = client.get("/features/sets/dear_training").text
    assert "dear = fare &gt; 50" in page and "table:trips@1" in page
    assert client.get("/features/sets/dear_training?version=9").status_code == 404


def test_the_list_links_to_views_sets_and_names_entities(client: TestClient) -> None:
    page = client.get("/features").text
    assert (
        "/features/by_company" in page
        and "/features/sets/dear_training?version=1" in page
        and "company: string" in page
    )


def test_the_map_draws_the_view_from_its_table(client: TestClient) -> None:
    strands = client.get("/home.json").json()["strands"]
    assert {"source": "table:trips", "target": "view:by_company", "tone": ""} in strands


def test_things_are_found_by_name(client: TestClient) -> None:
    found = {f["href"] for f in client.get("/find.json?q=dear").json()["found"]}
    assert "/features/sets/dear_training" in found


def test_an_unknown_flow_is_a_designed_page_and_its_old_address_leads_there(client: TestClient) -> None:
    moved = client.get("/pipelines/night%20ly")
    assert (moved.status_code, moved.headers["location"]) == (303, "/pipelines/flows/night%20ly")
    assert client.get("/pipelines/flows/nightly").status_code == 404
