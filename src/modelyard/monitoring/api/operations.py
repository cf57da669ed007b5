"""The door of monitoring: every operation, declared once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.monitoring.api.alerts import (
    Actions,
    Alert,
    AlertId,
    AlertState,
    Bound,
    Errand,
    Line,
    Rule,
    Severity,
    Url,
    Webhook,
)
from modelyard.monitoring.api.records import (
    Condition,
    Labelled,
    Monitor,
    Performance,
    Profile,
    Truth,
    Verdict,
    VerdictId,
    VerdictLine,
    Watch,
)

Truths = Annotated[tuple[Truth, ...], Meta(min_length=1, max_length=100_000)]
Signing = Annotated[str, Meta(min_length=16, max_length=500)]


class Monitoring(ABC):
    """Monitors over tables and predictions: verdicts, rules, alerts, and what they set off."""

    @operation("PUT", "/monitors/{name}", scope="monitoring:write", about="monitor:{name}", effect=Effect.WORK)
    @abstractmethod
    def define_monitor(self, name: Name, watch: Watch, *, description: Line = "") -> Monitor:
        """Define a monitor, or change what it watches; reads the reference once and keeps a profile of it.

        Rows that already stand in the watched table are not judged by themselves, unless it is the reference's own
        table: then rows after the reference are.

        Raises:
            NotFound: no such table or version.
            InvalidInput: a column is missing, or the reference is too short to learn from.
        """

    @operation("GET", "/monitors", scope="monitoring:read")
    @abstractmethod
    def monitors(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[Monitor]:
        """List the monitors, by name."""

    @operation("GET", "/monitors/{name}", scope="monitoring:read", about="monitor:{name}")
    @abstractmethod
    def monitor(self, name: Name) -> Monitor:
        """Show one monitor.

        Raises:
            NotFound: no such monitor.
        """

    @operation("DELETE", "/monitors/{name}", scope="monitoring:write", about="monitor:{name}")
    @abstractmethod
    def drop_monitor(self, name: Name) -> None:
        """Remove a monitor with its profile, labels and rules; verdicts and alerts stay, its open alerts resolve."""

    @operation("GET", "/monitors/{name}/profile", scope="monitoring:read", about="monitor:{name}")
    @abstractmethod
    def profile(self, name: Name) -> Profile:
        """Show what is kept of the reference, and how far each column strays when nothing has changed."""

    @operation(
        "POST", "/monitors/{name}/verdicts", scope="monitoring:check", about="monitor:{name}", effect=Effect.WORK
    )
    @abstractmethod
    def check(self, name: Name, *, at: Line | None = None, where: Condition | None = None) -> Verdict:
        """Judge now: the newest window of the table, or all rows that fulfil a condition.

        The verdict is kept and rules are applied to it, as to one that came by itself.

        Args:
            at: a version, tag or moment of the table; the newest where it is left out.
            where: a condition in SQL; without one, the last rows (or the last period) of the monitor's window.

        Raises:
            Conflict: there are fewer than 30 rows to judge.

        Example:
            yard monitoring check tips --where "trip_start >= '2024-02-01'"
        """

    @operation("GET", "/verdicts", scope="monitoring:read")
    @abstractmethod
    def verdicts(
        self, *, monitor: Name | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[VerdictLine]:
        """List verdicts, newest first."""

    @operation("GET", "/verdicts/{id}", scope="monitoring:read", about="verdict:{id}")
    @abstractmethod
    def verdict(self, id: VerdictId) -> Verdict:  # noqa: A002 - the word that a user expects
        """Show one verdict with all of its columns.

        Raises:
            NotFound: no such verdict.
        """

    @operation("POST", "/monitors/{name}/labels", scope="monitoring:label", about="monitor:{name}", private=("truths",))
    @abstractmethod
    def attach_labels(self, name: Name, truths: Truths) -> Labelled:
        """Attach truth that arrived late, by the key of the prediction; a second label replaces the first."""

    @operation(
        "GET", "/monitors/{name}/performance", scope="monitoring:read", about="monitor:{name}", effect=Effect.WORK
    )
    @abstractmethod
    def performance(self, name: Name, *, at: Line | None = None, where: Condition | None = None) -> Performance:
        """Show how right predictions were, by the labels that have arrived by now; the window as in `check`.

        Raises:
            Conflict: the monitor does not say which column holds the prediction.
        """

    @operation("PUT", "/monitors/{monitor}/rules/{name}", scope="monitoring:write", about="monitor:{monitor}")
    @abstractmethod
    def define_rule(self, monitor: Name, name: Name, bound: Bound, *, severity: Severity = Severity.WARNING) -> Rule:
        """Say what must hold of a monitor's verdicts; what is done when it does not is said by `set_actions`."""

    @operation("PUT", "/monitors/{monitor}/rules/{name}/actions", scope="monitoring:act", about="monitor:{monitor}")
    @abstractmethod
    def set_actions(self, monitor: Name, name: Name, actions: Actions) -> Rule:
        """Say what a broken rule sets off: notify a webhook, start a flow, roll an endpoint back.

        The yard itself acts then, so this wants a scope of its own.

        Raises:
            NotFound: no such rule or webhook.
        """

    @operation("GET", "/monitors/{monitor}/rules", scope="monitoring:read", about="monitor:{monitor}")
    @abstractmethod
    def rules(self, monitor: Name) -> list[Rule]:
        """List a monitor's rules, by name."""

    @operation("DELETE", "/monitors/{monitor}/rules/{name}", scope="monitoring:write", about="monitor:{monitor}")
    @abstractmethod
    def drop_rule(self, monitor: Name, name: Name) -> None:
        """Remove a rule; its burning alert is resolved."""

    @operation("GET", "/alerts", scope="monitoring:read")
    @abstractmethod
    def alerts(
        self,
        *,
        monitor: Name | None = None,
        state: AlertState | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[Alert]:
        """List alerts, newest first."""

    @operation("GET", "/alerts/{id}", scope="monitoring:read", about="alert:{id}")
    @abstractmethod
    def alert(self, id: AlertId) -> Alert:  # noqa: A002 - the word that a user expects
        """Show one alert.

        Raises:
            NotFound: no such alert.
        """

    @operation("POST", "/alerts/{id}/acknowledgement", scope="monitoring:alert", about="alert:{id}")
    @abstractmethod
    def acknowledge(self, id: AlertId, *, note: Line = "") -> Alert:  # noqa: A002 - the word that a user expects
        """Take note of an alert: it goes on burning, and everybody sees who has it.

        Raises:
            Conflict: it is resolved already.
        """

    @operation("POST", "/alerts/{id}/resolution", scope="monitoring:alert", about="alert:{id}")
    @abstractmethod
    def resolve(self, id: AlertId, *, note: Line = "") -> Alert:  # noqa: A002 - the word that a user expects
        """Close an alert by hand; the next verdict that breaks the rule opens another.

        Raises:
            Conflict: it is resolved already.
        """

    @operation("GET", "/errands", scope="monitoring:read")
    @abstractmethod
    def errands(self, *, alert: AlertId | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[Errand]:
        """List what alerts have set off, newest first, with what came of it."""

    @operation(
        "PUT", "/webhooks/{name}", scope="monitoring:act", about="webhook:{name}", effect=Effect.WORK,
        private=("secret",),
    )  # fmt: skip
    @abstractmethod
    def define_webhook(self, name: Name, url: Url, secret: Signing, *, allow_loopback: bool = False) -> Webhook:
        """Name an address that alerts are posted to, as CloudEvents signed with a secret (HMAC-SHA256).

        Args:
            url: `https`; `http` only to this machine. Addresses of private networks are refused at each delivery.
            secret: signs each message (header `webhook-signature`); kept sealed and never shown again.
            allow_loopback: let it reach this machine.

        Raises:
            InvalidInput: the address carries a password, or plain http leaves this machine.
        """

    @operation("GET", "/webhooks", scope="monitoring:read")
    @abstractmethod
    def webhooks(self) -> list[Webhook]:
        """List the webhooks, by name."""

    @operation("POST", "/webhooks/{name}/tests", scope="monitoring:act", about="webhook:{name}", effect=Effect.WORK)
    @abstractmethod
    def test_webhook(self, name: Name) -> Errand:
        """Post a test message now and say what came back."""
