"""Answers from the audit chain and the event log. It changes neither."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from modelyard.governance.api import AuditEntry, AuditOperations, AuditVerdict
from modelyard.governance.store import identity
from modelyard.kernel.events import Event
from modelyard.kernel.ids import ActorId
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from modelyard.ports.database import Database
from modelyard.ports.journal import AuditFilter, Journal

_LOOK_EVERY_S = 0.2
_BATCH = 200
_ENDLESS = 2**62


class AuditService(AuditOperations):
    """Who did what."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._log = journal

    def audit(
        self, *, actor: ActorId | None = None, operation: str | None = None, about: Ref | None = None,
        outcome: str | None = None, limit: int = 100, cursor: str | None = None,
    ) -> Page[AuditEntry]:  # fmt: skip
        """Rows of the chain, newest first."""
        tx = calls.current().tx
        only = AuditFilter(actor=actor, operation=operation, about=about, outcome=outcome)
        rows = self._log.audit(tx, before=place_of(cursor, _ENDLESS), limit=limit + 1, only=only)
        names = identity.names(tx, {row.actor for row in rows})
        entries = [
            AuditEntry(
                seq=row.seq, at_ms=row.at_ms, actor=row.actor, actor_name=names.get(row.actor, row.actor),
                operation=row.operation, about=row.about, outcome=row.outcome, request_id=row.request_id,
                detail=row.detail, hash=row.hash,
            )
            for row in rows
        ]  # fmt: skip
        return page_of(entries, limit, lambda e: (e.seq,))

    def verify_audit(self) -> AuditVerdict:
        """Walk the chain."""
        found = self._log.verify(calls.current().tx)
        return AuditVerdict(
            checked=found.checked, head=found.head, broken_at=found.broken_at, intact=found.broken_at is None
        )

    def events(self, limit: int = 100, cursor: str | None = None) -> Page[Event]:
        """What happened, newest first."""
        rows = self._log.recent_events(calls.current().tx, before=place_of(cursor, _ENDLESS), limit=limit + 1)
        return page_of(rows, limit, lambda e: (e.seq,))

    def follow(self, after: int | None = None, seconds: int = 60) -> Iterator[Event]:
        """What happens, as it happens."""
        clock, pause = calls.current().clock, threading.Event()
        until = clock.monotonic() + seconds
        with self._database.read() as tx:
            newest = self._log.recent_events(tx, before=None, limit=1) if after is None else []
        place = after if after is not None else newest[0].seq if newest else 0
        while True:
            with self._database.read() as tx:
                found = self._log.events(tx, after=place, limit=_BATCH)
            for event in found:
                place = event.seq
                yield event
            if clock.monotonic() >= until:
                return
            if not found:
                pause.wait(_LOOK_EVERY_S)
