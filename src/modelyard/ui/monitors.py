"""The screens of one monitor and one alert: what the last verdict says, why, and what an alert set off."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.monitoring.api import (
    Action,
    Alert,
    AlertId,
    Bound,
    Errand,
    Monitor,
    Notify,
    Retrain,
    Verdict,
    VerdictLine,
)
from modelyard.ui.endpoints import names_of
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
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
    ToneCell,
)

ALERT_MARKS = {"open": "bad", "acknowledged": "warn", "resolved": "ok"}
_ERRAND = {"waiting": "wait", "done": "ok", "failed": "bad"}


class MonitorData(Struct, frozen=True):
    """One monitor; `verdict` is its newest, None while nothing was judged."""

    monitor: Monitor
    verdict: Verdict | None
    judged: datetime | None
    mark: str
    sentence: str
    columns: Table
    figures: Table
    shares: tuple[float, ...]
    verdicts: Table
    rules: Table
    alerts: Table


class AlertData(Struct, frozen=True):
    """One alert with what it set off."""

    alert: Alert
    mark: str
    sentence: str
    opened: datetime
    last: datetime
    resolved: datetime | None
    bound: str
    errands: Table


def screens() -> Screens:
    """The pages and forms of monitors and alerts."""
    mine = Screens("monitoring")
    mine.page("/monitors/{name}", template="pages/monitor.html", nav="monitors")(_monitor)
    mine.page("/alerts/{id}", template="pages/alert.html", nav="alerts")(_alert)
    mine.form("/monitors/{name}/check")(_check)
    mine.form("/alerts/{id}/acknowledge")(_acknowledge)
    mine.form("/alerts/{id}/resolve")(_resolve)
    return mine


def _check(calls: PageCalls, ask: Ask) -> Done:
    verdict = slices(calls).monitoring.check(ask.params["name"])
    return Done(f"/monitors/{verdict.monitor}", verdict.sentence, tone="warn" if verdict.drifted else "ok")


def _acknowledge(calls: PageCalls, ask: Ask) -> Done:
    alert = slices(calls).monitoring.acknowledge(AlertId(ask.params["id"]), note=ask.form.get("reason", ""))
    return Done(f"/alerts/{alert.id}", "Acknowledged: everybody sees that you have it", str(alert.ref))


def _resolve(calls: PageCalls, ask: Ask) -> Done:
    alert = slices(calls).monitoring.resolve(AlertId(ask.params["id"]), note=ask.form.get("reason", ""))
    return Done(f"/alerts/{alert.id}", "Resolved: the next broken verdict opens another", str(alert.ref))


def _monitor(calls: PageCalls, ask: Ask) -> Page:
    monitoring, name = slices(calls).monitoring, ask.params["name"]
    monitor = monitoring.monitor(name)
    verdict = None if monitor.last is None else monitoring.verdict(monitor.last)
    lines = monitoring.verdicts(monitor=name, cursor=ask.text("after") or None, limit=20)
    sentence = "Nothing was judged yet." if verdict is None else verdict.sentence
    data = MonitorData(
        monitor, verdict, None if verdict is None else from_ms(verdict.at_ms),
        "wait" if verdict is None else "warn" if verdict.drifted else "ok", sentence, verdict_columns(verdict),
        figures_table({} if verdict is None else verdict.figures),
        tuple(line.figures.get("drifted_share", 0.0) for line in reversed(lines.items)),
        _verdicts(lines.items, lines.next or ""), _rules(calls, name), _alerts(calls, name),
    )  # fmt: skip
    foot = Foot(f"GET /v1/monitors/{name}", f"yard monitoring monitor {name}", f"yard.monitoring.monitor({name!r})")
    return Page(name, data, (Crumb("Monitors", "/monitors"), Crumb(name)), foot)


def verdict_columns(verdict: Verdict | None) -> Table:
    """The columns of a verdict, those that drifted first."""
    columns = (
        Column("name", "Column", Kind.CODE), Column("state", "State"), Column("measure", "Measure"),
        Column("distance", "Distance", Kind.METRIC, group="Distance"),
        Column("threshold", "Threshold", Kind.METRIC, group="Distance"),
        Column("q", "q", Kind.METRIC, group="Distance"),
        Column("shift", "Shift", Kind.SIGNED, group="Distance", unit="sd", digits=2),
        Column("nulls", "Now", Kind.SHARE, group="Nulls"), Column("were", "Reference", Kind.SHARE, group="Nulls"),
        Column("unseen", "Unseen", Kind.SHARE, group="Categories"),
    )  # fmt: skip
    found = sorted(verdict.columns if verdict else (), key=lambda c: (not (c.drifted or c.null_drifted), c.q_value))
    rows = []
    for c in found:
        mark = MarkCell("warn", "drifted") if c.drifted else MarkCell("ok", "no drift")
        cells: list[Cell] = [c.name, MarkCell("warn", "nulls drifted") if c.null_drifted and not c.drifted else mark]
        cells += [c.measure, ToneCell(c.distance, "warn") if c.drifted else c.distance, c.threshold, c.q_value]
        cells += [NONE if c.shift is None else c.shift]
        cells += [ToneCell(c.null_share, "warn") if c.null_drifted else c.null_share, c.reference_null_share]
        rows.append(Row((*cells, c.unseen_share if c.kind == "category" else NONE), key=c.name))
    return Table("columns", "Columns", columns, tuple(rows))


def figures_table(figures: dict[str, float]) -> Table:
    """The figures of a verdict, by name."""
    heads = (Column("name", "Figure", Kind.CODE), Column("value", "Value", Kind.NUMBER))
    return Table("figures", "Figures", heads, tuple(Row((key, figures[key]), key=key) for key in sorted(figures)))


def _verdicts(lines: list[VerdictLine], following: str) -> Table:
    columns = (
        Column("at", "When", Kind.TIME), Column("state", "State"), Column("says", "Verdict"),
        Column("rows", "Rows", Kind.COUNT), Column("window", "Window"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                TimeCell(from_ms(v.at_ms)), MarkCell("warn", "drifted") if v.drifted else MarkCell("ok", "no drift"),
                LinkCell(v.sentence, f"/verdicts/{v.id}"), v.rows, RefCell(str(v.window)),
            ),
            key=str(v.id), href=f"/verdicts/{v.id}", ref=f"verdict:{v.id}",
        )
        for v in lines
    )  # fmt: skip
    return Table("verdicts", "Verdicts", columns, rows, next=following)


def _bound(bound: Bound) -> str:
    sides = [f"above {bound.above:g}" if bound.above is not None else ""]
    sides.append(f"below {bound.below:g}" if bound.below is not None else "")
    lasting = f", {bound.windows} verdicts in a row" if bound.windows > 1 else ""
    return f"{bound.figure} {' or '.join(s for s in sides if s)}{lasting}"


def _does(action: Action) -> str:
    if isinstance(action, Notify):
        return f"notify {action.webhook}"
    return f"start {action.flow}" if isinstance(action, Retrain) else f"roll back {action.endpoint}"


def _rules(calls: PageCalls, name: str) -> Table:
    columns = (
        Column("name", "Rule"), Column("bound", "Broken by"), Column("severity", "Severity"),
        Column("does", "Then"),
    )  # fmt: skip
    rows = tuple(
        Row((r.name, _bound(r.bound), r.severity.value, ", ".join(map(_does, r.actions)) or NONE), key=r.name)
        for r in slices(calls).monitoring.rules(name)
    )
    return Table("rules", "Rules", columns, rows)


def _alerts(calls: PageCalls, name: str) -> Table:
    columns = (
        Column("what", "Alert"), Column("state", "State"), Column("times", "Times", Kind.COUNT),
        Column("at", "Since", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(a.message[:160], f"/alerts/{a.id}"), MarkCell(ALERT_MARKS[a.state.value], a.state.value),
                a.times, TimeCell(from_ms(a.opened_ms)),
            ),
            key=str(a.id), href=f"/alerts/{a.id}", ref=str(a.ref),
        )
        for a in slices(calls).monitoring.alerts(monitor=name, limit=20).items
    )  # fmt: skip
    return Table("alerts", "Alerts", columns, rows)


def _alert(calls: PageCalls, ask: Ask) -> Page:
    monitoring = slices(calls).monitoring
    alert = monitoring.alert(AlertId(ask.params["id"]))
    rules = [r for r in monitoring.rules(alert.monitor) if r.name == alert.rule] if _stands(calls, alert) else []
    who = "" if alert.taken_by is None else names_of(calls).get(str(alert.taken_by), str(alert.taken_by))
    state = {
        "open": "It burns and nobody has it.", "acknowledged": f"It burns; {who} has it.",
        "resolved": f"It is resolved{', by ' + who if who else ''}.",
    }[alert.state.value]  # fmt: skip
    data = AlertData(
        alert, ALERT_MARKS[alert.state.value], f"{state} {plural(alert.times, 'verdict')} broke the rule.",
        from_ms(alert.opened_ms), from_ms(alert.last_ms),
        None if alert.resolved_ms is None else from_ms(alert.resolved_ms),
        _bound(rules[0].bound) if rules else alert.figure, _errands(monitoring.errands(alert=alert.id).items),
    )  # fmt: skip
    foot = Foot(
        f"GET /v1/alerts/{alert.id}", f"yard monitoring alert {alert.id}", f"yard.monitoring.alert({alert.id!r})"
    )
    return Page(f"{alert.monitor}: {alert.rule}", data, (Crumb("Alerts", "/alerts"), Crumb(str(alert.id))), foot)


def _stands(calls: PageCalls, alert: Alert) -> bool:
    """Alerts outlive their monitors."""
    return any(m.name == alert.monitor for m in slices(calls).monitoring.monitors(limit=1000).items)


def _errands(found: list[Errand]) -> Table:
    columns = (
        Column("what", "What"), Column("state", "State"), Column("because", "Because"),
        Column("tries", "Attempts", Kind.COUNT), Column("outcome", "Outcome"), Column("result", "Made"),
        Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                _does(e.action), MarkCell(_ERRAND[e.state.value], e.state.value), e.because, e.attempts,
                e.outcome[:300] or NONE, RefCell(str(e.result)) if e.result else NONE, TimeCell(from_ms(e.at_ms)),
            ),
            key=str(e.id),
        )
        for e in found
    )  # fmt: skip
    return Table("errands", "What it set off", columns, rows)
