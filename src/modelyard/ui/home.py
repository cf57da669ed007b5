"""Home: how the yard stands in a sentence, its figures along the lifecycle, what needs somebody, what happened.

A slice that the looking actor may not read counts as unknown, never as nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Forbidden
from modelyard.monitoring.api import AlertState
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Foot, Page, Screens

T = TypeVar("T")


class Stage(Struct, frozen=True):
    """One stage of the lifecycle; `count` is None where the actor may not look, `more`: only 1,000 were counted."""

    name: str
    href: str
    count: int | None
    more: bool = False


class Need(Struct, frozen=True):
    """Something that waits for a person."""

    state: str
    text: str
    href: str
    since: datetime


class Happening(Struct, frozen=True):
    """Something that happened."""

    at: datetime
    kind: str
    refs: tuple[str, ...]


class HomeData(Struct, frozen=True):
    """What home shows."""

    sentence: str
    stages: tuple[Stage, ...]
    needs: tuple[Need, ...]
    activity: tuple[Happening, ...]


def screens() -> Screens:
    """Home."""
    mine = Screens("home")

    @mine.page("/", template="pages/home.html", nav="home")
    def home(calls: PageCalls, ask: Ask) -> Page:  # noqa: ARG001 - every page is called alike
        hub = slices(calls)
        waiting = tuple(sorted(needs(hub), key=lambda need: need.since))
        events = allowed(lambda: hub.governance.events(limit=15).items) or []
        activity = tuple(
            Happening(from_ms(e.at_ms), e.kind.replace("_", " ").replace(".", ": "), tuple(map(str, e.writes[:2])))
            for e in events
        )
        sentence = (
            f"{plural(len(waiting), 'thing needs', 'things need')} somebody." if waiting else "Nothing needs you."
        )
        foot = Foot("GET /v1/events", "yard governance events", "yard.governance.events()")
        return Page("Home", HomeData(sentence, _stages(hub), waiting, activity), foot=foot)

    return mine


def allowed(ask: Callable[[], T]) -> T | None:
    """What a question answers; None where the looking actor may not ask it."""
    try:
        return ask()
    except Forbidden:
        return None


def _stages(hub: Slices) -> tuple[Stage, ...]:
    counts: tuple[tuple[str, str, Callable[[], tuple[int, str | None]]], ...] = (
        ("tables", "/tables", lambda: (len((p := hub.lake.tables(limit=1000)).items), p.next)),
        ("runs", "/runs", lambda: (len((p := hub.tracking.runs(limit=1000)).items), p.next)),
        ("flow runs", "/pipelines", lambda: (sum(hub.pipelines.counts().by_status.values()), None)),
        ("models", "/models", lambda: (len((p := hub.registry.models(limit=1000)).items), p.next)),
        ("endpoints", "/endpoints", lambda: (len((p := hub.serving.endpoints(limit=1000)).items), p.next)),
        ("monitors", "/monitors", lambda: (len((p := hub.monitoring.monitors(limit=1000)).items), p.next)),
    )
    stages = []
    for name, href, count in counts:
        found = allowed(count)
        stages.append(Stage(name, href, found[0] if found else None, bool(found and found[1])))
    return tuple(stages)


def needs(hub: Slices) -> list[Need]:
    """What waits for somebody: open alerts, open proposals, rows held back."""
    alerts = allowed(lambda: hub.monitoring.alerts(state=AlertState.OPEN, limit=20).items) or []
    found = [Need("bad", a.message, "/alerts", from_ms(a.opened_ms)) for a in alerts]
    proposals = allowed(lambda: hub.registry.proposals(limit=50).items) or []
    found += [
        Need("wait", p.title or f"Let {p.name}@{p.version} be {p.alias}", "/proposals", from_ms(p.created_ms))
        for p in proposals
        if not p.state.is_over
    ]
    tables = allowed(lambda: hub.lake.tables(limit=100).items) or []
    found += [
        Need(
            "warn", f"{plural(t.quarantined, 'row')} of {t.name} held back", f"/tables/{t.name}", from_ms(t.updated_ms)
        )
        for t in tables
        if t.quarantined
    ]
    return found
