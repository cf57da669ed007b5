"""How tables stand to their contracts: all of them at a glance, and the reports of late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.quality.api import Contract, DeclaredContract, Report, Verdict
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    Cell,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    RefCell,
    Row,
    Table,
    TimeCell,
    TrendCell,
)
from modelyard.ui.needs import allowed

MARK = {Verdict.PASSED: "ok", Verdict.WARNED: "warn", Verdict.QUARANTINED: "warn", Verdict.BLOCKED: "bad"}
_LATE, _PAGE, _TREND = 100, 60, 24


class QualityData(Struct, frozen=True):
    """Every contract with how its table stands, and reports, newest first; `table` is the one they are of."""

    sentence: str
    contracts: Table
    reports: Table
    table: str


def screens() -> Screens:
    """The page of all contracts and reports."""
    mine = Screens("standings")
    mine.page("/quality", template="pages/quality.html", nav="quality")(_all)
    return mine


def standings(hub: Slices) -> Mapping[str, MarkCell]:
    """Tables with a contract -> how they stood when they were last held to it."""
    newest: dict[str, Report] = {}
    for report in allowed(lambda: hub.quality.reports(limit=_LATE).items) or ():
        newest.setdefault(report.table, report)
    declared = allowed(lambda: hub.quality.contracts(limit=1000).items) or ()
    return {one.table: _mark(newest.get(one.table)) for one in declared}


def _mark(report: Report | None) -> MarkCell:
    return MarkCell("wait", "not checked of late") if report is None else MarkCell(MARK[report.verdict], report.verdict)


def _all(calls: PageCalls, ask: Ask) -> Page:
    quality, only = slices(calls).quality, ask.text("table")
    page = quality.reports(table=only or None, limit=_PAGE, cursor=ask.text("after") or None)
    late: Sequence[Report] = page.items if not (only or ask.text("after")) else quality.reports(limit=_LATE).items
    declared = quality.contracts(limit=1000).items
    newest = {report.table: report for report in reversed(late)}
    broken = sum(newest[one.table].verdict is not Verdict.PASSED for one in declared if one.table in newest)
    said = f"{plural(len(declared), 'table has a contract', 'tables have a contract')}; {broken or 'none'} of them "
    said += "broke it when last checked." if broken != 1 else "broke its when last checked."
    data = QualityData(
        said if declared else "No table has a contract yet.", _contracts(declared, late, newest),
        _reports(page.items, page.next or ""), only,
    )  # fmt: skip
    return Page("Quality", data, (Crumb("Quality"),), Foot("GET /v1/reports", "yard quality reports",
                                                          "yard.quality.reports()"))  # fmt: skip


def _contracts(declared: Sequence[DeclaredContract], late: Sequence[Report], newest: Mapping[str, Report]) -> Table:
    columns = (
        Column("table", "Table"), Column("stands", "Stands"), Column("trend", "Rows that broke it, of late"),
        Column("asks", "Asks", Kind.COUNT, unit="rules"), Column("version", "Contract", Kind.COUNT),
        Column("worst", "Above all"), Column("at", "Checked", Kind.TIME),
    )  # fmt: skip
    rows = []
    for one in declared:
        last, shares = newest.get(one.table), [_share(r) for r in late if r.table == one.table][:_TREND]
        rows.append(
            Row(
                (
                    RefCell(f"table:{one.table}", bare=True), _mark(last), TrendCell(tuple(reversed(shares))),
                    rules(one.contract), LinkCell(f"@{one.version}", f"/tables/{one.table}/contract"), _worst(last),
                    TimeCell(from_ms(last.at_ms)) if last else NONE,
                ),
                key=one.table, href=f"/quality/{last.id}" if last else f"/tables/{one.table}/contract",
                ref=f"contract:{one.table}",
            )
        )  # fmt: skip
    return Table("contracts", "Contracts", columns, tuple(rows))


def rules(contract: Contract) -> int:
    """How many rules a contract has."""
    many = (
        contract.columns, contract.unique, contract.references, contract.freshness, contract.drift, contract.balance,
        contract.checks, contract.queries,
    )  # fmt: skip
    return sum(map(len, many)) + (contract.rows is not None) + (contract.volume is not None)


def _share(report: Report) -> float:
    return max((r.share for r in report.results), default=0.0)


def _worst(report: Report | None) -> Cell:
    broken = [r for r in report.results if r.failed] if report else []
    if not broken or report is None:
        return NONE
    worst = max(broken, key=lambda r: r.failed)
    return f"{worst.name}: {plural(worst.failed, 'row')}"[:120]


def _reports(found: Sequence[Report], following: str) -> Table:
    columns = (
        Column("table", "Table"), Column("verdict", "Verdict"), Column("about", "Checked"),
        Column("rows", "Rows", Kind.COUNT), Column("rejected", "Held back", Kind.COUNT),
        Column("contract", "Contract", Kind.COUNT), Column("broken", "Broken checks"), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(f"table:{r.table}", bare=True), MarkCell(MARK[r.verdict], r.verdict.value),
                RefCell(str(r.about)), r.rows, r.rejected, r.contract,
                ", ".join(f"{c.name} ({c.failed})" for c in r.results if c.failed)[:200] or NONE,
                TimeCell(from_ms(r.at_ms)),
            ),
            key=str(r.id), href=f"/quality/{r.id}", ref=f"report:{r.id}",
        )
        for r in found
    )  # fmt: skip
    return Table("reports", "Reports", columns, rows, next=following)
