"""Checks: read a window, judge it, keep the verdict, apply the rules; asked for, due, or because rows arrived."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from modelyard.kernel.errors import Conflict, NotFound
from modelyard.kernel.refs import ref
from modelyard.lake.api import Table
from modelyard.monitoring.api import VERDICT, DriftFound, Feedback, Monitor, Performance, Verdict, VerdictReached
from modelyard.monitoring.model import references
from modelyard.monitoring.model.references import Reference
from modelyard.monitoring.service import alarms, judging
from modelyard.monitoring.service.errands import Errands
from modelyard.monitoring.service.reading import Reader, Rows, Span, both, complete, in_order, newest
from modelyard.monitoring.store import monitors, verdicts
from modelyard.ports import calls

MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """What a check needs around it."""

    reader: Reader
    errands: Errands
    feedback: Feedback | None

    def labels(self, monitor: Monitor) -> dict[str, float]:
        """Labels by the key of the prediction: those of the endpoint, and over them those attached here."""
        watch = monitor.watch
        if watch.predictions is None or watch.predictions.key is None:
            return {}
        known = self.feedback.labels() if self.feedback is not None and watch.endpoint is not None else {}
        return {**known, **monitors.labels(calls.current().tx, monitor.name)}


def reference_of(monitor: Monitor) -> Reference:
    """What is kept of a monitor's reference."""
    body = monitors.profile(calls.current().tx, monitor.name)
    if body is None:
        raise NotFound(f"monitor {monitor.name} has no profile; define it again: yard monitoring define-monitor")
    return references.decode(body)


def read(reader: Reader, monitor: Monitor, reference: Reference, *, at: str | None, where: str | None) -> Rows:
    """The rows that a check without a window of its own is about.

    Raises:
        Conflict: they are too few to judge.
    """
    watch = monitor.watch
    table = reader.lake.table(watch.table, at=at)
    columns = judging.needed(monitor, reference, frozenset(c.name for c in table.columns))
    version = str(table.version)
    if where is None:
        span = newest(reader, monitor, table)
        rows = Rows(table.ref, span, reader.window(watch, columns, span, at=version))
    else:
        whole = where if watch.where is None else both(watch.where, f"({where}\n)")
        wanted = dict.fromkeys((*columns, *((watch.time,) if watch.time else ())))
        chosen = in_order(reader.chosen(watch.table, list(wanted), at=version, where=whole), watch.time)
        rows = Rows(table.ref, Span(0, chosen.num_rows, by_time=False), chosen)
    if rows.table.num_rows < judging.LEAST_ROWS:
        raise Conflict(
            f"there are {rows.table.num_rows} rows of {table.ref} to judge; a verdict wants at least "
            f"{judging.LEAST_ROWS}. Wait for more, or widen the condition"
        )
    return rows


def check(desk: Desk, monitor: Monitor, *, at: str | None, where: str | None) -> Verdict:
    """Judge the newest window, or the rows of a condition, and keep the verdict."""
    call = calls.current()
    began = call.clock.monotonic()
    reference = reference_of(monitor)
    verdict = _judged(
        desk, monitor, reference, rows=read(desk.reader, monitor, reference, at=at, where=where), began=began
    )
    call.unit(lambda: _keep(verdict, monitor, desk.errands))
    return verdict


def check_complete(desk: Desk, monitor: Monitor) -> int:
    """Judge every window that is complete and was not judged; how many verdicts there were."""
    call = calls.current()
    table = desk.reader.described(monitor.watch.table)
    if table is None:
        return 0
    reference, found = reference_of(monitor), 0
    for span in complete(desk.reader, monitor, table, most=MOST_AT_ONCE):
        found += _check_span(desk, monitor, reference=reference, table=table, span=span)
        monitor = msgspec.structs.replace(monitor, seen=span.end)
    if found:
        call.touch(monitor.ref)
    return found


def _check_span(desk: Desk, monitor: Monitor, *, reference: Reference, table: Table, span: Span) -> bool:
    call = calls.current()
    began = call.clock.monotonic()
    columns = judging.needed(monitor, reference, frozenset(c.name for c in table.columns))
    rows = Rows(table.ref, span, desk.reader.window(monitor.watch, columns, span, at=str(table.version)))
    verdict = None
    if rows.table.num_rows >= judging.LEAST_ROWS:
        verdict = _judged(desk, monitor, reference, rows=rows, began=began)

    def keep() -> bool:
        first = monitors.advance(calls.current().tx, monitor.name, start=monitor.seen, end=span.end)
        if first and verdict is not None:
            _keep(verdict, monitor, desk.errands)
        return first and verdict is not None

    return call.unit(keep)


def performance(desk: Desk, monitor: Monitor, *, at: str | None, where: str | None) -> Performance:
    """How right the predictions of a window were, by the labels there are by now.

    Raises:
        Conflict: the monitor watches no predictions.
    """
    p = monitor.watch.predictions
    if p is None:
        raise Conflict(f"monitor {monitor.name} watches no predictions; define it again and say which column they are")
    reference = reference_of(monitor)
    rows = read(desk.reader, monitor, reference, at=at, where=where)
    truth = judging.truths(rows.table, p, desk.labels(monitor))
    return judging.performed(rows.table, p, truth, reference.calibration)


def _judged(desk: Desk, monitor: Monitor, reference: Reference, *, rows: Rows, began: float) -> Verdict:
    call = calls.current()
    verdict = judging.judge(
        monitor, reference, rows, labels=desk.labels(monitor), id_=VERDICT.new(call.clock), now_ms=call.clock.now_ms()
    )
    return msgspec.structs.replace(verdict, took_ms=round((call.clock.monotonic() - began) * 1000))


def _keep(verdict: Verdict, monitor: Monitor, errands: Errands) -> None:
    call = calls.current()
    verdicts.add(call.tx, verdict)
    monitors.judged(call.tx, monitor.name, verdict.id, at_ms=verdict.at_ms, drifted=verdict.drifted)
    me = ref("verdict", verdict.id)
    call.emit(
        VerdictReached(
            verdict=verdict.id, monitor=monitor.name, rows=verdict.rows, drifted=verdict.drifted,
            sentence=verdict.sentence,
        ),
        reads=(verdict.window, verdict.reference, monitor.ref), writes=(me,),
    )  # fmt: skip
    if verdict.drifted:
        names = (*(c.name for c in verdict.columns if c.drifted), *verdict.missing)
        call.emit(DriftFound(verdict=verdict.id, monitor=monitor.name, columns=names), reads=(me,))
    alarms.apply(verdict, monitor, errands)
