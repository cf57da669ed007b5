"""The inbox: what waits for somebody, the most urgent first."""

from __future__ import annotations

from modelyard.kernel.clock import from_ms
from modelyard.pipelines.api import RunStatus
from modelyard.ui.home import Need, allowed, needs
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Count, Foot, Page, Screens
from modelyard.ui.kit.tables import Column, Kind, LinkCell, MarkCell, Row, Table, TimeCell
from modelyard.ui.listing import ListData, list_page

_ORDER = ("bad", "warn", "wait")
_WORDS = {"bad": "failed", "warn": "look", "wait": "decide"}


def screens() -> Screens:
    """The inbox."""
    mine = Screens("inbox")
    mine.page("/inbox", template="pages/list.html", nav="inbox")(_inbox)

    @mine.count("inbox")
    def count(calls: PageCalls) -> Count | None:
        found = _waiting(calls)
        return Count(len(found), "bad" if any(n.state == "bad" for n in found) else "warn") if found else None

    return mine


def _waiting(calls: PageCalls) -> list[Need]:
    hub = slices(calls)
    failed = allowed(lambda: hub.pipelines.flow_runs(status=RunStatus.FAILED, limit=20).items) or []
    found = needs(hub)
    found += [
        Need("bad", f"{r.flow} failed: {r.error[:140]}", "/pipelines", from_ms(r.created_ms)) for r in failed
    ]  # fmt: skip
    return sorted(found, key=lambda need: (_ORDER.index(need.state), need.since))


def _inbox(calls: PageCalls, ask: Ask) -> Page:  # noqa: ARG001 - every page is called alike
    found = _waiting(calls)
    columns = (Column("state", "State"), Column("what", "What"), Column("since", "Since", Kind.TIME))
    rows = tuple(
        Row(
            (MarkCell(n.state, _WORDS[n.state]), LinkCell(n.text, n.href), TimeCell(n.since)), key=str(i), href=n.href
        )
        for i, n in enumerate(found)
    )  # fmt: skip
    said = f"{plural(len(found), 'thing needs', 'things need')} somebody." if found else "Nothing needs you."
    lines = "yard monitoring alerts\nyard registry proposals\nyard pipelines flow-runs"
    data = ListData("Inbox", said, Table("inbox", "Inbox", columns, rows), "Nothing waits", lines)
    foot = Foot("GET /v1/alerts, /v1/proposals, /v1/flow-runs", "yard monitoring alerts", "yard.monitoring.alerts()")
    return list_page(data, foot)
