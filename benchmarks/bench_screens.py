"""What the screens of runs cost in Chromium: bytes, time to rows, a sort, a chart; MLflow's own UI beside them.

Both servers hold the same runs, written over MLflow's wire. Each page is opened in a fresh context with an empty cache.
`YARD_SCREENS_RUNS` says how many runs (1,000); `YARD_SCREENS_HOME` measures a home that is there already, alone.
Chromium is Debian's, or the one that `YARD_CHROMIUM` names.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import nan
from pathlib import Path
from urllib.parse import quote

from benchmarks.row import Row
from benchmarks.servers import NO_PEER, Server, mlflow, ours
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

RUNS = int(os.environ.get("YARD_SCREENS_RUNS", "1000"))
ROUNDS, POINTS, CURVES = 3, 10_000, 10
BYTES, ROWS_MS, SORT_MS, CHART_MS = 150_000, 300, 20, 500
METRICS, PARAMS = 7, 7
Figures = dict[str, float]

# Marks when enough rows stand in the page, and when they are painted.
_WATCH = """
new MutationObserver((_, watch) => {
  if (document.querySelectorAll(SELECTOR).length < LEAST) return;
  watch.disconnect();
  performance.mark("there");
  requestAnimationFrame(() => setTimeout(() => performance.mark("painted")));
}).observe(document, { childList: true, subtree: true });
"""
_SORT = """
async selector => {
  const table = document.querySelector("yard-table"), first = () => table.body.rows[1].dataset.run;
  const before = first(), began = performance.now();
  const changed = new Promise(done => {
    const watch = new MutationObserver(() => { if (first() !== before) { watch.disconnect(); done(); } });
    watch.observe(table.body, { childList: true, subtree: true, attributeFilter: ["data-run"] });
  });
  document.querySelector(selector).click();
  await changed;
  const there = performance.now() - began;
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return [there, performance.now() - began];
}
"""
_PEER_SORT = """
async hash => {
  const first = () => [...document.querySelectorAll(".ag-row[row-index='0']")].map(row => row.innerText).join();
  const before = first(), began = performance.now();
  location.hash = hash;
  for (;;) {
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    if (first() && first() !== before) return performance.now() - began;
    if (performance.now() - began > 15000) return null;
  }
}
"""
_IN_VIEW = """
() => {
  const table = document.querySelector("yard-table"), box = table.getBoundingClientRect();
  const head = table.querySelector("thead").getBoundingClientRect();
  const rows = [...table.querySelectorAll("tbody tr[data-run]")].filter(row => {
    const at = row.getBoundingClientRect();
    return at.top >= head.bottom - 1 && at.bottom <= box.bottom + 1;
  });
  return [rows.length, [...rows[0].cells].filter(cell => cell.getBoundingClientRect().right <= innerWidth).length];
}
"""


def fill(server: Server) -> list[str]:
    """Write the runs, and ten with a long curve; the ids of those ten."""

    def one(i: int) -> str:
        values = random.Random(i)
        run = server.new_run(run_name=f"run-{i}", start_time=10**12 + i * 1000)
        metrics = [{"key": f"m{j}", "value": values.random(), "timestamp": 1, "step": 1} for j in range(METRICS)]
        params = [{"key": f"p{j}", "value": str(values.randrange(5))} for j in range(PARAMS)]
        server.ask("/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
        server.ask("/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 10**12 + i * 1000 + 500})
        return run

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(one, range(RUNS)))
    for run in made[-CURVES:]:
        values, level = random.Random(run), 1.0
        for begin in range(0, POINTS, 1000):
            points = []
            for step in range(begin, begin + 1000):
                level = level * 0.999 + values.random() * 0.002
                points.append({"key": "loss", "value": level, "timestamp": 10**12 + step, "step": step})
            server.ask("/runs/log-batch", {"run_id": run, "metrics": points})
    return made[-CURVES:]


class Visitor:
    """A browser of somebody who is signed in where one has to be."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self._browser, self._server = browser, server
        self._state = None
        if server.token:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{server.address}/sign-in")
            page.fill("input[name=token]", server.token)
            page.click("main button, form button")
            page.wait_for_load_state()
            self._state = context.storage_state()
            context.close()

    def open(self, path: str, selector: str, least: int) -> tuple[BrowserContext, Page, Figures]:
        """Open a page with an empty cache and wait until so many of something are painted."""
        context = self._browser.new_context(viewport={"width": 1440, "height": 900}, storage_state=self._state)
        page = context.new_page()
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        taken = [0.0]

        def count(event: dict[str, float]) -> None:
            taken[0] += event["encodedDataLength"]

        wire.on("Network.loadingFinished", count)
        page.add_init_script(_WATCH.replace("SELECTOR", json.dumps(selector)).replace("LEAST", str(least)))
        page.goto(self._server.address + path)
        marks: dict[str, float] = {}
        for _ in range(600):
            page.wait_for_timeout(50)
            marks = dict(page.evaluate("performance.getEntriesByType('mark').map(m => [m.name, m.startTime])"))
            if "painted" in marks:
                break
        page.wait_for_timeout(400)
        return context, page, {"ms": marks.get("painted", nan), "bytes": taken[0]}


