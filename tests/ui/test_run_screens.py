"""The screens of runs in a real Chromium, over a real house: by keyboard, live, in both themes and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.settings import Settings
from modelyard.tracking.api import Point, RunStatus
from modelyard.ui.kit.frame import Vitals
from tests.ui.conftest import Watched, serving, signed_in

pytestmark = pytest.mark.browser
AUDIT = Path(__file__).with_name("audit.js").read_text("utf-8")
MANY = 150


class Place:
    """A house with runs, its address, and the session of its owner."""

    def __init__(self, house: House, address: str) -> None:
        self.house, self.address = house, address
        self.session = str(signed_in(house).cookies["yard_session"])
        self.runs = [r.id for r in house.yard().tracking.runs(limit=1000).items]

    @property
    def others(self) -> tuple[str, ...]:
        """The screens beside the table."""
        chosen = "&".join(f"run={run}" for run in self.runs[:3])
        return (
            f"/compare?{chosen}", f"/compare?{chosen}&side=spread", f"/compare?{chosen}&side=pictures&equal=1",
            f"/runs/{self.runs[0]}", f"/runs/{self.runs[0]}/file?path=plot.json",
            f"/runs/{self.runs[0]}/file?path=t.csv",
        )  # fmt: skip

    def reader(self, browser: Browser, *, theme: str = "light", width: int = 1440) -> Watched:
        return Watched(browser, self.address, theme=theme, width=width, session=self.session)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    house = House(Settings(home=str(tmp_path_factory.mktemp("screens"))))
    house.owner()
    tracking = house.yard().tracking
    for i in range(MANY):
        run = tracking.start_run(name=f"r{i:03}", start_ms=1000 + i)
        auc = [Point(key="auc", value=(i * 37 % MANY) / MANY, at_ms=1)]
        points = [Point(key="loss", value=1 / (1 + s) + i / 1000, at_ms=1000 + s, step=s) for s in range(30)]
        tracking.log(
            run.id, auc + (points if i >= MANY - 6 else []), {"lr": str(i % 4), "model": "gbm" if i % 2 else "mlp"}
        )
        if i != MANY - 1:
            tracking.update_run(run.id, RunStatus.FINISHED, 61_000 + i)
    figure = b'{"data": [{"type": "bar", "x": ["a", "b"], "y": [1, 2]}], "layout": {}}'
    tracking.upload(run.id, "plot.json", [figure])
    tracking.upload(run.id, "t.csv", [b"a,b\n1,x\n"])
    with serving(screens.site(house, Vitals)) as address:
        yield Place(house, address)
    house.close()


def _query(page: Page) -> str:
    """The address as the page has it now; `page.url` hears of a change later."""
    return str(page.evaluate("location.search.slice(1)"))


def test_runs_are_sorted_in_place_and_any_place_is_reached(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    page = reader.ready("/runs")
    page.wait_for_selector("yard-table[windowed]")
    page.click("th a[data-sort='metrics.auc']")
    page.click("th[aria-sort=ascending] a")
    page.wait_for_selector("th[aria-sort=descending][data-key='metrics.auc']")
    page.wait_for_selector("tbody tr[data-run]:nth-child(2) >> text=0.9933")
    assert "sort=-metrics.auc" in _query(page)
    page.evaluate("document.querySelector('yard-table').scrollTop = 1e6")
    page.wait_for_selector("tbody tr[data-run] >> text=0.0000")
    assert page.evaluate("document.querySelectorAll('tbody tr').length") < 90
    page.go_back()
    page.wait_for_selector("th[aria-sort=ascending][data-key='metrics.auc']")
    reader.close()


def test_rows_that_are_copied_from_each_other_say_what_the_server_says(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    page = reader.ready("/runs?sort=-started")
    page.wait_for_selector("yard-table[windowed]")
    told = page.evaluate(
        """async () => {
          const table = document.querySelector("yard-table"), cells = tr => [...tr.cells].map(td => td.innerHTML);
          const own = [...table.body.rows].slice(1, 29).map(cells);
          const { rows } = await (await fetch(`${table.source}&first=0&limit=28`)).json();
          const made = rows.map(row => cells(table.make(row))), odd = structuredClone(rows[9]);
          odd.cells[0].text = "<b>ж</b>";
          odd.cells[3] = "<i>&amp;";
          odd.cells[4] = "ж";
          const strange = cells(table.make(odd)), after = cells(table.make(rows[9]));
          return { own, made, strange, after, many: table.stencils.size };
        }"""
    )
    assert told["made"] == told["own"] and len(told["own"]) == 28
    assert told["strange"][1].count("&lt;b&gt;ж&lt;/b&gt;") == 1 and told["strange"][4] == "&lt;i&gt;&amp;amp;"
    assert told["strange"][5] == "<bdi>ж</bdi>" and told["after"] == told["own"][9]
    assert told["many"] < 5
    reader.close()


def test_rows_that_are_sorted_anew_are_written_into_those_that_stand(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    page = reader.ready("/runs?sort=-started")
    page.wait_for_selector("yard-table[windowed]")
    page.evaluate("document.querySelectorAll('yard-table tbody tr[data-run]').forEach(row => { row.stood = true; })")
    page.check("tbody tr[data-run] >> nth=2 >> .check")
    for way, head in (("ascending", "th"), ("descending", "th[aria-sort=ascending]")):
        page.click(f"{head} a[data-sort='metrics.auc']")
        page.wait_for_selector(f"th[aria-sort={way}][data-key='metrics.auc']")
        told = page.evaluate(
            """async () => {
              const table = document.querySelector("yard-table"), shown = [...table.body.rows].slice(1, 21);
              const { rows } = await (await fetch(`${table.source}&first=0&limit=20`)).json();
              const plain = tr => [tr.dataset.run, tr.dataset.href, tr.className, tr.innerHTML].join();
              const alike = rows.map((row, i) => plain(table.make(row)) === plain(shown[i]));
              const ticked = shown.filter(row => row.querySelector(":checked")).length;
              return { alike, ticked, stood: shown.filter(row => row.stood).length };
            }"""
        )
        assert told == {"alike": [True] * 20, "stood": 20, "ticked": 0}
    assert page.inner_text("[data-chosen-count]") == "1 chosen"
    reader.close()


def test_rows_that_are_fetched_anew_keep_their_elements_wherever_they_go(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    page = reader.ready("/runs?sort=-started")
    page.wait_for_selector("yard-table[windowed]")
    _becomes(page, "document.querySelector('yard-table').rows.filter(Boolean).length", 100)
    told = page.evaluate(
        """async () => {
          const table = document.querySelector("yard-table"), asked = window.fetch;
          const own = [...table.body.rows].slice(1, 29);
          const names = () => [...table.body.rows].slice(1, 4).map(tr => tr.cells[1].textContent);
          const firsts = names();
          own[0].querySelector(".check").click();
          own[1].focus();
          window.fetch = async (...all) => { // what the server would say if the second run came first, and logged
            const page = await (await asked(...all)).json(), [first, second, ...rest] = page.rows;
            second.cells[5] = "другое";
            return new Response(JSON.stringify({ ...page, rows: [second, first, ...rest] }));
          };
          await table.take(0, 28);
          window.fetch = asked;
          const now = [...table.body.rows].slice(1, 29);
          return {
            swapped: now[0] === own[1] && now[1] === own[0], stood: now.every(tr => own.includes(tr)),
            firsts, names: names(),
            written: own[1].cells[6].textContent, ticked: own[0].querySelector(".check").checked,
            focus: document.activeElement === own[1],
          };
        }"""
    )
    first, second, third = told.pop("firsts")
    assert told.pop("names") == [second, first, third]
    assert told.pop("written") == "другое"
    assert told == dict.fromkeys(("swapped", "stood", "ticked", "focus"), True)
    reader.close()


def test_the_filter_completes_and_finds_by_keyboard_alone(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    page = reader.ready("/runs")
    page.keyboard.press("/")
    page.wait_for_selector("#where-list [role=option] >> text=metrics.auc")
    page.keyboard.type("mod")
    page.wait_for_selector("#where-list [role=option]:only-child >> text=params.model")
    page.keyboard.press("Tab")
    page.wait_for_selector("#where-list >> text=ILIKE")
    page.keyboard.press("Tab")
    page.wait_for_selector("#where-list >> text=/^'gbm'/")
    page.keyboard.press("Tab")
    page.wait_for_selector("#where-list >> text=AND")
    assert page.input_value("#where") == "params.model = 'gbm' "
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**where=params.model*")
    assert page.inner_text("#runs-said").startswith("75 runs found")
    reader.close()


def test_runs_are_chosen_kept_on_top_and_compared_by_keyboard(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    page = reader.ready("/runs")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    assert page.inner_text("[data-chosen-count]") == "2 chosen"
    page.keyboard.press("p")
    page.wait_for_selector("tbody.kept tr")
    assert page.locator("tbody.kept tr").count() == 2
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("c")
    page.wait_for_url("**/compare?run=*")
    reader.faults.clear()
    reader.close()


def test_a_run_that_begins_and_logs_is_seen_without_asking(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    page = reader.ready("/runs?sort=-started")
    page.wait_for_selector("[data-live-mark] >> text=live")
    page.wait_for_timeout(700)  # the bulletin begins to look a moment after the first ear
    tracking = place.house.yard().tracking
    run = tracking.start_run(name="brand-new")
    page.wait_for_selector("tbody >> text=brand-new")
    tracking.log(run.id, [Point(key="auc", value=0.4242, at_ms=1)])
    page.wait_for_selector("tbody >> text=0.4242")
    tracking.delete_run(run.id)
    page.wait_for_selector("tbody >> text=brand-new", state="detached")
    reader.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_screen_of_runs_is_a_stumbling_block(browser: Browser, place: Place, theme: str) -> None:
    reader = place.reader(browser, theme=theme)
    for path in ("/runs?where=metrics.auc+%3E+0.2", "/runs?group=params.lr", *place.others):
        page = reader.ready(path)
        assert page.evaluate(AUDIT) == [], path
    reader.close()


def test_no_screen_of_runs_scrolls_sideways_on_a_phone(browser: Browser, place: Place) -> None:
    reader = place.reader(browser, width=390)
    for path in ("/runs", "/runs?group=params.lr", *place.others):
        page = reader.ready(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
        assert page.evaluate("document.querySelector('main').scrollWidth") == 390, path
    reader.close()


def _becomes(page: Page, what: str, value: float) -> None:
    """Wait up to ten seconds; the policy of the pages lets nobody evaluate a text, so it is asked from here."""
    for _ in range(200):
        if page.evaluate(what) == value:
            return
        page.wait_for_timeout(50)
    assert page.evaluate(what) == value


def test_curves_follow_the_controls_and_one_run_is_lit_everywhere(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    chosen = "&".join(f"run={run}" for run in place.runs[1:4])
    page = reader.ready(f"/compare?{chosen}&metric=loss&metric=auc")
    page.wait_for_selector("yard-curves[data-metric=loss][data-drawn]")
    lengths = "document.querySelector('yard-curves').plot.data.map(d => d.length)"
    assert page.evaluate(lengths) == [30, 30, 30, 30]
    page.hover(f".sides li[data-run='{place.runs[2]}']")
    page.wait_for_selector(f".lit-one .sides li.lit[data-run='{place.runs[2]}']")
    assert page.evaluate("document.querySelector('yard-curves').plot.series.map(s => s._focus)")[2] is True
    page.evaluate("document.querySelector('[name=smooth]').value = 5")
    page.dispatch_event("[name=smooth]", "input", {"bubbles": True})
    page.wait_for_selector("[data-smooth-told] >> text=± 5 points")
    _becomes(page, f"{lengths}.length", 7)
    assert page.evaluate(lengths) == [30] * 7 and "smooth=5" in _query(page)  # raw stays behind what is smoothed
    page.check("[name=axis][value=relative]", force=True)
    _becomes(page, "document.querySelector('yard-curves').plot.cursor.sync.key === 'yard-relative'", True)
    assert page.evaluate("document.querySelector('yard-curves').plot.data[0].at(-1)") == 29
    assert "axis=relative" in _query(page)
    page.goto(f"{place.address}/compare?{chosen}&side=spread")
    page.focus(f".spread a[data-run='{place.runs[1]}']")
    page.wait_for_selector(f".spread .curve.lit[data-run='{place.runs[1]}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{place.runs[1]}")
    reader.close()


def test_a_stretch_of_a_chart_is_seen_in_detail_by_key_by_mouse_and_by_address(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    chosen = "&".join(f"run={run}" for run in place.runs[1:4])
    page = reader.ready(f"/compare?{chosen}&metric=loss")
    asked = list[str]()
    page.on("request", lambda r: asked.append(r.url) if "/curves" in r.url else None)
    chart = "document.querySelector('yard-curves').plot"
    ends = f"[{chart}.data[0][0], {chart}.data[0].at(-1), {chart}.scales.x.min, {chart}.scales.x.max]"
    page.wait_for_selector("yard-curves[data-drawn]")
    assert page.evaluate(ends) == [0, 29, 0, 29]
    page.focus("yard-curves")
    page.keyboard.press("+")
    _becomes(page, f"{ends}[0]", 7)
    assert page.evaluate(ends) == [7, 22, 7.25, 21.75] and "range=7.25..21.75" in _query(page)
    page.keyboard.press("ArrowLeft")
    _becomes(page, f"{ends}[0]", 3)
    again = page.evaluate("location.href")
    page.keyboard.press("0")
    _becomes(page, f"{chart}.data[0].length", 30)
    assert "range" not in _query(page) and "range" not in asked[-1]
    box = page.locator("yard-curves .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    _becomes(page, f"{ends}[0]", 14)
    page.click("yard-curves >> text=Show all")
    _becomes(page, f"{chart}.data[0].length", 30)
    page.goto(again)
    page.wait_for_selector("yard-curves[data-drawn]")
    assert page.evaluate(ends)[0] == 3
    page.goto(f"{place.address}/compare?{chosen}&metric=auc")  # one point of each run
    page.wait_for_selector("yard-curves[data-drawn]")
    assert page.evaluate(ends) == [-1, 1, -1, 1]
    reader.close()


def test_a_chart_grows_with_its_run_and_goes_on_where_it_stood(browser: Browser, place: Place) -> None:
    tracking = place.house.yard().tracking
    run = tracking.start_run(name="growing")
    tracking.log(run.id, [Point(key="loss", value=1 / (1 + s), at_ms=1000 + s, step=s) for s in range(5)])
    reader = place.reader(browser)
    page = reader.ready(f"/runs/{run.id}")
    page.wait_for_selector("yard-curves[data-drawn]")
    page.wait_for_timeout(800)
    asked = list[str]()
    page.on("request", lambda r: asked.append(r.url) if "/curves" in r.url else None)
    for s in range(5, 9):
        tracking.log(run.id, [Point(key="loss", value=0.1, at_ms=1000 + s, step=s)])
    _becomes(page, "document.querySelector('yard-curves').plot.data[0].at(-1)", 8)
    assert asked == []  # told point by point, nothing was read anew
    tracking.delete_run(run.id)
    reader.close()


HOSTILE = Path(__file__).with_name("hostile.html").read_bytes()


def test_foreign_html_and_svg_reach_neither_the_page_nor_the_yard(browser: Browser, place: Place) -> None:
    tracking, run = place.house.yard().tracking, place.runs[0]
    tracking.upload(run, "evil.html", [HOSTILE])
    tracking.upload(
        run,
        "evil.svg",
        [b'<svg xmlns="http://www.w3.org/2000/svg"><script>parent.x = 1; fetch("/v1/runs")</script></svg>'],
    )
    before = len(tracking.runs(limit=1000).items)
    reader = place.reader(browser)
    page = reader.ready(f"/runs/{run}/file?path=evil.html")
    frame = page.frames[1]
    frame.wait_for_selector("text=/post=/")
    frame.wait_for_selector("text=/fetch=/")
    frame.wait_for_selector("text=/image=/")
    told = dict(line.split("=", 1) for line in frame.locator("p").all_inner_texts())
    assert told.pop("origin") == "null"
    assert set(told.values()) == {"refused"} and len(told) == 8, told
    assert page.url.endswith("evil.html") and len(tracking.runs(limit=1000).items) == before
    alone = reader.context.new_page()
    alone.goto(f"{place.address}/frames/{run}/evil.html")
    alone.wait_for_selector("text=/fetch=refused/")
    assert alone.evaluate("self.origin") == "null"
    page.goto(f"{place.address}/runs/{run}/file?path=evil.svg")
    page.wait_for_selector("iframe")
    assert page.evaluate("window.x === undefined")
    assert page.goto(f"{place.address}/runs").ok  # type: ignore[union-attr]  # still signed in
    reader.faults.clear()  # each refusal is told on the console
    reader.outside.clear()
    reader.close()


def test_ranges_on_axes_choose_runs_everywhere_on_the_page(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    chosen = "&".join(f"run={run}" for run in place.runs[:6])
    page = reader.ready(f"/compare?{chosen}&side=spread")
    rate, model = page.get_by_role("slider", name="lr"), page.get_by_role("slider", name="model")
    told, faded = page.locator("[data-brush-told]"), ".sides li.out, .spread .curve.out, .spread a.out, thead th.out"
    box = rate.bounding_box()
    assert box and rate.get_attribute("aria-valuetext") == "all" and page.locator(faded).count() == 0
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()
    assert told.inner_text() == "4 of 6 runs lie within what is chosen." and page.locator(faded).count() == 8
    assert "4 of 6 runs chosen" in str(rate.get_attribute("aria-valuetext")) and "brush=params.lr%3A0.." in _query(page)
    page.keyboard.press("Tab")
    assert model.evaluate("one => one === document.activeElement")
    page.keyboard.press("ArrowUp")
    assert told.inner_text() == "2 of 6 runs lie within what is chosen."
    assert str(model.get_attribute("aria-valuetext")).startswith("mlp, ")
    page.reload()
    page.wait_for_selector("[data-brush-clear]:not([hidden])")
    assert told.inner_text() == "2 of 6 runs lie within what is chosen." and page.locator(faded).count() == 16
    twin = page.evaluate("async () => (await (await fetch(document.querySelector('.twins a').href)).json()).chosen")
    assert len(twin["out"]) == 4 and [b["words"] for b in twin["brushes"]][1] == "mlp"
    page.click(".tabs >> text=Curves")
    page.wait_for_selector(".banner >> text=2 of 6 runs")
    assert page.locator(".sides li.out").count() == 4
    page.go_back()
    page.wait_for_selector("svg[data-brushes][role=group]")
    model.focus()
    page.keyboard.press("Escape")
    assert told.inner_text() == "4 of 6 runs lie within what is chosen."
    rate.dblclick(position={"x": 4, "y": 20})
    assert page.locator(faded).count() == 0 and "brush" not in _query(page)
    reader.close()


def test_a_range_is_moved_extended_and_made_narrower_by_keys(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    chosen = "&".join(f"run={run}" for run in place.runs[:6])
    page = reader.ready(f"/compare?{chosen}&side=spread&brush=params.lr:0.6..1.5")
    page.get_by_role("slider", name="lr").focus()
    for key, low, high in (
        ("ArrowUp", 0.75, 1.65), ("Shift+ArrowUp", 0.75, 1.8), ("Shift+ArrowDown", 0.6, 1.8), ("ArrowLeft", 0.75, 1.65),
        ("ArrowRight", 0.6, 1.8), ("ArrowDown", 0.45, 1.65),
    ):  # fmt: skip
        page.keyboard.press(key)
        told = parse_qs(_query(page))["brush"][0].removeprefix("params.lr:").split("..")
        assert [float(end) for end in told] == pytest.approx([low, high]), key
    assert page.evaluate("document.querySelectorAll('.sides li.out').length") == 4
    page.keyboard.press("Escape")
    assert "brush" not in _query(page)
    reader.close()


def test_the_foot_of_a_comparison_names_what_is_shown(browser: Browser, place: Place) -> None:
    reader = place.reader(browser)
    chosen = "&".join(f"run={run}" for run in place.runs[1:4])
    page = reader.ready(f"/compare?{chosen}&metric=loss&axis=relative")
    assert "axis=relative" in page.inner_text(".foot code")
    page.click(".choice label >> text=Time")
    page.wait_for_url("**axis=time**")
    assert "axis=time" in page.inner_text(".foot code") and "axis=time" in str(page.get_attribute(".twins a", "href"))
    reader.close()
