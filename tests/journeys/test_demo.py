"""The whole day, as `make demo` runs it, on the simulation; and the yard that it leaves, clicked through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard import connect
from modelyard.app.screens import every_screen
from modelyard.lake.api import Declared, Lake, Mode
from tests.journeys.days import assert_whole, day, run
from tests.journeys.reading import Reader, chromium, yard_on
from tests.journeys.walking import Walk

NOT_LINKED = {"/sources/{name}"}
"""Pages that no day leads to: it declares no source."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The day on the simulation: what it told, and the home that it left."""
    home = tmp_path_factory.mktemp("day") / "home"
    return day("--home", str(home)), home


@pytest.fixture(scope="module")
def lived_in(simulated: tuple[str, Path]) -> Iterator[tuple[str, str]]:
    """A yard on that home: its address, and the owner's token."""
    home = simulated[1]
    with yard_on(home) as address:
        token = (home / "state" / "owner.token").read_text("utf-8").strip()
        furnish(address, token)
        yield address, token


def furnish(address: str, token: str) -> None:
    """What a day has not: a branch in conflict with main, a tag of the lake, a set of files, pushed rows."""
    with connect(address, token=token) as yard:
        upsert(yard.lake, b"1,Oslo\n2,Bergen\n")
        yard.lake.create_branch("load-2026-11")
        upsert(yard.lake, b"1,Hamar\n3,Voss\n", "load-2026-11")
        upsert(yard.lake, b"1,Molde\n")
        yard.lake.tag_lake("before-november")
        yard.lake.put_file("scenes", "notes.txt", [b"three cities"], labels=("text",))
        yard.lake.put_file("scenes", "plan.csv", [b"street,km\nMain,3\n"], split="train")
        yard.lake.push("clicks", [b'[{"id": 1}]'])


def upsert(lake: Lake, rows: bytes, branch: str | None = None) -> None:
    text, keyed = b"id,city\n" + rows, Declared(keys=("id",))
    lake.load("couriers", [text], source="couriers.csv", mode=Mode.MERGE, schema=keyed, branch=branch)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_day_on_the_simulation_goes_through_every_room(simulated: tuple[str, Path]) -> None:
    assert_whole(simulated[0])


def click_from_home_to_a_run(reader: Reader) -> None:
    """Home, a table and its sections, a load, a view, a training set, a flow run, a run; branches and SQL."""
    reader.open("/")
    reader.look()
    reader.click(".map a.node[data-ref='table:deliveries']", to="/tables/deliveries")
    assert reader.page.locator("#history, #contract, #quarantine").count() == 3
    assert reader.page.locator(".sketches .hist").count() > 3
    reader.click("nav.tabs >> text=Rows", to="/tables/deliveries/rows")
    reader.click("nav.tabs >> text=Columns", to="/tables/deliveries/columns")
    reader.click("nav.tabs >> text=Difference", to="/tables/deliveries/diff")
    reader.click("nav.tabs >> text=Quarantine", to="/tables/deliveries/quarantine")
    reader.click("nav.tabs >> text=Contract", to="/tables/deliveries/contract")
    reader.click("nav.tabs >> text=Overview", to="/tables/deliveries")
    reader.click("#loads tbody a", to="/loads/*")
    reader.page.go_back()
    reader.click("svg.graph a[data-ref^='view:']", to="/features/deliveries_by_courier*")
    reader.click("#training-sets a[data-ref^='dataset:']", to="/features/sets/late_training*")
    reader.click("svg.graph a[data-ref^='flow_run:']", to="/pipelines/frun_*")
    reader.click("#steps a[data-ref^='run:']", to="/runs/*")
    reader.click("#nav >> text=Branches", to="/branches")
    reader.click("#branches tbody a", to="/branches/*")
    reader.click("#nav >> text=SQL", to="/sql")
    reader.page.fill("#q", "select vehicle, count(*) as n from deliveries group by all")
    reader.click("main button >> text=Ask", to="/sql?*")
    assert reader.page.locator("#answer tbody tr").count() > 1


