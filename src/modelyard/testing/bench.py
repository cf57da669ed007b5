"""A bench to call services at: real database, real writer, real journal, frozen clock; no edges and no permissions.

    with Bench(migrations=MIGRATIONS) as bench:
        lake = bench.open(Lake, LakeService(...))
        lake.declare("trips", ...)
        assert [e.kind for e in bench.events()] == ["lake.table_declared"]

Each call is one real `Call` with the transaction that its effect deserves, so a service that forgets a `unit` fails
here as it would behind the guard. The bench never asks whether the actor may.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.sqlite import SqliteDatabase
from modelyard.kernel.actors import SYSTEM, Actor
from modelyard.kernel.clock import FrozenClock, from_ms
from modelyard.kernel.errors import Internal, YardError
from modelyard.kernel.events import Entry, Event, News
from modelyard.kernel.ids import EVENT, REQUEST, ActorId
from modelyard.kernel.operations import Effect, Form, Operation, operations
from modelyard.kernel.refs import Ref
from modelyard.ports.calls import running
from modelyard.ports.database import Database, Migration, Transaction
from modelyard.ports.duties import Reaction
from modelyard.ports.journal import Journal

T = TypeVar("T")
NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


class Bench:
    """A temporary home's database with everything a service needs around it.

    Args:
        migrations: the tables of the slices under test.
        database: another database to stand on, e.g. Postgres; it is not closed here. Made with `journal`.
    """

    def __init__(
        self,
        migrations: Sequence[Migration] = (),
        *,
        database: Database | None = None,
        journal: Journal | None = None,
        start: datetime = NOON,
    ) -> None:
        self.clock = FrozenClock(start)
        self.journal: Journal = DatabaseJournal() if journal is None else journal
        self.actor = Actor(id=ActorId("actor_bench"), name="bench", scopes=frozenset({"*"}))
        self._closing = ExitStack()
        self.home = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="yard-bench-")))
        if database is None:
            database = SqliteDatabase(
                self.home / "yard.db", journal=self.journal, synchronous="NORMAL", clock=self.clock
            )
            self._closing.callback(database.close)
        self.database: Database = database
        database.migrate(migrations)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, if it was made here, and remove the home."""
        self._closing.close()

    def act_as(self, name: str, scopes: Iterable[str] = ("*",)) -> Actor:
        """Let somebody else make the calls that follow."""
        self.actor = Actor(id=ActorId(f"actor_{name}"), name=name, scopes=frozenset(scopes))
        return self.actor

    def call(self, fn: Callable[[], T], effect: Effect = Effect.WRITE, *, operation: str = "bench.call") -> T:
        """Run `fn` in a call of that effect; what it emitted is stored when it returns.

        In a WRITE all of `fn` is one transaction, and `unit` inside simply runs. Use WORK where files, network or
        long computing are part of it.
        """
        return BenchCall(self, operation).run(fn, effect)

    def open(self, api: Callable[..., T], service: object) -> T:
        """The service as its api, each operation running in a call of the effect that it declares."""
        return cast("T", _Face(self, service, {op.method: op for op in operations(cast("type[Any]", api))}))

    def events(self, kind: str | type[News] | None = None) -> list[Event]:
        """Every stored event of a kind (`lake.table_committed`, or the news class), oldest first."""
        wanted = kind if kind is None or isinstance(kind, str) else kind.kind
        with self.database.read() as tx:
            return [event for event in self._log(tx, 0) if wanted in (None, event.kind)]

    def deliver(self, *reactions: Reaction) -> int:
        """Hand the events each reaction has not seen to it, as the runner would; the number of reactions that ran."""
        ran = 0
        for reaction in reactions:
            with self.database.read() as tx:
                news = list(self._log(tx, self.journal.cursor(tx, reaction.name)))
            for event in news:
                if event.kind == reaction.kind:
                    self._react(reaction, event)
                    ran += 1
                self.database.write(partial(self._note, reaction.name, event.seq))
        return ran

    def _react(self, reaction: Reaction, event: Event) -> None:
        before, self.actor = self.actor, SYSTEM
        try:
            self.call(lambda: reaction.react(event), Effect.WORK, operation=reaction.name)
        finally:
            self.actor = before

    def _note(self, consumer: str, seq: int, tx: Transaction) -> None:
        self.journal.advance(tx, consumer, seq)

    def _log(self, tx: Transaction, after: int) -> Iterator[Event]:
        while page := self.journal.events(tx, after=after):
            yield from page
            after = page[-1].seq


