"""The lists of models, proposals, endpoints, monitors, alerts, audit: state first, then rows."""

from __future__ import annotations

from modelyard.kernel.clock import from_ms
from modelyard.monitoring.api import AlertState
from modelyard.pipelines.api import RunStatus
from modelyard.registry.api import ProposalState
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Count, Foot, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    ActorCell,
    AliasCell,
    Cell,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    RefCell,
    Row,
    Table,
    TimeCell,
)
from modelyard.ui.listing import ListData, list_page
from modelyard.ui.models import model_url, proposal_url

_STAND = {"serving": "ok", "degraded": "warn", "starting": "run", "down": "bad"}
_ALERT = {"open": "bad", "acknowledged": "warn", "resolved": "ok"}
_PROPOSAL = {"open": "wait", "approved": "ok", "declined": "bad", "merged": "ok", "withdrawn": "off"}


def screens() -> Screens:
    """The list pages."""
    mine = Screens("lists")
    for path, make in (
        ("models", _models), ("proposals", _proposals),
        ("endpoints", _endpoints), ("monitors", _monitors), ("alerts", _alerts), ("audit", _audit),
    ):  # fmt: skip
        mine.page(f"/{path}", template="pages/list.html", nav=path)(make)
    _counts(mine)
    return mine


def _counts(mine: Screens) -> None:
    """What matters now, beside the names in the navigation."""

    @mine.count("alerts")
    def alerts(calls: PageCalls) -> Count | None:
        burning = len(slices(calls).monitoring.alerts(state=AlertState.OPEN, limit=100).items)
        return Count(burning, "bad") if burning else None

    @mine.count("proposals")
    def proposals(calls: PageCalls) -> Count | None:
        waiting = len(slices(calls).registry.proposals(state=ProposalState.OPEN, limit=100).items)
        return Count(waiting) if waiting else None

    @mine.count("pipelines")
    def pipelines(calls: PageCalls) -> Count | None:
        running = slices(calls).pipelines.counts().by_status.get(RunStatus.RUNNING, 0)
        return Count(running, "run") if running else None


def _after(ask: Ask) -> str | None:
    return ask.text("after") or None


def _models(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).registry.models(limit=60, cursor=_after(ask))
    columns = (
        Column("name", "Model"), Column("versions", "Last version", Kind.COUNT), Column("aliases", "Aliases"),
        Column("says", "Description"), Column("at", "Changed", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(m.name, model_url(m.name)), m.last_version,
                AliasCell(tuple(f"{a}@{v}" for a, v in sorted(m.aliases.items()))),
                m.description[:120] or NONE, TimeCell(from_ms(m.updated_ms)),
            ),
            key=m.name, href=model_url(m.name), ref=f"model:{m.name}",
        )
        for m in page.items
    )  # fmt: skip
    held = sum("production" in m.aliases for m in page.items)
    state = f"{held} of {plural(len(rows), 'model')} shown has a version in production." if rows else "No model yet."
    lines = "yard registry create-model tips\nyard registry register tips runs:/RUN/model\nyard registry propose tips 1"
    table = Table("models", "Models", columns, rows, next=page.next or "")
    foot = Foot("GET /v1/models", "yard registry models", "yard.registry.models()")
    return list_page(ListData("Models", state, table, "No model yet", lines), foot)


def _proposals(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).registry.proposals(limit=60, cursor=_after(ask))
    columns = (
        Column("what", "Proposal"), Column("model", "Version"), Column("alias", "For"), Column("state", "State"),
        Column("gates", "Gates open"), Column("votes", "Approvals"), Column("at", "Opened", Kind.TIME),
    )  # fmt: skip
    rows = []
    for p in page.items:
        gates = f"{sum(g.outcome.opens for g in p.results)} of {len(p.results)}" if p.results else "not run"
        votes = f"{sum(r.vote.value == 'approve' for r in p.reviews)} of {p.needed}"
        mark = MarkCell(_PROPOSAL[p.state.value], p.state.value)
        cells: tuple[Cell, ...] = (
            LinkCell(p.title or f"Proposal {p.number}", proposal_url(p)),
            RefCell(f"model:{p.name}@{p.version}"),
        )
        cells += (AliasCell((p.alias,)), mark, gates, votes, TimeCell(from_ms(p.created_ms)))
        rows.append(Row(cells, key=str(p.number), href=proposal_url(p), ref=str(p.ref)))
    waiting = sum(not p.state.is_over for p in page.items)
    state = f"{plural(waiting, 'proposal waits', 'proposals wait')} for a decision." if rows else "No proposal yet."
    lines = "yard registry propose tips 1\nyard registry run-gates tips 1\nyard registry approve tips 1"
    table = Table("proposals", "Proposals", columns, tuple(rows), next=page.next or "")
    foot = Foot("GET /v1/proposals", "yard registry proposals", "yard.registry.proposals()")
    return list_page(ListData("Proposals", state, table, "No proposal yet", lines), foot)