def click_from_quality_to_the_lakes_upkeep(reader: Reader) -> None:
    """A report, its rows, a check's history; mending, profiles, rules; a conflict, files, sources, upkeep."""
    reader.click("#nav >> text=Quality", to="/quality")
    reader.enter("#contracts tbody tr", to="/quality/report_*")
    reader.click("#checks a[href*='/rows?check=']", to="/quality/report_*/rows?*")
    reader.page.go_back()
    reader.click("#checks a[href*='/check?check=']", to="/tables/deliveries/check?*")
    reader.open("/tables/deliveries/columns")
    reader.click("main >> text=Compare with another version", to="/tables/deliveries/profiles")
    reader.click("nav.tabs >> text=Rules", to="/tables/deliveries/rules")
    reader.open("/tables/deliveries/quarantine")
    reader.click("main a >> text=Mend by a rule", to="/loads/*/mend")
    reader.click("#nav >> text=Branches", to="/branches")
    reader.click("main a >> text=Commits and tags", to="/commits")
    reader.open("/branches/load-2026-11")
    reader.look()
    reader.click("#own a.is-bad", to="/branches/load-2026-11/conflicts/couriers*")
    reader.click("#nav >> text=File sets", to="/filesets")
    reader.click("#filesets tbody a", to="/filesets/scenes")
    reader.click(".gallery a >> text=plan.csv", to="/filesets/scenes/file?*")
    reader.open("/filesets/scenes")
    reader.click("main a >> text=What changed", to="/filesets/scenes/diff")
    reader.click("#nav >> text=Sources", to="/sources")
    reader.click("#nav >> text=Monitors", to="/monitors")
    reader.click("#monitors tbody a", to="/monitors/*")
    reader.click("#verdicts tbody a[href^='/verdicts/']", to="/verdicts/*")
    reader.click("#nav >> text=Tables", to="/tables")
    reader.click("main a >> text=Upkeep", to="/upkeep")
    reader.click("main a >> text=Examine", to="/upkeep?*")


def click_from_a_model_to_the_documents(reader: Reader) -> None:
    """A model, its proposal, an endpoint, a prediction walked back, an alert, audit, cost, documents."""
    reader.click("#nav >> text=Models", to="/models")
    reader.click("#models tbody a", to="/models/late")
    reader.click("a[href^='/proposals/late/']", to="/proposals/late/*")
    assert reader.page.locator("svg.forest").count() > 2
    reader.click("#nav >> text=Endpoints", to="/endpoints")
    reader.click("#endpoints tbody a", to="/endpoints/late")
    reader.click("#predictions tbody a", to="/predictions/*")
    walked = reader.page.inner_text("ol.walk")
    for stage in (
        "prediction",
        "endpoint",
        "model",
        "approval",
        "run",
        "code",
        "features",
        "table",
        "source",
        "row",
    ):
        assert stage in walked
    reader.click("#nav >> text=Alerts", to="/alerts")
    reader.click("#alerts tbody a", to="/alerts/*")
    reader.click("#nav >> text=Audit", to="/audit")
    reader.click("#nav >> text=Cost", to="/cost")
    reader.click("#nav >> text=Docs", to="/docs")
    reader.click("main a[href^='/docs/']", to="/docs/*")


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_no_link_and_no_ref_of_the_site_leads_nowhere(lived_in: tuple[str, str]) -> None:
    walk = Walk(*lived_in)
    assert walk.faults == []
    walked = {kind.partition("?")[0] for kind in walk.seen}
    declared = {page.path for screens in every_screen() for page in screens.pages}
    assert declared - walked == NOT_LINKED


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(420)
def test_the_path_of_the_day_can_be_clicked_through(lived_in: tuple[str, str]) -> None:
    """Each page is held to: no error, nothing from outside, contrast in light and dark, keyboard, a JSON twin."""
    with chromium() as browser:
        reader = Reader(browser, *lived_in)
        click_from_home_to_a_run(reader)
        click_from_a_model_to_the_documents(reader)
        click_from_quality_to_the_lakes_upkeep(reader)
        seen = reader.seen
        reader.close()
        plain = Reader(browser, *lived_in, script=False, width=390)
        for path in dict.fromkeys(seen):
            page = plain.open(path)
            assert page.locator("main h1").count() == 1, path
            assert page.evaluate("document.querySelector('main').scrollWidth") == 390, path
        plain.close()


def test_a_home_in_use_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    done = run("--home", str(tmp_path))
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert (tmp_path / "mine").read_text() == "x"
