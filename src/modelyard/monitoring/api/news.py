"""Monitoring's news: verdicts, drift, alerts."""

from __future__ import annotations

from modelyard.kernel.events import News
from modelyard.monitoring.api.alerts import AlertId, ErrandId, ErrandState, Severity
from modelyard.monitoring.api.records import VerdictId


class MonitorDefined(News, frozen=True, kw_only=True):
    """A monitor watches something new; `reads` are the table and the reference."""

    monitor: str


class VerdictReached(News, frozen=True, kw_only=True):
    """A window was judged; `reads` are the window's table version and the reference."""

    verdict: VerdictId
    monitor: str
    rows: int
    drifted: bool
    sentence: str


class DriftFound(News, frozen=True, kw_only=True):
    """A window had columns that drifted."""

    verdict: VerdictId
    monitor: str
    columns: tuple[str, ...]


class AlertOpened(News, frozen=True, kw_only=True):
    """A rule is broken."""

    alert: AlertId
    monitor: str
    rule: str
    severity: Severity
    message: str


class AlertResolved(News, frozen=True, kw_only=True):
    """A rule holds again, or somebody closed its alert."""

    alert: AlertId
    monitor: str
    rule: str


class ErrandEnded(News, frozen=True, kw_only=True):
    """What an alert set off was done, or was given up; `writes` is what it made."""

    errand: ErrandId
    alert: AlertId | None
    state: ErrandState
    outcome: str


class LabelsAttached(News, frozen=True, kw_only=True):
    """Truth arrived for predictions."""

    monitor: str
    labels: int
