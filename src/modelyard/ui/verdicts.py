"""The screen of one verdict: what a window of rows was judged to be, column by column, and what came of it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.monitoring.api import Verdict, VerdictId
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, interval, number, plural, stamp
from modelyard.ui.kit.graphs import Link, Node
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import Column, Kind, Row, Table
from modelyard.ui.lineage import near
from modelyard.ui.monitors import figures_table, verdict_columns


class VerdictData(Struct, frozen=True):
    """One verdict."""

    verdict: Verdict
    state: str
    at: datetime
    took: str
    window: str
    columns: Table
    figures: Table
    fairness: Table
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def screens() -> Screens:
    """The page of a verdict."""
    mine = Screens("verdicts")
    mine.page("/verdicts/{id}", template="pages/verdict.html", nav="monitors")(_one)
    return mine


def _one(calls: PageCalls, ask: Ask) -> Page:
    hub = slices(calls)
    found = hub.monitoring.verdict(VerdictId(ask.params["id"]))
    nodes, links = near(hub, f"verdict:{found.id}")
    data = VerdictData(
        found, "warn" if found.drifted else "ok", from_ms(found.at_ms), duration(found.took_ms / 1000), _window(found),
        verdict_columns(found), figures_table(found.figures), _fairness(found), nodes, links,
    )  # fmt: skip
    foot = Foot(f"GET /v1/verdicts/{found.id}", f"yard monitoring verdict {found.id}",
                f"yard.monitoring.verdict({str(found.id)!r})")  # fmt: skip
    crumbs = (
        Crumb("Monitors", "/monitors"), Crumb(found.monitor, f"/monitors/{found.monitor}"),
        Crumb(f"verdict {found.id[-6:]}"),
    )  # fmt: skip
    return Page(f"Verdict on {found.monitor}", data, crumbs, foot)


def _window(verdict: Verdict) -> str:
    if verdict.by_time:
        return f"{stamp(from_ms(verdict.start))} to {stamp(from_ms(verdict.end))}"
    return f"rows {number(verdict.start)} to {number(verdict.end)}, {plural(verdict.rows, 'row')}"


def _fairness(verdict: Verdict) -> Table:
    columns = (
        Column("by", "By", Kind.CODE), Column("what", "What"), Column("low", "Lowest"), Column("high", "Highest"),
        Column("gap", "Gap", Kind.SIGNED), Column("interval", "95 % interval"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (fair.column, word, gap.low, gap.high, gap.value, interval(gap.lower, gap.upper)),
            key=f"{fair.column}-{word}",
        )
        for fair in verdict.fairness
        for word, gap in (("selection", fair.selection), ("opportunity", fair.opportunity))
        if gap is not None
    )
    return Table("fairness", "By group", columns, rows)
