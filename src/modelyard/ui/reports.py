"""The screen of quality: the reports of contracts, newest first, the worst said in words."""

from __future__ import annotations

from modelyard.kernel.clock import from_ms
from modelyard.quality.api import Verdict
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Column, Kind, MarkCell, RefCell, Row, Table, TimeCell
from modelyard.ui.listing import ListData, list_page

_MARK = {Verdict.PASSED: "ok", Verdict.WARNED: "warn", Verdict.QUARANTINED: "warn", Verdict.BLOCKED: "bad"}


def screens() -> Screens:
    """The page of quality."""
    mine = Screens("quality")
    mine.page("/quality", template="pages/list.html", nav="quality")(_reports)
    return mine


def _reports(calls: PageCalls, ask: Ask) -> Page:
    name = ask.text("table")
    page = slices(calls).quality.reports(table=name or None, limit=60, cursor=ask.text("after") or None)
    columns = (
        Column("table", "Table"), Column("verdict", "Verdict"), Column("about", "Checked"),
        Column("rows", "Rows", Kind.COUNT), Column("rejected", "Held back", Kind.COUNT),
        Column("contract", "Contract", Kind.COUNT), Column("broken", "Broken checks"), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(f"table:{r.table}", bare=True), MarkCell(_MARK[r.verdict], r.verdict.value),
                RefCell(str(r.about)), r.rows, r.rejected, r.contract,
                ", ".join(f"{c.name} ({c.failed})" for c in r.results if c.failed)[:200] or NONE,
                TimeCell(from_ms(r.at_ms)),
            ),
            key=str(r.id),
        )
        for r in page.items
    )  # fmt: skip
    broken = sum(r.verdict is not Verdict.PASSED for r in page.items)
    state = f"{broken} of {plural(len(rows), 'report')} shown found something." if rows else "No report yet."
    table = Table("reports", "Reports", columns, rows, next=page.next or "")
    lines = "yard quality suggest trips\nyard quality declare-text trips --help\nyard quality check trips"
    data = ListData("Quality", state, table, "No report yet", lines, bool(name), clear="/quality")
    return list_page(data, Foot("GET /v1/reports", "yard quality reports", "yard.quality.reports()"))
