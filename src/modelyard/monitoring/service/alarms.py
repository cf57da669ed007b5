"""Rules applied to verdicts: alerts open once, are counted while they burn, and resolve when the rule holds again."""

from __future__ import annotations

import msgspec

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref, ref
from modelyard.monitoring.api import (
    ALERT,
    Alert,
    AlertOpened,
    AlertResolved,
    AlertState,
    Bound,
    Monitor,
    Rule,
    Verdict,
)
from modelyard.monitoring.service.errands import Errands
from modelyard.monitoring.store import alerts
from modelyard.ports import calls


def apply(verdict: Verdict, monitor: Monitor, errands: Errands) -> None:
    """Hold a new verdict against its monitor's rules; within the writer."""
    tx = calls.current().tx
    for rule, streak in alerts.rules(tx, verdict.monitor):
        value = verdict.figures.get(rule.bound.figure)
        if value is None:
            continue  # a figure that is not there breaks nothing and mends nothing
        burning = alerts.burning(tx, verdict.monitor, rule.name)
        broken = is_broken(rule.bound, value)
        alerts.put_rule(tx, rule, streak=streak + 1 if broken else 0)
        if broken and burning is not None:
            going_on = msgspec.structs.replace(
                burning, value=value, times=burning.times + 1, last_verdict=verdict.id, last_ms=verdict.at_ms,
                message=_message(rule, value, verdict),
            )  # fmt: skip
            alerts.put_alert(tx, going_on)
        elif broken and streak + 1 >= rule.bound.windows:
            _open(rule, value, verdict, monitor=monitor, errands=errands)
        elif not broken and burning is not None:
            close(burning, errands, rule, note=f"the rule holds again: {rule.bound.figure} is {value:.4g}", by=None)


def is_broken(bound: Bound, value: float) -> bool:
    """True if the figure lies outside."""
    return (bound.above is not None and value > bound.above) or (bound.below is not None and value < bound.below)


def _message(rule: Rule, value: float, verdict: Verdict) -> str:
    bound = rule.bound
    over = bound.above is not None and value > bound.above
    limit = f"above {bound.above:.4g}" if over else f"below {bound.below:.4g}"
    return f"{verdict.monitor}: {bound.figure} is {value:.4g}, {limit}; {verdict.sentence}"


def _open(rule: Rule, value: float, verdict: Verdict, *, monitor: Monitor, errands: Errands) -> None:
    call = calls.current()
    id_ = ALERT.new(call.clock)
    about: list[Ref] = [monitor.ref, ref("verdict", verdict.id), verdict.window]
    if monitor.watch.endpoint is not None:
        about.append(ref("endpoint", monitor.watch.endpoint))
    alert = Alert(
        id=id_, ref=ref("alert", id_), monitor=verdict.monitor, rule=rule.name, severity=rule.severity,
        state=AlertState.OPEN, message=_message(rule, value, verdict), figure=rule.bound.figure, value=value, times=1,
        verdict=verdict.id, last_verdict=verdict.id, refs=tuple(about), opened_ms=call.now_ms, last_ms=call.now_ms,
        taken_by=None, taken_ms=None, resolved_ms=None, note="",
    )  # fmt: skip
    alerts.put_alert(call.tx, alert)
    call.emit(
        AlertOpened(
            alert=id_, monitor=alert.monitor, rule=rule.name, severity=rule.severity, message=alert.message
        ),
        reads=(ref("verdict", verdict.id), monitor.ref), writes=(alert.ref,),
    )  # fmt: skip
    errands.put(rule.actions, alert.id, because="opened")


def close(alert: Alert, errands: Errands, rule: Rule | None, *, note: str, by: ActorId | None) -> Alert:
    """Resolve an alert and tell those who were told that it opened; within the writer."""
    call = calls.current()
    done = msgspec.structs.replace(
        alert, state=AlertState.RESOLVED, resolved_ms=call.now_ms, note=note or alert.note,
        taken_by=by or alert.taken_by,
    )  # fmt: skip
    alerts.put_alert(call.tx, done)
    call.emit(AlertResolved(alert=alert.id, monitor=alert.monitor, rule=alert.rule), writes=(alert.ref,))
    if rule is not None:
        errands.put(rule.actions, alert.id, because="resolved")
    return done


def rule_of(monitor: str, name: str) -> Rule | None:
    """A rule of a monitor."""
    found = (rule for rule, _ in alerts.rules(calls.current().tx, monitor) if rule.name == name)
    return next(found, None)