def _endpoints(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).serving.endpoints(limit=60, cursor=_after(ask))
    columns = (
        Column("name", "Endpoint"), Column("state", "State"), Column("route", "Route"), Column("why", "Why"),
        Column("at", "Changed", Kind.TIME),
    )  # fmt: skip
    rows = []
    for e in page.items:
        total = sum(arm.weight for arm in e.route.arms) or 1.0
        route = ", ".join(f"{arm.role} @{arm.revision} {arm.weight / total * 100:.0f} %" for arm in e.route.arms)
        mark = MarkCell(_STAND[e.stand.value], e.stand.value)
        cells = (RefCell(str(e.ref), e.name, bare=True), mark, route, e.reason or NONE, TimeCell(from_ms(e.updated_ms)))
        rows.append(Row(cells, key=e.name, href=f"/endpoints/{e.name}", ref=str(e.ref)))
    bad = [e.name for e in page.items if e.stand.value != "serving"]
    state = f"{', '.join(bad)} not fully serving." if bad else "All endpoints answer." if rows else "No endpoint yet."
    lines = "yard serving deploy tips tips@production\nyard serving endpoints\nyard serving predictions tips"
    table = Table("endpoints", "Endpoints", columns, tuple(rows), next=page.next or "")
    foot = Foot("GET /v1/endpoints", "yard serving endpoints", "yard.serving.endpoints()")
    return list_page(ListData("Endpoints", state, table, "No endpoint yet", lines), foot)


def _monitors(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).monitoring.monitors(limit=60, cursor=_after(ask))
    columns = (
        Column("name", "Monitor"), Column("state", "Last verdict"), Column("table", "Watches"),
        Column("ref", "Against"), Column("at", "Judged", Kind.TIME),
    )  # fmt: skip
    words = {None: MarkCell("wait", "not judged"), True: MarkCell("warn", "drifted"), False: MarkCell("ok", "no drift")}
    rows = tuple(
        Row(
            (
                RefCell(str(m.ref), m.name, bare=True), words[m.drifted],
                RefCell(f"table:{m.watch.table}"), RefCell(str(m.watch.reference)),
                NONE if m.last_ms is None else TimeCell(from_ms(m.last_ms)),
            ),
            key=m.name, href=f"/monitors/{m.name}", ref=str(m.ref),
        )
        for m in page.items
    )  # fmt: skip
    drifting = sum(bool(m.drifted) for m in page.items)
    state = f"{drifting} of {plural(len(rows), 'monitor')} shown saw drift last." if rows else "No monitor yet."
    lines = "yard monitoring define-monitor --help\nyard monitoring check MONITOR\nyard monitoring verdicts"
    table = Table("monitors", "Monitors", columns, rows, next=page.next or "")
    foot = Foot("GET /v1/monitors", "yard monitoring monitors", "yard.monitoring.monitors()")
    return list_page(ListData("Monitors", state, table, "No monitor yet", lines), foot)


def _alerts(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).monitoring.alerts(limit=60, cursor=_after(ask))
    columns = (
        Column("what", "Alert"), Column("state", "State"), Column("monitor", "Monitor"),
        Column("times", "Times", Kind.COUNT), Column("at", "Since", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(str(a.ref), a.message[:160], bare=True), MarkCell(_ALERT[a.state.value], a.state.value),
                RefCell(f"monitor:{a.monitor}"),
                a.times, TimeCell(from_ms(a.opened_ms)),
            ),
            key=str(a.id), href=f"/alerts/{a.id}", ref=str(a.ref),
        )
        for a in page.items
    )  # fmt: skip
    burning = sum(a.state.value == "open" for a in page.items)
    state = f"{plural(burning, 'alert burns', 'alerts burn')}." if burning else "No alert burns."
    lines = "yard monitoring define-rule --help\nyard monitoring check MONITOR\nyard monitoring alerts"
    table = Table("alerts", "Alerts", columns, rows, next=page.next or "")
    foot = Foot("GET /v1/alerts", "yard monitoring alerts", "yard.monitoring.alerts()")
    return list_page(ListData("Alerts", state, table, "No alert yet", lines), foot)


_END = {"ok": "ok", "begun": "wait"}


def _audit(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).governance.audit(outcome=ask.text("outcome") or None, limit=60, cursor=_after(ask))
    columns = (
        Column("at", "When", Kind.TIME), Column("who", "Who"), Column("what", "Operation", Kind.CODE),
        Column("about", "About"), Column("outcome", "Outcome"), Column("hash", "Hash", Kind.CODE),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                TimeCell(from_ms(e.at_ms)), ActorCell(e.actor_name), e.operation,
                RefCell(str(e.about)) if e.about else NONE, MarkCell(_END.get(e.outcome, "bad"), e.outcome),
                e.hash[:12],
            ),
            key=str(e.seq),
        )
        for e in page.items
    )  # fmt: skip
    refused = sum(e.outcome not in _END for e in page.items)
    state = f"{plural(len(rows), 'call')} on this page, {refused} not ok. Verify with: yard governance verify-audit"
    table = Table("audit", "Audit", columns, rows, next=page.next or "")
    foot = Foot("GET /v1/audit", "yard governance audit", "yard.governance.audit()")
    lines = "yard lake tables\nyard governance audit\nyard governance verify-audit"
    data = ListData("Audit", state, table, "Nothing was done yet", lines, bool(ask.text("outcome")), clear="/audit")
    return list_page(data, foot)
