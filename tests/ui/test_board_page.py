"""The page of runs over a real house: filter, order, columns, pins, groups and views, all in the address."""

from __future__ import annotations

import gzip
import json

import pytest

from modelyard.app.house import House
from modelyard.tracking.api import Point, RunStatus, Special
from tests.ui.conftest import Reader, signed_in


@pytest.fixture(scope="module")
def house(bare: House) -> House:
    tracking = bare.yard().tracking
    for i in range(70):
        run = tracking.start_run(name=f"r{i:02}", start_ms=1000 + i, user=f"u{i % 2}")
        value = Special.INFINITY if i == 3 else i / 100
        tracking.log(run.id, [Point(key="auc", value=value, at_ms=1)], {"lr": str(i % 4), "note": "x" * 60})
        if i != 69:
            tracking.update_run(run.id, RunStatus.FAILED if i % 10 == 0 else RunStatus.FINISHED, 61_000 + i)
    return bare


@pytest.fixture(scope="module")
def reader(house: House) -> Reader:
    return signed_in(house)


def shown(reader: Reader, query: str = "") -> list[str]:
    return [row["cells"][0]["text"] for row in reader.twin(f"/runs?{query}")["table"]["rows"]]


def test_the_first_rows_stand_in_the_page_and_any_others_come_by_their_place(reader: Reader) -> None:
    data = reader.twin("/runs")
    assert (data["found"], len(data["table"]["rows"])) == (70, 28)
    assert data["state"] == "70 runs: 1 running, 7 failed, 62 finished."
    assert [c["key"] for c in data["table"]["columns"]][-2:] == ["params.lr", "metrics.auc"]
    answer = reader.get(data["table"]["source"] + "&first=60&limit=100", headers={"accept-encoding": "gzip"})
    rows = answer.json()
    assert (rows["total"], [r["cells"][0]["text"] for r in rows["rows"]][-1], len(rows["rows"])) == (70, "r00", 10)
    assert answer.headers["content-encoding"] == "gzip" and "accept-encoding" in answer.headers["vary"]
    assert "data-indexed" in reader.get("/runs").text and 'href="/runs?after=28"' in reader.get("/runs").text
    assert shown(reader, "after=60")[0] == "r09"


def test_order_filter_and_columns_are_read_from_the_address(reader: Reader) -> None:
    assert shown(reader, "sort=metrics.auc")[:2] == ["r00", "r01"]
    assert shown(reader, "sort=-metrics.auc")[:2] == ["r03", "r69"]
    found = reader.twin(
        "/runs?where=metrics.auc+%3E+0.5+AND+params.lr+%3D+'1'&sort=name&col=metrics.auc&pin=metrics.auc"
    )
    assert [c["text"] for c in found["clauses"]] == ["metrics.auc > 0.5", "params.lr = '1'"]
    assert "where=params.lr" in found["clauses"][0]["without"] and "col=metrics.auc" in found["clauses"][0]["without"]
    assert [c["key"] for c in found["table"]["columns"]] == ["name", "metrics.auc", "state", "started", "by"]
    assert found["table"]["rows"][0]["cells"][1] == 0.53
    assert reader.twin("/runs?where=run_name+%3D+'r03'&col=metrics.auc")["table"]["rows"][0]["cells"][-1] == "∞"


def test_a_filter_that_cannot_be_read_says_so_beside_what_was_typed(reader: Reader) -> None:
    page = reader.get("/runs?where=metrics.auc+%3E+'x'")
    assert page.status_code == 200
    assert "Expected numeric value type" in page.text and 'value="metrics.auc &gt; &#39;x&#39;"' in page.text
    assert "Clear all" in reader.get("/runs?where=metrics.auc+%3C+-1").text


def test_runs_that_are_kept_stand_on_top_whatever_is_found(reader: Reader) -> None:
    rows = reader.twin("/runs")["table"]["rows"]
    run = rows[4]["key"]
    found = reader.twin(f"/runs?where=metrics.auc+%3C+-1&top={run}")["table"]
    assert [row["key"] for row in found["kept"]] == [run] and found["rows"] == []
    assert 'class="kept"' in reader.get(f"/runs?where=metrics.auc+%3C+-1&top={run}").text


def test_groups_lead_to_their_runs(reader: Reader) -> None:
    data = reader.twin("/runs?group=params.lr")
    assert data["state"] == "4 groups of 70 runs by lr."
    first = data["table"]["rows"][0]
    assert first["cells"][1] == 18
    assert reader.twin(first["href"])["found"] == 18
    by_state = reader.twin("/runs?group=status")["table"]["rows"]
    assert {row["key"]: row["cells"][1] for row in by_state} == {"FINISHED": 62, "FAILED": 7, "RUNNING": 1}


def test_views_are_kept_from_an_address_and_dropped(reader: Reader) -> None:
    kept = reader.fill(
        "/runs/views", name="best", query="where=metrics.auc > 0.5&sort=-metrics.auc&evil=1", shared="yes"
    )
    assert kept.headers["location"] == "/runs?where=metrics.auc+%3E+0.5&sort=-metrics.auc"
    view = reader.twin(kept.headers["location"])["views"][0]
    assert (view["name"], view["current"], view["mine"]) == ("best", True, True)
    assert "Drop the view best" in reader.get(kept.headers["location"]).text
    assert reader.fill("/runs/views/drop", name="best").status_code == 303
    assert reader.twin("/runs")["views"] == []


def test_completion_knows_fields_and_values(reader: Reader) -> None:
    fields = {f["name"]: f for f in json.loads(reader.get("/runs/fields").content)["fields"]}
    assert fields["metrics.auc"]["runs"] == 70 and fields["params.lr"]["kind"] == "text"
    values = reader.get("/runs/values?field=params.lr&like=1").json()["values"]
    assert values == [{"value": "1", "runs": 18}]
    assert reader.get("/runs/values?field=metrics.auc").status_code == 422


def test_pages_are_never_packed_but_files_are(reader: Reader) -> None:
    page = reader.get("/runs", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in page.headers
    sheet = page.text.split('rel="stylesheet" href="', 1)[1].split('"', 1)[0]
    answer = reader.get(sheet, headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    plain = reader.get(sheet, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.content == answer.content
    assert len(gzip.compress(plain.content, 9)) < len(plain.content) / 3
