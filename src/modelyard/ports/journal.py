"""The journal port: what happened (events, which are also the outbox) and who did it (the audit chain).

Both are appended in the commit of the call that caused them, once per group. The audit chain is append-only and
hash-chained: each row's hash covers the one before it. This port never changes or removes a row of it, and removes no
event; what an event says may be told anew without the name of somebody who was forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from modelyard.kernel.events import Entry, Event
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Migration, Transaction


class AuditRow(Struct, frozen=True, kw_only=True):
    """An entry as it stands in the chain.

    Attributes:
        hash: SHA-256, hex, over the previous hash and this row's canonical JSON.
    """

    seq: int
    at_ms: int
    actor: ActorId
    operation: str
    about: Ref | None
    outcome: str
    request_id: str
    detail: str
    hash: str


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which audit rows to give; None does not restrict."""

    actor: ActorId | None = None
    operation: str | None = None
    about: Ref | None = None
    outcome: str | None = None


class Verification(Struct, frozen=True, kw_only=True):
    """What a walk along the chain found; `broken_at` is the first row that does not fit, None if all do."""

    checked: int
    head: str
    broken_at: int | None


class Journal(Protocol):
    """Events and audit of one database."""

    migrations: tuple[Migration, ...]

    def append(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Add the entries of a group, in order: their events to the log, and an audit row for each audited one."""
        ...

    def events(self, tx: Transaction, *, after: int, limit: int = 500) -> list[Event]:
        """Events with a place in the log above `after`, oldest first."""
        ...

    def recent_events(self, tx: Transaction, *, before: int | None, limit: int = 100) -> list[Event]:
        """Events with a place below `before` (None: from the end), newest first."""
        ...

    def reword(self, tx: Transaction, seq: int, body: bytes) -> None:
        """Let the event at a place say something else; its kind, time, actor and refs stay."""
        ...

    def cursor(self, tx: Transaction, consumer: str) -> int:
        """The place up to which `consumer` has taken note; 0 at first."""
        ...

    def advance(self, tx: Transaction, consumer: str, seq: int) -> None:
        """Note that `consumer` is done with everything up to `seq`."""
        ...

    def audit(self, tx: Transaction, *, before: int | None, limit: int, only: AuditFilter) -> list[AuditRow]:
        """Audit rows with a number below `before` (None: from the end), newest first."""
        ...

    def verify(self, tx: Transaction) -> Verification:
        """Walk the whole chain and recompute every hash."""
        ...
