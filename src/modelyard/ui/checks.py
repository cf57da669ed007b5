"""The screens of one check: every row that broke it in a report, and how it went from report to report."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, structs

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Gone, InvalidInput
from modelyard.quality.api import Outcome, Report, ReportId, Severity
from modelyard.ui import streams
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import number, plural, share
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Cell, Column, Kind, LinkCell, MarkCell, RefCell, Row, Table, TimeCell

_PAGE, _TREND = 100, 100
_MOST = 1_000_000


class FailingData(Struct, frozen=True):
    """Rows that broke a check; `fault` is why they cannot be shown."""

    report: Report
    check: str
    sentence: str
    rows: Table | None
    fault: str
    whole: str


class CheckData(Struct, frozen=True):
    """One check over time; `points` are its figures, oldest first: shares, or what it measures."""

    table: str
    check: str
    sentence: str
    outcomes: Table
    points: tuple[float, ...]
    measures: bool
    first: datetime | None
    last: datetime | None


def screens() -> Screens:
    """The pages of a check."""
    mine = Screens("checks")
    mine.page("/quality/{report}/rows", template="pages/failing.html", nav="quality")(_failing)
    mine.page("/tables/{name}/check", template="pages/check.html", nav="quality")(_trend)
    return mine


def _failing(calls: PageCalls, ask: Ask) -> Page:
    quality, check = slices(calls).quality, ask.text("check")
    report = quality.report(ReportId(ask.params["report"]))
    result = next((r for r in report.results if r.name == check), None)
    first, rows, fault = ask.number("after", 0, high=_MOST), None, ""
    try:
        answer = streams.read(quality.failing_rows(report.table, report.id, check), most=_PAGE, first=first)
        following = str(first + len(answer.rows)) if answer.cut else ""
        rows = _led(streams.shown(answer, "failing", f"Rows that break {check}", first=first, following=following))
    except (Gone, InvalidInput) as refused:
        fault = refused.detail
    said = "They cannot be shown one by one."
    if rows is not None and result is not None:
        said = f"{plural(result.failed, 'row')}, {share(result.share)} of {number(report.rows)}; all of them, no cap."
    road = f"/v1/tables/{report.table}/reports/{report.id}/rows"
    data = FailingData(report, check, said, rows, fault, road)
    foot = Foot(f"GET {road}?check={check}"[:300], f"yard quality failing-rows {report.table} {report.id} {check!r}",
                f"yard.quality.failing_rows({report.table!r}, {str(report.id)!r}, {check!r})")  # fmt: skip
    crumbs = (
        Crumb("Quality", "/quality"), Crumb(report.table, f"/tables/{report.table}"),
        Crumb(f"report {report.id[-6:]}", f"/quality/{report.id}"), Crumb(check),
    )  # fmt: skip
    return Page(f"Rows that break {check}", data, crumbs, foot)


def _led(table: Table) -> Table:
    """Rows with a way to the load that brought each."""
    at = next((i for i, c in enumerate(table.columns) if c.head == "_load"), None)
    if at is None:
        return table
    rows = tuple(
        structs.replace(row, cells=(*row.cells[:at], _load(row.cells[at]), *row.cells[at + 1 :])) for row in table.rows
    )
    return structs.replace(table, rows=rows)


def _load(cell: Cell) -> Cell:
    return LinkCell(f"load {cell[-6:]}", f"/loads/{cell}") if isinstance(cell, str) else cell


def _trend(calls: PageCalls, ask: Ask) -> Page:
    table, check = ask.params["name"], ask.text("check")
    page = slices(calls).quality.trend(table, check, cursor=ask.text("after") or None, limit=_TREND)
    outcomes = page.items
    measures = any(o.measured is not None for o in outcomes)
    points = tuple((o.measured or 0.0) if measures else o.share for o in reversed(outcomes))
    data = CheckData(
        table, check, _said(outcomes), _outcomes(outcomes, check, page.next or ""), points, measures,
        from_ms(outcomes[-1].at_ms) if outcomes else None, from_ms(outcomes[0].at_ms) if outcomes else None,
    )  # fmt: skip
    foot = Foot(f"GET /v1/tables/{table}/trend?check={check}"[:300], f"yard quality trend {table} {check!r}",
                f"yard.quality.trend({table!r}, {check!r})")  # fmt: skip
    crumbs = (Crumb("Quality", "/quality"), Crumb(table, f"/tables/{table}"), Crumb(check))
    return Page(f"{check} of {table}", data, crumbs, foot)


def _said(outcomes: list[Outcome]) -> str:
    if not outcomes:
        return "No report has looked at it."
    broke = sum(o.broke for o in outcomes)
    newest = f"it {'broke' if outcomes[0].broke else 'held'} in the newest"
    return f"It broke in {broke} of {plural(len(outcomes), 'report')}; {newest}."


def _outcomes(outcomes: list[Outcome], check: str, following: str) -> Table:
    columns = (
        Column("at", "When", Kind.TIME), Column("state", "Stands"), Column("rows", "Rows that break it", Kind.COUNT),
        Column("share", "Share", Kind.SHARE), Column("measured", "Measured", Kind.METRIC), Column("about", "Checked"),
        Column("contract", "Contract", Kind.COUNT), Column("report", "Report"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                TimeCell(from_ms(o.at_ms)), _stands(o), o.failed, o.share, NONE if o.measured is None else o.measured,
                RefCell(str(o.about)), o.contract, LinkCell(f"report {o.report[-6:]}", f"/quality/{o.report}"),
            ),
            key=str(o.report), href=f"/quality/{o.report}", ref=f"report:{o.report}",
        )
        for o in outcomes
    )  # fmt: skip
    return Table("outcomes", f"How {check} went", columns, rows, next=following)


def _stands(outcome: Outcome) -> MarkCell:
    if not outcome.broke:
        return MarkCell("ok", "held")
    return MarkCell("warn" if outcome.severity is Severity.WARN else "bad", f"broke, {outcome.severity.value}")
