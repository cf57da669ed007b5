"""Rules, alerts, webhooks, and what an alert sets off. Records only, no behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.refs import Name, Ref
from modelyard.monitoring.api.records import VerdictId

AlertId = NewType("AlertId", str)
ErrandId = NewType("ErrandId", str)
ALERT = IdKind("alert", AlertId)
ERRAND = IdKind("errand", ErrandId)

Figure = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        description="a figure of the verdict: drifted_columns, drifted_share, prediction_distance, accuracy, "
        "expected_accuracy, null_share.<column>, selection_gap.<column>, ...",
    ),
]
Url = Annotated[str, Meta(pattern=r"^https?://[\x21-\x7e]+$", max_length=2_000)]
Line = Annotated[str, Meta(max_length=500)]


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Notify(Struct, frozen=True, kw_only=True, tag="notify", tag_field="do"):
    """Post the alert to a webhook, when it opens and when it resolves."""

    webhook: Name


class Retrain(Struct, frozen=True, kw_only=True, tag="retrain", tag_field="do"):
    """Start a flow, when the alert opens."""

    flow: Name
    params: dict[str, str | int | float | bool] = {}


class RollBack(Struct, frozen=True, kw_only=True, tag="roll_back", tag_field="do"):
    """Put an endpoint back to the revision that it served before, when the alert opens."""

    endpoint: Name


Action = Notify | Retrain | RollBack
Actions = Annotated[tuple[Action, ...], Meta(max_length=10)]


class Bound(Struct, frozen=True, kw_only=True):
    """When a rule is broken: the figure is above, or below; a figure that is missing breaks nothing.

    Attributes:
        windows: so many verdicts in a row must break it before an alert opens.
    """

    figure: Figure
    above: float | None = None
    below: float | None = None
    windows: Annotated[int, Meta(ge=1, le=100)] = 1


class Rule(Struct, frozen=True, kw_only=True):
    """What must hold of a monitor's verdicts, and what is done when it does not."""

    name: str
    monitor: str
    bound: Bound
    severity: Severity
    actions: tuple[Action, ...]
    author: ActorId
    at_ms: int


class AlertState(StrEnum):
    """Open until somebody takes note; resolved once a verdict keeps the rule again, or by hand."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Alert(Struct, frozen=True, kw_only=True):
    """A broken rule. While it burns, further verdicts are counted on it and open no other.

    Attributes:
        value: of the figure, in the newest verdict that broke the rule.
        times: verdicts that broke the rule while it burnt.
        refs: what it is about: monitor, table, window, endpoint.
        note: what whoever acknowledged or resolved it said.
    """

    id: AlertId
    ref: Ref
    monitor: str
    rule: str
    severity: Severity
    state: AlertState
    message: str
    figure: str
    value: float
    times: int
    verdict: VerdictId
    last_verdict: VerdictId
    refs: tuple[Ref, ...]
    opened_ms: int
    last_ms: int
    taken_by: ActorId | None
    taken_ms: int | None
    resolved_ms: int | None
    note: str


class Webhook(Struct, frozen=True, kw_only=True):
    """Where alerts are posted; its secret is kept apart and never shown.

    Attributes:
        allow_loopback: True lets it reach this machine; other private addresses are always refused.
    """

    name: str
    url: str
    allow_loopback: bool
    author: ActorId
    at_ms: int


class ErrandState(StrEnum):
    """How an action fares."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Errand(Struct, frozen=True, kw_only=True):
    """One action that an alert set off, and what came of it.

    Attributes:
        because: `opened`, `resolved` or `test`.
        outcome: what the other side said, or why it failed.
        result: what it made: a flow run, an endpoint.
    """

    id: ErrandId
    alert: AlertId | None
    because: str
    action: Action
    state: ErrandState
    attempts: int
    outcome: str
    result: Ref | None
    at_ms: int
    done_ms: int | None