def ours_figures(visitor: Visitor, curves: list[str]) -> Figures:
    """One round on the yard's screens."""
    context, page, found = visitor.open("/runs", "yard-table tbody tr[data-run]", 25)
    rows, columns = page.evaluate(_IN_VIEW)
    found |= {"rows": rows, "columns": columns}
    page.wait_for_selector("yard-table[windowed]")
    link = page.evaluate("[...document.querySelectorAll('th a[data-sort^=\"metrics.\"]')].map(a => a.dataset.sort)")
    sorts = []
    for key in (link[0], link[1], link[0], link[2], link[1]):
        sorts.append(page.evaluate(_SORT, f"th a[data-sort='{key}']"))
        page.wait_for_timeout(150)
    found |= {"sort": statistics.median(s[0] for s in sorts), "sort painted": statistics.median(s[1] for s in sorts)}
    context.close()
    if curves:
        chosen = "&".join(f"run={run}" for run in curves)
        context, _, drawn = visitor.open(f"/compare?{chosen}&metric=loss", "yard-curves[data-drawn] canvas", 1)
        found |= {"chart": drawn["ms"], "chart bytes": drawn["bytes"]}
        context.close()
    return found


def peer_figures(visitor: Visitor, curves: list[str]) -> Figures:
    """One round on MLflow's UI: its table of runs sorted anew, and its page of one metric of ten runs."""
    context, page, found = visitor.open("/#/experiments/0/runs", ".ag-center-cols-container [role=row]", 10)
    try:
        taken = page.evaluate(_PEER_SORT, "/experiments/0/runs?orderByKey=metrics.%60m0%60&orderByAsc=true")
        found |= {} if taken is None else {"sort painted": taken}
    except BrowserError:
        pass
    context.close()
    runs, keys = quote(json.dumps(curves)), quote(json.dumps(["loss"]))
    road = f"/#/metric?runs={runs}&metric=%22loss%22&experiments=%5B%220%22%5D&plot_metric_keys={keys}"
    context, _, drawn = visitor.open(road, ".js-plotly-plot .scatterlayer .trace", CURVES)
    found |= {"chart": drawn["ms"], "chart bytes": drawn["bytes"]}
    context.close()
    return found


def measure() -> Iterator[Row]:
    """Medians of rounds in which both take turns."""
    named = os.environ.get("YARD_SCREENS_HOME")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        mine = ours(Path(named) if named else Path(folder) / "ours")
        peer = None if named else mlflow(Path(folder) / "mlflow")
        servers = [mine] if peer is None else [mine, peer]
        try:
            curves = [[] if named else fill(server) for server in servers]
            chromium = os.environ.get("YARD_CHROMIUM", "/usr/bin/chromium")
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            visitors = [Visitor(browser, server) for server in servers]
            rounds = []
            for turn in range(ROUNDS + 1):
                found = [(ours_figures, peer_figures)[i](v, curves[i]) for i, v in enumerate(visitors)]
                if turn:
                    rounds.append(found)
            browser.close()
        finally:
            for server in servers:
                server.close()
    alone = "" if peer is not None else " (a home that was there)" if named else NO_PEER

    def row(what: str, name: str, unit: str, reach: float | None = None, *, more: bool = False) -> Row | None:
        values = [[r[i][name] for r in rounds if r[i].get(name, nan) == r[i].get(name)] for i in range(len(servers))]
        beside = statistics.median(values[1]) if len(values) > 1 and values[1] else None
        if not values[0]:
            return None
        return Row(
            what + alone, statistics.median(values[0]), unit, beside=beside, beside_what="MLflow's UI", reach=reach,
            more_is_better=more,
        )  # fmt: skip

    for made in (
        row("runs page: bytes over the wire, nothing cached", "bytes", "B", BYTES),
        row("runs page: until 25 rows are painted", "ms", "ms", ROWS_MS),
        row("runs page: rows in view at 1440x900", "rows", "rows", 25, more=True),
        row("runs page: columns in view at 1440x900", "columns", "columns", 12, more=True),
        row("runs page: sorted by another metric, rows there", "sort", "ms", SORT_MS),
        row("runs page: sorted by another metric, painted", "sort painted", "ms"),
        row(f"chart of {CURVES} x {POINTS:,} points, from nothing to painted", "chart", "ms", CHART_MS),
        row("the same: bytes over the wire, nothing cached", "chart bytes", "B"),
    ):
        if made is not None:
            yield made
