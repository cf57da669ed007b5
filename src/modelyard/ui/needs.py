"""What waits for a person, most urgent first: burning alerts, failed flows, dead endpoints, proposals, rows held back.

A slice that the looking actor may not read counts as unknown, never as nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from modelyard.cost.api import Level
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Forbidden
from modelyard.monitoring.api import AlertState, Severity
from modelyard.pipelines.api import FlowRun, RunStatus
from modelyard.serving.api import Stand
from modelyard.teamwork.api import Comment
from modelyard.ui.hub import Slices
from modelyard.ui.kit.figures import plural, share
from modelyard.ui.kit.refs import shown
from modelyard.ui.models import proposal_url

T = TypeVar("T")
_ORDER = ("bad", "warn", "wait")


class Need(Struct, frozen=True):
    """Something that waits for a person: `does` is the button's verb."""

    state: str
    text: str
    href: str
    since: datetime
    ref: str = ""
    note: str = ""
    does: str = "Look"


def allowed(ask: Callable[[], T]) -> T | None:
    """What a question answers; None where the looking actor may not ask it."""
    try:
        return ask()
    except Forbidden:
        return None


def needs(hub: Slices) -> tuple[Need, ...]:
    """All that waits for somebody, the most urgent first."""
    found = [
        *_alerts(hub),
        *_flows(hub),
        *_endpoints(hub),
        *_proposals(hub),
        *_mentions(hub),
        *_held(hub),
        *_budgets(hub),
    ]
    return tuple(sorted(found, key=lambda need: (_ORDER.index(need.state), -need.since.timestamp())))


def failing(runs: list[FlowRun]) -> list[FlowRun]:
    """The flows whose latest run failed, given runs newest first."""
    latest: dict[str, FlowRun] = {}
    for run in runs:
        if run.is_over and run.status is not RunStatus.CANCELLED:
            latest.setdefault(run.flow, run)
    return [run for run in latest.values() if run.status is RunStatus.FAILED]


def _alerts(hub: Slices) -> list[Need]:
    alerts = allowed(lambda: hub.monitoring.alerts(state=AlertState.OPEN, limit=20).items) or []
    burning = []
    for a in alerts:
        said, _, more = a.message.partition("; ")
        state = "bad" if a.severity is Severity.CRITICAL else "warn"
        note = f"{plural(a.times, 'verdict')} in a row" if a.times > 1 else "for the first time"
        note = f"{note} · {more}" if more else note
        burning.append(Need(state, said, f"/alerts/{a.id}", from_ms(a.opened_ms), f"monitor:{a.monitor}", note))
    return burning


def _flows(hub: Slices) -> list[Need]:
    runs = allowed(lambda: hub.pipelines.flow_runs(limit=50).items) or []
    return [
        Need(
            "bad", f"{r.flow} failed", f"/pipelines/{r.id}", from_ms(r.finished_ms or r.created_ms),
            f"flow_run:{r.id}", r.error[:160], "Read",
        )
        for r in failing(runs)
    ]  # fmt: skip


def _endpoints(hub: Slices) -> list[Need]:
    found = allowed(lambda: hub.serving.endpoints(limit=100).items) or []
    return [
        Need(
            "bad" if e.stand is Stand.DOWN else "warn", f"{e.name} is {e.stand.value}", f"/endpoints/{e.name}",
            from_ms(e.updated_ms), str(e.ref), e.reason,
        )
        for e in found
        if e.stand in (Stand.DOWN, Stand.DEGRADED)
    ]  # fmt: skip


def _proposals(hub: Slices) -> list[Need]:
    found = allowed(lambda: hub.registry.proposals(limit=50).items) or []
    needed = []
    for p in found:
        if p.state.is_over:
            continue
        votes = sum(r.vote.value == "approve" for r in p.reviews)
        gates = "gates not run"
        if p.results:
            gates = f"{sum(g.outcome.opens for g in p.results)} of {len(p.results)} gates open"
        needed.append(
            Need(
                "wait", p.title or f"Let {p.name}@{p.version} be {p.alias}", proposal_url(p),
                from_ms(p.created_ms), f"model:{p.name}@{p.version}", f"{gates} · {votes} of {p.needed} approvals",
                "Review",
            )
        )  # fmt: skip
    return needed


def _mentions(hub: Slices) -> list[Need]:
    """What somebody said to the looking actor, until that one has said something about the same thing."""
    said = allowed(lambda: hub.teamwork.mentions(limit=20).items) or []
    newest: dict[str, Comment] = {}
    for comment in said:
        newest.setdefault(str(comment.about), comment)
    me = hub.governance.whoami().id if newest else ""
    waiting = []
    for about, comment in newest.items():
        answers = hub.teamwork.comments(comment.about, limit=20).items
        if not any(a.author == me and a.at_ms >= comment.at_ms for a in answers):
            words = comment.text if len(comment.text) < 100 else f"{comment.text[:99]}…"
            waiting.append(
                Need(
                    "wait", f"{comment.author_name} mentions you", shown(about).href, from_ms(comment.at_ms), about,
                    words, "Answer",
                )
            )  # fmt: skip
    return waiting


def _held(hub: Slices) -> list[Need]:
    tables = allowed(lambda: hub.lake.tables(limit=100).items) or []
    return [
        Need(
            "warn", f"{plural(t.quarantined, 'row')} of {t.name} held back", f"/tables/{t.name}/quarantine",
            from_ms(t.updated_ms), f"table:{t.name}",
            f"{share(t.quarantined / (t.rows + t.quarantined))} of what came; mend, replay or drop them", "Mend",
        )
        for t in tables
        if t.quarantined
    ]  # fmt: skip


def _budgets(hub: Slices) -> list[Need]:
    return [
        Need(
            "bad" if b.level is Level.SPENT else "warn", f"Budget {b.name} is {share(b.share, 0)} spent", "/cost",
            from_ms(b.since_ms), f"budget:{b.name}", f"{b.spent} of {b.limit} each {b.period.value}", "Adjust",
        )
        for b in allowed(hub.cost.budgets) or []
        if b.level is not Level.WITHIN
    ]  # fmt: skip
