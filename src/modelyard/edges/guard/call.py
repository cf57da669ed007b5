"""The call that services see: who asks, when, and a transaction that opens when it is first needed.

It belongs to one thread at a time; the writer borrows it for the length of a unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from modelyard.kernel.actors import Actor
from modelyard.kernel.clock import Clock, from_ms
from modelyard.kernel.errors import Internal
from modelyard.kernel.events import Entry, Event, News
from modelyard.kernel.ids import EVENT
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from modelyard.ports.database import Database, Transaction

T = TypeVar("T")

BEGUN = "begun"
"""A WORK has changed something and goes on: what its first unit leaves in the audit. Its end is a row of its own."""


class Terms(NamedTuple):
    """What is known of a call before it runs.

    Attributes:
        audited: False leaves no audit row; reads never leave one.
        detail: the arguments as the audit shows them.
    """

    operation: str
    effect: Effect
    request_id: str
    about: Ref | None = None
    audited: bool = True
    detail: str = ""


class GuardedCall:
    """One running call; implements `ports.calls.Call`."""

    __slots__ = (
        "_begun",
        "_database",
        "_events",
        "_leaving",
        "_snapshot",
        "_tx",
        "_writes",
        "about",
        "actor",
        "audited",
        "clock",
        "detail",
        "now_ms",
        "operation",
        "request_id",
    )

    def __init__(self, database: Database, clock: Clock, actor: Actor, terms: Terms) -> None:
        self._database = database
        self._events: list[Event] = []
        self._leaving: list[Callable[[], None]] = []
        self._snapshot: AbstractContextManager[Transaction] | None = None
        self._tx: Transaction | None = None
        self._writes = terms.effect.changes
        self.actor = actor
        self.clock = clock
        self.now_ms = clock.now_ms()
        self.operation = terms.operation
        self.request_id = terms.request_id
        self.about = terms.about
        self.audited = terms.audited and self._writes
        self.detail = terms.detail
        self._begun = False

    @property
    def now(self) -> datetime:
        """When the call began."""
        return from_ms(self.now_ms)

    @property
    def tx(self) -> Transaction:
        """The writer's transaction, or a read snapshot opened on first use."""
        if self._tx is not None:
            return self._tx
        self._snapshot = self._database.read()
        self._tx = self._snapshot.__enter__()
        return self._tx

    @property
    def in_writer(self) -> bool:
        """True while the writer's transaction is the open one."""
        return self._tx is not None and self._snapshot is None

    def emit(self, news: News, *, reads: Sequence[Ref] = (), writes: Sequence[Ref] = ()) -> None:
        """Log an event in the same commit as the change."""
        if not self.in_writer:
            raise Internal(f"{self.operation} emitted {news.kind} outside a transaction; emit inside a unit")
        body = msgspec.Raw(msgspec.json.encode(news))
        self._events.append(
            Event(
                id=EVENT.new(self.clock), kind=news.kind, at_ms=self.now_ms, actor=self.actor.id,
                request_id=self.request_id, reads=tuple(reads), writes=tuple(writes), body=body,
            )
        )  # fmt: skip

    def unit(self, work: Callable[[], T]) -> T:
        """Run `work` in the writer as one transaction; in a WRITE it simply runs."""
        if self.in_writer:
            return work()
        if not self._writes:
            raise Internal(f"{self.operation} is declared as a read and tried to change something")
        self.close_snapshot()
        try:
            return self._database.write(self._lend(work), lambda: (self._part(),))
        finally:
            self._events.clear()

    def bookkeep(self, work: Callable[[], T]) -> T:
        """Like `unit`, for the guard's own rows: it leaves no audit entry."""
        self.close_snapshot()
        return self._database.write(self._lend(work))

    def _lend(self, work: Callable[[], T]) -> Callable[[Transaction], T]:
        def in_writer(tx: Transaction) -> T:
            self.enter(tx)
            try:
                with calls.running(self):
                    return work()
            finally:
                self.leave()

        return in_writer

    def touch(self, about: Ref) -> None:
        """Say which thing the call turned out to be about."""
        self.about = about

    def when_left(self, stop: Callable[[], None]) -> None:
        """Call `stop` if the caller goes away."""
        self._leaving.append(stop)

    def left(self) -> None:
        """The caller has gone away; from another thread than the call's."""
        for stop in self._leaving:
            stop()

    def enter(self, tx: Transaction) -> None:
        """The writer begins (or begins again) with this call."""
        self._events.clear()
        self._tx = tx

    def leave(self) -> None:
        """The writer hands the call back."""
        self._tx = None

    def close_snapshot(self) -> None:
        """End the read snapshot, if one is open."""
        if self._snapshot is not None:
            snapshot, self._snapshot, self._tx = self._snapshot, None, None
            snapshot.__exit__(None, None, None)

    def entry(self, outcome: str) -> Entry:
        """What the journal is to hold of the call's end: one audit row, and its events if it went well."""
        return self._entry(outcome, tuple(self._events) if outcome == "ok" else (), audited=self.audited)

    def _part(self) -> Entry:
        """What it is to hold of a unit: its events, and with the first of a call the row that says it has begun."""
        first, self._begun = not self._begun, True
        return self._entry(BEGUN, tuple(self._events), audited=self.audited and first)

    def _entry(self, outcome: str, events: tuple[Event, ...], *, audited: bool) -> Entry:
        return Entry(
            at_ms=self.now_ms, actor=self.actor.id, operation=self.operation, about=self.about, outcome=outcome,
            request_id=self.request_id, detail=self.detail, audited=audited, events=events,
        )  # fmt: skip