class BenchCall:
    """One call at the bench; `modelyard.ports.calls.Call` says what each member promises."""

    def __init__(self, bench: Bench, operation: str) -> None:
        self._bench = bench
        self._operation = operation
        self._write: Transaction | None = None
        self._snapshot: Transaction | None = None
        self._open = ExitStack()
        self._events: list[Event] = []
        self.actor = bench.actor
        self.clock = bench.clock
        self.now_ms = bench.clock.now_ms()
        self.now = from_ms(self.now_ms)
        self.request_id = str(REQUEST.new(bench.clock))
        self.about: Ref | None = None

    def run(self, fn: Callable[[], T], effect: Effect) -> T:
        """Carry `fn` out as a call of that effect."""
        if effect.is_one_write:
            return self._in_writer(fn, audited=True)
        outcome = "ok"
        try:
            with running(self):
                return fn()
        except YardError as err:
            outcome = err.code
            raise
        finally:
            self._open.close()
            if effect is Effect.WORK:
                self._bench.database.write(lambda _: None, lambda: [self._entry((), outcome=outcome, audited=True)])

    @property
    def tx(self) -> Transaction:
        """The writer's transaction, or a snapshot that is taken afresh after each unit."""
        if self._write is not None:
            return self._write
        if self._snapshot is None:
            self._snapshot = self._open.enter_context(self._bench.database.read())
        return self._snapshot

    def emit(self, news: News, *, reads: Sequence[Ref] = (), writes: Sequence[Ref] = ()) -> None:
        """Log an event in the commit of the change."""
        if self._write is None:
            raise Internal(f"{news.kind} was emitted outside a unit; events need the transaction of their change")
        self._events.append(
            Event(
                id=EVENT.new(self.clock), kind=news.kind, at_ms=self.now_ms, actor=self.actor.id,
                request_id=self.request_id, reads=tuple(reads), writes=tuple(writes),
                body=msgspec.Raw(msgspec.json.encode(news)),
            )
        )  # fmt: skip

    def unit(self, work: Callable[[], T]) -> T:
        """Run `work` in the writer and wait for its commit."""
        if self._write is not None:
            return work()
        self._open.close()
        self._snapshot = None
        return self._in_writer(work, audited=False)

    def touch(self, about: Ref) -> None:
        """Note what the call is about, for the audit."""
        self.about = about

    def when_left(self, stop: Callable[[], None]) -> None:
        """Nobody leaves a bench."""

    def _in_writer(self, fn: Callable[[], T], *, audited: bool) -> T:
        def work(tx: Transaction) -> T:
            self._events = []
            self._write = tx
            try:
                with running(self):
                    return fn()
            finally:
                self._write = None

        return self._bench.database.write(work, lambda: [self._entry(tuple(self._events), audited=audited)])

    def _entry(self, events: tuple[Event, ...], *, audited: bool, outcome: str = "ok") -> Entry:
        return Entry(
            at_ms=self.now_ms, actor=self.actor.id, operation=self._operation, about=self.about, outcome=outcome,
            request_id=self.request_id, events=events, audited=audited,
        )  # fmt: skip


class _Face:
    """A service seen through its api."""

    def __init__(self, bench: Bench, service: object, known: dict[str, Operation]) -> None:
        self._bench = bench
        self._service = service
        self._known = known

    def __getattr__(self, name: str) -> Any:
        op = self._known.get(name)
        target = getattr(self._service, name)
        if op is None:
            return target

        def called(*args: Any, **kwargs: Any) -> Any:
            def fn() -> Any:
                result = target(*args, **kwargs)
                return iter(list(result)) if op.form in (Form.DOWNLOAD, Form.LIVE) else result

            return self._bench.call(fn, op.effect, operation=op.name)

        return called
