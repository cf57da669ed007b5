"""What monitoring does unasked: judges what arrived, judges by the clock, and does the errands of alerts."""

from __future__ import annotations

from modelyard.kernel.events import Event
from modelyard.lake.api import TableCommitted
from modelyard.monitoring.service import MonitoringService
from modelyard.ports.duties import Duty, Reaction

_SOON_S = 0.5


def reactions(service: MonitoringService) -> tuple[Reaction, ...]:
    """Rows that arrive, also predictions that are folded into a table, are judged once a window is complete."""

    def react(event: Event) -> None:
        news = event.decode(TableCommitted)
        if news.branch == "main" and news.operation != "compact":
            service.rows_arrived(news.table)

    return (Reaction("monitoring.judge_rows", TableCommitted.kind, react),)


def duties(service: MonitoringService) -> tuple[Duty, ...]:
    """Monitors that judge by the clock, and errands: half a second after an alert its message is on the way."""

    def work() -> None:
        service.run_errands()

    return (
        Duty("monitoring.judge_due", 1.0, service.judge_due),
        Duty("monitoring.run_errands", _SOON_S, work),
    )
