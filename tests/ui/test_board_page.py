"""The page of runs over a real house: filter, order, columns, pins, groups and views, all in the address."""

from __future__ import annotations

import gzip
import json

import pytest
from playwright.sync_api import Browser

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.tracking.api import Point, RunStatus, Special
from modelyard.tracking.store import search
from modelyard.ui.kit.frame import Vitals
from tests.ui.conftest import Reader, Watched, serving, signed_in


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


def test_what_would_take_long_to_count_is_told_behind_the_rows(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SMALL", 0)
    monkeypatch.setattr(search, "_FEW", 1)
    asked = "/runs?where=metrics.auc+%3E%3D+0.2"
    data = reader.twin(asked)
    assert (data["found"], data["state"], data["table"]["next"]) == (None, "More than 28 runs found.", "28")
    told = {"total": 51, "state": "51 runs found: 1 running, 5 failed, 45 finished."}
    assert reader.get(data["tally"]).json() == told
    page = reader.get(asked).text
    assert "data-total" not in page and "data-tally" in page and 'counted=yes">Count them</a>' in page
    counted = reader.twin(data["counted"])
    assert (counted["found"], counted["state"], counted["table"]["total"]) == (51, told["state"], 51)
    rows = reader.get(data["table"]["source"] + "&first=28&limit=10").json()
    assert "total" not in rows and rows["next"] == "38"
    last = reader.get(data["table"]["source"] + "&first=45&limit=10").json()
    assert (last["total"], len(last["rows"])) == (51, 6) and "next" not in last
    assert reader.get("/runs/tally?where=metrics.auc+%3E+'x'").status_code == 422


@pytest.mark.browser
def test_rows_come_before_their_count_and_can_all_be_scrolled_to(
    browser: Browser, house: House, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_SMALL", 0)
    monkeypatch.setattr(search, "_FEW", 1)
    with serving(screens.site(house, Vitals)) as address:
        seen = Watched(browser, address, session=str(reader.cookies["yard_session"]))
        page = seen.ready("/runs?where=metrics.auc+%3E%3D+0.1")
        page.wait_for_selector("#runs-said >> text=/^61 runs found: 1 running, /")
        page.evaluate("document.querySelector('yard-table').scrollTop = 1e6")
        page.wait_for_selector("tbody tr[data-run] >> text=r03")
        page.click("th a[data-sort='metrics.auc']")
        page.wait_for_selector("tbody tr.spacer + tr[data-run] >> text=r10")
        assert page.evaluate("document.querySelector('yard-table').total") == 61
        assert page.inner_text("#runs-said").startswith("61 runs found: ")
        seen.close()


def test_states_are_those_of_the_runs_that_are_shown(reader: Reader, house: House) -> None:
    tracking = house.yard().tracking
    run = tracking.board(None, "run_name = 'r05'").rows[0].id
    tracking.delete_run(run)
    assert reader.twin("/runs?stage=deleted")["state"] == "1 run: 1 finished."
    tracking.restore_run(run)


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
