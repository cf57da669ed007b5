"""The operations of monitoring; what needs arrays is imported when it is first asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound, YardError
from modelyard.kernel.pages import Limit, Page, page_of, place_of
from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import Files, Lake
from modelyard.monitoring.api import (
    Action,
    Alert,
    AlertId,
    AlertState,
    Bound,
    Errand,
    Feedback,
    Labelled,
    LabelsAttached,
    Monitor,
    MonitorDefined,
    Monitoring,
    Notify,
    Performance,
    Profile,
    Reverter,
    Rule,
    Severity,
    Trainer,
    Truth,
    Verdict,
    VerdictId,
    VerdictLine,
    Watch,
    Webhook,
)
from modelyard.monitoring.service import alarms
from modelyard.monitoring.service.errands import Errands
from modelyard.monitoring.store import alerts, monitors, verdicts
from modelyard.monitoring.store.schema import FIRST, LAST
from modelyard.ports import calls
from modelyard.ports.queue import Queue
from modelyard.ports.secrets import Secrets
from modelyard.ports.webhooks import Webhooks

if TYPE_CHECKING:
    from modelyard.monitoring.service.checks import Desk

_log = logging.getLogger("modelyard.monitoring")
_HERE = ("localhost", "127.0.0.1", "::1")


class MonitoringService(Monitoring):
    """Watches tables and predictions."""

    def __init__(
        self,
        *,
        lake: Lake,
        files: Files,
        queue: Queue,
        secrets: Callable[[], Secrets],
        webhooks: Callable[[], Webhooks],
        trainer: Trainer | None = None,
        reverter: Reverter | None = None,
        feedback: Feedback | None = None,
    ) -> None:
        self._lake = lake
        self._files = files
        self._feedback = feedback
        self._errands = Errands(
            queue=queue, secrets=secrets, webhooks=webhooks, trainer=trainer, reverter=reverter
        )  # fmt: skip
        self._due_ms: dict[str, int] = {}

    def define_monitor(self, name: Name, watch: Watch, *, description: str = "") -> Monitor:
        """Define a monitor, or change what it watches."""
        from modelyard.monitoring.model import references
        from modelyard.monitoring.service import profiling, reading

        call = calls.current()
        _refuse(watch)
        reader = reading.Reader(self._lake, self._files)
        begin = reading.beginning(reader, watch)
        reference = profiling.learn(reader, name, watch, now_ms=call.now_ms)
        made = Monitor(
            name=name, ref=ref("monitor", name), watch=watch, description=description, author=call.actor.id,
            created_ms=call.now_ms, seen=begin, last=None, last_ms=None, drifted=None,
        )  # fmt: skip
        body = references.encode(reference)

        def keep() -> Monitor:
            inner = calls.current()
            known = monitors.get(inner.tx, name)
            born_ms = made.created_ms if known is None else known.created_ms
            monitors.put(inner.tx, msgspec.structs.replace(made, created_ms=born_ms))
            monitors.put_profile(inner.tx, name, body)
            reads = (watch.reference, ref("table", watch.table))
            inner.emit(MonitorDefined(monitor=name), reads=reads, writes=(made.ref,))
            return _monitor(name)

        return call.unit(keep)

    def monitors(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[Monitor]:
        """List the monitors, by name."""
        after = place_of(cursor, FIRST)
        found = monitors.listed(calls.current().tx, after=after, most=limit + 1)
        return page_of(found, limit, lambda m: (m.name,))

    def monitor(self, name: Name) -> Monitor:
        """Show one monitor."""
        return _monitor(name)

    def drop_monitor(self, name: Name) -> None:
        """Remove a monitor with its profile, labels and rules."""
        _monitor(name)
        for rule in self.rules(name):
            self.drop_rule(name, rule.name)
        monitors.drop(calls.current().tx, name)

    def profile(self, name: Name) -> Profile:
        """Show what is kept of the reference."""
        from modelyard.monitoring.service import checks, profiling

        found = _monitor(name)
        return profiling.shown(found, checks.reference_of(found))

    def check(self, name: Name, *, at: str | None = None, where: str | None = None) -> Verdict:
        """Judge now."""
        from modelyard.monitoring.service import checks

        return checks.check(self._desk(), _monitor(name), at=at, where=where)

    def verdicts(
        self, *, monitor: Name | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[VerdictLine]:
        """List verdicts, newest first."""
        found = verdicts.listed(calls.current().tx, monitor=monitor, before=place_of(cursor, LAST), most=limit + 1)
        return page_of(found, limit, lambda v: (v.id,))

    def verdict(self, id: VerdictId) -> Verdict:  # noqa: A002 - the word that a user expects
        """Show one verdict."""
        if (found := verdicts.get(calls.current().tx, id)) is None:
            raise NotFound(f"there is no verdict {id}; list them: yard monitoring verdicts")
        return found

    def attach_labels(self, name: Name, truths: tuple[Truth, ...]) -> Labelled:
        """Attach truth that arrived late."""
        call = calls.current()
        found = _monitor(name)
        if found.watch.predictions is None or found.watch.predictions.key is None:
            raise Conflict(
                f"monitor {name} does not say which column names a prediction; define it again with predictions.key"
            )
        before = monitors.count_labels(call.tx, name)
        latest = {truth.key: truth for truth in truths}
        monitors.put_labels(call.tx, name, latest.values(), at_ms=call.now_ms)
        total = monitors.count_labels(call.tx, name)
        call.emit(LabelsAttached(monitor=name, labels=len(latest)), writes=(found.ref,))
        return Labelled(monitor=name, attached=len(truths), replaced=len(truths) - (total - before), total=total)

    def performance(self, name: Name, *, at: str | None = None, where: str | None = None) -> Performance:
        """Show how right predictions were."""
        from modelyard.monitoring.service import checks

        return checks.performance(self._desk(), _monitor(name), at=at, where=where)

    def define_rule(self, monitor: Name, name: Name, bound: Bound, *, severity: Severity = Severity.WARNING) -> Rule:
        """Say what must hold of a monitor's verdicts."""
        call = calls.current()
        _monitor(monitor)
        if (bound.above is None) == (bound.below is None):
            raise InvalidInput("a rule says either `above` or `below`, one of the two")
        known = alarms.rule_of(monitor, name)
        rule = Rule(
            name=name, monitor=monitor, bound=bound, severity=severity, actions=() if known is None else known.actions,
            author=call.actor.id, at_ms=call.now_ms,
        )  # fmt: skip
        alerts.put_rule(call.tx, rule)
        return rule

    def set_actions(self, monitor: Name, name: Name, actions: tuple[Action, ...]) -> Rule:
        """Say what a broken rule sets off."""
        call = calls.current()
        for action in actions:
            if isinstance(action, Notify) and alerts.webhook(call.tx, action.webhook) is None:
                raise NotFound(f"there is no webhook {action.webhook}; define it: yard monitoring define-webhook")
        rule = msgspec.structs.replace(_rule(monitor, name), actions=actions, author=call.actor.id, at_ms=call.now_ms)
        alerts.put_rule(call.tx, rule)
        return rule

    def rules(self, monitor: Name) -> list[Rule]:
        """List a monitor's rules."""
        _monitor(monitor)
        return [rule for rule, _ in alerts.rules(calls.current().tx, monitor)]

    def drop_rule(self, monitor: Name, name: Name) -> None:
        """Remove a rule."""
        call = calls.current()
        rule = _rule(monitor, name)
        if (burning := alerts.burning(call.tx, monitor, name)) is not None:
            alarms.close(burning, self._errands, rule, note="its rule was removed", by=call.actor.id)
        alerts.drop_rule(call.tx, monitor, name)

    def alerts(
        self,
        *,
        monitor: Name | None = None,
        state: AlertState | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[Alert]:
        """List alerts, newest first."""
        tx = calls.current().tx
        found = alerts.listed(tx, monitor=monitor, state=state, before=place_of(cursor, LAST), most=limit + 1)
        return page_of(found, limit, lambda a: (a.id,))

    def alert(self, id: AlertId) -> Alert:  # noqa: A002 - the word that a user expects
        """Show one alert."""
        if (found := alerts.alert(calls.current().tx, id)) is None:
            raise NotFound(f"there is no alert {id}; list them: yard monitoring alerts")
        return found

    def acknowledge(self, id: AlertId, *, note: str = "") -> Alert:  # noqa: A002 - the word that a user expects
        """Take note of an alert."""
        call = calls.current()
        taken = msgspec.structs.replace(
            self._burning(id), state=AlertState.ACKNOWLEDGED, taken_by=call.actor.id, taken_ms=call.now_ms, note=note
        )
        alerts.put_alert(call.tx, taken)
        return taken

    def resolve(self, id: AlertId, *, note: str = "") -> Alert:  # noqa: A002 - the word that a user expects
        """Close an alert by hand."""
        found = self._burning(id)
        rule = alarms.rule_of(found.monitor, found.rule)
        return alarms.close(found, self._errands, rule, note=note, by=calls.current().actor.id)

    def errands(self, *, alert: AlertId | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[Errand]:
        """List what alerts have set off."""
        found = alerts.errands(calls.current().tx, alert_id=alert, before=place_of(cursor, LAST), most=limit + 1)
        return page_of(found, limit, lambda e: (e.id,))

    def define_webhook(self, name: Name, url: str, secret: str, *, allow_loopback: bool = False) -> Webhook:
        """Name an address that alerts are posted to."""
        call = calls.current()
        _refuse_url(url, allow_loopback=allow_loopback)
        made = Webhook(name=name, url=url, allow_loopback=allow_loopback, author=call.actor.id, at_ms=call.now_ms)
        self._errands.keep_secret(name, secret)
        call.unit(lambda: alerts.put_webhook(calls.current().tx, made))
        return made

    def webhooks(self) -> list[Webhook]:
        """List the webhooks."""
        return alerts.webhooks(calls.current().tx)

    def test_webhook(self, name: Name) -> Errand:
        """Post a test message now."""
        return self._errands.test(name)

    def rows_arrived(self, table: str) -> None:
        """Judge every window of a table that is complete by now; each monitor apart from the others."""
        found = [m for m in monitors.watching(calls.current().tx, table) if m.watch.every_s is None]
        if not found:
            return
        from modelyard.monitoring.service import checks

        desk = self._desk()
        failed: list[YardError] = []
        for monitor in found:
            try:
                checks.check_complete(desk, monitor)
            except YardError as err:  # the other monitors get their turn first
                failed.append(err)
        if failed:
            raise failed[0]

    def judge_due(self) -> None:
        """Judge for every monitor that does so by the clock and is due."""
        now = calls.current().now_ms
        for monitor in monitors.every(calls.current().tx):
            every_s = monitor.watch.every_s
            due = self._due_ms.get(monitor.name, (monitor.last_ms or 0) + (every_s or 0) * 1000)
            if every_s is None or now < due:
                continue
            self._due_ms[monitor.name] = now + every_s * 1000
            try:
                self.check(monitor.name)
            except YardError as err:
                _log.warning("a monitor could not judge", extra={"monitor": monitor.name, "detail": err.detail})

    def run_errands(self) -> int:
        """Do what alerts have set off and is due; how much was tried."""
        return self._errands.work()

    def _desk(self) -> Desk:
        from modelyard.monitoring.service import checks, reading

        return checks.Desk(reading.Reader(self._lake, self._files), self._errands, self._feedback)

    def _burning(self, id_: AlertId) -> Alert:
        found = self.alert(id_)
        if found.state is AlertState.RESOLVED:
            raise Conflict(
                f"alert {id_} was resolved already; see the burning ones: yard monitoring alerts --state open"
            )
        return found


def _monitor(name: str) -> Monitor:
    if (found := monitors.get(calls.current().tx, name)) is None:
        raise NotFound(f"there is no monitor {name}; list them: yard monitoring monitors")
    return found


def _rule(monitor: str, name: str) -> Rule:
    _monitor(monitor)
    if (found := alarms.rule_of(monitor, name)) is None:
        raise NotFound(f"monitor {monitor} has no rule {name}; list them: yard monitoring rules {monitor}")
    return found


def _refuse(watch: Watch) -> None:
    if (watch.window.rows is None) == (watch.window.period_s is None):
        raise InvalidInput("a window is of so many `rows` or of so long a `period_s`, one of the two")
    if watch.window.period_s is not None and watch.time is None:
        raise InvalidInput("a window by period needs `time`: the column that says when a row belongs")


def _refuse_url(url: str, *, allow_loopback: bool) -> None:
    try:
        target = urlsplit(url)
        host, _ = target.hostname, target.port
    except ValueError:
        host = None
        target = urlsplit("")
    if not host:
        raise InvalidInput("the address names no host and port; write it like https://example.org/alerts")
    if target.username or target.password:
        raise InvalidInput("the address carries a user or password, which every list would show; leave it out")
    if target.scheme == "http" and not (allow_loopback and host in _HERE):
        raise InvalidInput("plain http reaches this machine alone, with allow_loopback; use https")
