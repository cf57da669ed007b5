"""The inbox: what waits for somebody, the most urgent first."""

from __future__ import annotations

from msgspec import Struct

from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Count, Crumb, Foot, Page, Screens
from modelyard.ui.needs import Need, needs


class InboxData(Struct, frozen=True):
    """What waits."""

    sentence: str
    needs: tuple[Need, ...]


def screens() -> Screens:
    """The inbox."""
    mine = Screens("inbox")
    mine.page("/inbox", template="pages/inbox.html", nav="inbox")(_inbox)

    @mine.count("inbox")
    def count(calls: PageCalls) -> Count | None:
        found = needs(slices(calls))
        return Count(len(found), "bad" if any(n.state == "bad" for n in found) else "warn") if found else None

    return mine


def _inbox(calls: PageCalls, ask: Ask) -> Page:  # noqa: ARG001 - every page is called alike
    found = needs(slices(calls))
    said = f"{plural(len(found), 'thing needs', 'things need')} somebody." if found else "Nothing needs you."
    foot = Foot("GET /v1/alerts, /v1/proposals, /v1/flow-runs", "yard monitoring alerts", "yard.monitoring.alerts()")
    return Page("Inbox", InboxData(said, found), (Crumb("Inbox"),), foot)
