"""Who did what: the audit chain and the events, to look through, to follow and to verify.

The chain is append-only: each row's hash covers the row before it, so a row that was changed or taken out breaks every
hash after it. Nothing here writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.events import Event
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Ref

Seconds = Annotated[int, Meta(ge=0, le=300, description="seconds, up to 300")]


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One call in the chain.

    Attributes:
        actor_name: what the actor is called today; the id where the register does not know it.
        outcome: `ok`, or the code of the error it ended in. A long call leaves `begun` with its first change and how it
            ended under the same request id; `begun` alone was cut off, or is still at work.
        detail: its arguments as JSON, private ones left out.
        hash: SHA-256, hex, over the previous row's hash and this row.
    """

    seq: int
    at_ms: int
    actor: ActorId
    actor_name: str
    operation: str
    about: Ref | None
    outcome: str
    request_id: str
    detail: str
    hash: str


class AuditVerdict(Struct, frozen=True, kw_only=True):
    """What a walk along the whole chain found.

    Attributes:
        checked: rows whose hash was recomputed.
        head: the last row's hash; keep it somewhere else to prove later that the chain was not rewritten.
        broken_at: the first row that does not fit; None if all do.
    """

    checked: int
    head: str
    broken_at: int | None
    intact: bool


class AuditOperations(ABC):
    """Who did what."""

    @operation("GET", "/audit", scope="governance:audit")
    @abstractmethod
    def audit(
        self,
        *,
        actor: ActorId | None = None,
        operation: str | None = None,
        about: Ref | None = None,
        outcome: str | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """Look through the audit, newest first.

        Args:
            actor: only what this actor did.
            operation: only this operation, e.g. `registry.promote`.
            about: only what was done to this ref, as it was given, e.g. `model:tips`.
            outcome: only calls that ended so: `ok`, `begun`, or the code of an error such as `forbidden`.

        Example:
            yard governance audit --outcome forbidden
        """

    @operation("GET", "/audit/verdict", scope="governance:audit", effect=Effect.SCAN)
    @abstractmethod
    def verify_audit(self) -> AuditVerdict:
        """Walk the whole audit chain and recompute every hash.

        Example:
            yard governance verify-audit
        """

    @operation("GET", "/events", scope="governance:audit")
    @abstractmethod
    def events(self, limit: Limit = 100, cursor: str | None = None) -> Page[Event]:
        """Look through what happened, newest first."""

    @stream("GET", "/events/live", scope="governance:audit")
    @abstractmethod
    def follow(self, after: int | None = None, seconds: Seconds = 60) -> Iterator[Event]:
        """Follow what happens, as it happens; ends after some seconds, to be asked again from the last place.

        Args:
            after: the place in the log to go on from (an event's `seq`); from now on, if left out.
            seconds: how long to wait for more.
        """
