"""The one writer of a process: drains what is waiting into one commit, then answers everybody in it.

It knows the order of things (run, settle, journal, commit, answer) and leaves the engine's words to an `Engine`. A
group runs without savepoints, for most have no failing unit; one that has is undone and run again with them, and so
are the groups that follow for a while. Where savepoints are dear, its units are carried one by one instead. Whoever
has a group ready while the writer is free may carry it himself, which saves handing it to the thread and back. It
never answers before the commit and never lets one unit's failure touch another.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from modelyard.kernel.errors import Internal, Unavailable, YardError
from modelyard.kernel.events import Entry
from modelyard.ports.database import COMMIT_BOUNDS_S, GROUP_BOUNDS, Transaction, Unit, WriterStats
from modelyard.ports.journal import Journal

T = TypeVar("T")
GROUP = 256
QUEUE = 4096
SLOW_S = 1.0
CAREFUL = 64
PROMPT_S = 0.002
_WEIGHT = 1 / 16
_log = logging.getLogger("modelyard.writer")


class EngineTransaction(Transaction, Protocol):
    """The writer's transaction, which remembers the error of a statement until the unit that caused it is undone."""

    failure: YardError | None


class Engine(Protocol):
    """A write connection, used by whoever has the writer's turn, one at a time."""

    savepoints: bool
    is_local: bool
    """True if nothing stands between a commit and the disk."""

    @property
    def tx(self) -> EngineTransaction:
        """What units are given."""
        ...

    def begin(self) -> None:
        """Open a transaction that may write; from here to its end no other process writes."""
        ...

    def try_begin(self) -> bool:
        """The same, if it can be had without waiting for anybody; nor does this transaction tidy up at its commit."""
        ...

    def commit(self) -> None:
        """Make it durable."""
        ...

    def rollback(self) -> bool:
        """Undo all of it; False if the connection is past use. Never raises."""
        ...

    def mark(self) -> None:
        """Set a savepoint."""
        ...

    def release(self) -> None:
        """Forget the savepoint and keep what came after it."""
        ...

    def undo(self) -> bool:
        """Return to the savepoint and forget it; False if the engine has undone the whole transaction by itself."""
        ...

    def translate(self, error: BaseException) -> BaseException:
        """The engine's error in the house's words; others as they are."""
        ...

    def close(self) -> None:
        """Drop the connection."""
        ...


class _GroupUndone(Exception):
    """A unit failed in a group without savepoints: nothing of the group was done."""


class _Counters:
    """What `WriterStats` is made from; written by whoever has the turn."""

    def __init__(self) -> None:
        self.commits = self.units = self.failures = 0
        self.commit_seconds = self.usual_seconds = 0.0
        self.commit_buckets = [0] * (len(COMMIT_BOUNDS_S) + 1)
        self.group_buckets = [0] * (len(GROUP_BOUNDS) + 1)

    def committed(self, seconds: float, size: int) -> None:
        self.commits += 1
        self.units += size
        self.commit_seconds += seconds
        self.usual_seconds += (seconds - self.usual_seconds) * _WEIGHT
        self.commit_buckets[bisect_left(COMMIT_BOUNDS_S, seconds)] += 1
        self.group_buckets[bisect_left(GROUP_BOUNDS, size)] += 1


class Writer:
    """A thread with the write connection, opened at the first unit and lent to whoever carries a group himself."""

    def __init__(
        self, connect: Callable[[], Engine], *, journal: Journal | None, limit: int = QUEUE, slow_s: float = SLOW_S
    ) -> None:
        self._connect = connect
        self._journal = journal
        self._limit = limit
        self._slow_s = slow_s
        self._waiting: SimpleQueue[Unit | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._engine: Engine | None = None
        self._counters = _Counters()
        self._turn = threading.Lock()
        self._holder: int | None = None
        self._wanted = False
        self._careful = 0
        self._thread = threading.Thread(target=self._serve, name="modelyard-writer", daemon=True)
        self._thread.start()

    def submit(self, unit: Unit) -> None:
        """Queue a unit; it is answered later, from the writer's thread.

        Raises:
            Unavailable: the writer is stopped, or its queue is full.
        """
        with self._lock:
            if self._closed:
                raise Unavailable("the database is closed: the yard is stopping; try again when it is up")
            if self._waiting.qsize() >= self._limit:
                raise Unavailable(f"{self._limit} changes are waiting to be written; try again in a moment")
            self._waiting.put(unit)

    @property
    def is_prompt(self) -> bool:
        """True while a commit takes so little that even an event loop may wait for it."""
        return self._engine is not None and self._engine.is_local and self._counters.usual_seconds < PROMPT_S

    def carry(self, units: Sequence[Unit]) -> bool:
        """Carry units as one group on this thread if nobody writes or waits to; False: nothing was done."""
        if self._wanted or not self._waiting.empty() or not self._turn.acquire(blocking=False):
            return False
        try:
            if self._closed or self._engine is None or not self._engine.try_begin():
                return False
            self._holder = threading.get_ident()
            return self._carry(units, begun=True)
        finally:
            self._holder = None
            self._turn.release()

    def write(self, work: Callable[[Transaction], T], entries: Callable[[], Sequence[Entry]]) -> T:
        """Submit `work` and wait for its commit."""
        if threading.get_ident() in (self._thread.ident, self._holder):
            raise Internal("write() was called from within the writer, which would wait for itself for ever")
        unit = _Waiting(work, entries)
        self.submit(unit)
        return unit.wait()

    def close(self) -> None:
        """Carry what is waiting, then stop and drop the connection."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        if threading.get_ident() != self._thread.ident:
            self._thread.join()

    def stats(self) -> WriterStats:
        """A copy of the counters; taken without a lock, so figures of one instant may differ by a commit."""
        c = self._counters
        return WriterStats(
            commits=c.commits, units=c.units, failures=c.failures, waiting=self._waiting.qsize(),
            commit_seconds=c.commit_seconds, commit_buckets=tuple(c.commit_buckets),
            group_buckets=tuple(c.group_buckets),
        )  # fmt: skip

    def _serve(self) -> None:
        stopping = False
        while not stopping:
            unit = self._waiting.get()
            group: list[Unit] = []
            while unit is not None:
                group.append(unit)
                if len(group) == GROUP:
                    break
                try:
                    unit = self._waiting.get_nowait()
                except Empty:
                    break
            stopping = unit is None
            if group:
                self._wanted = True  # from here on nobody takes the turn before this thread
                with self._turn:
                    self._wanted = False
                    self._carry(group)
            del group, unit
        with self._turn:
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def _carry(self, group: Sequence[Unit], *, begun: bool = False) -> bool:
        """Take a group to its commit and answer everybody; False, where the transaction had begun, if it was undone."""
        outcomes: list[BaseException | None]
        try:
            outcomes = self._attempt(group, begun=begun)
        except _GroupUndone:
            self._careful = CAREFUL
            if begun:
                return False
            for part in [group] if self._marks() else [[unit] for unit in group]:
                self._carry(part)
            return True
        except BaseException as raised:  # noqa: BLE001  # whatever it is, everybody in the group must hear of it
            self._counters.failures += 1
            failure: BaseException = raised
            if self._engine is not None:
                failure = self._engine.translate(raised)
                self._roll_back(self._engine)
            _log.warning("a group of %d writes failed: %s", len(group), failure, exc_info=raised)
            outcomes = [failure] * len(group)
        for unit, outcome in zip(group, outcomes, strict=True):
            try:
                unit.answer(outcome)
            except Exception:  # noqa: BLE001  # a caller that cannot be told must not stop the others
                _log.exception("an answer could not be given")
        return True

    def _marks(self) -> bool:
        """True if each unit of a group gets a savepoint now."""
        return self._careful > 0 and (self._engine is None or self._engine.savepoints)

    def _attempt(self, group: Sequence[Unit], *, begun: bool) -> list[BaseException | None]:
        if self._engine is None:
            self._engine = self._connect()
        engine = self._engine
        began = time.perf_counter()
        if not begun:
            engine.begin()
        entries: list[Entry] = []
        outcomes: list[BaseException | None] = []
        marked = (begun or len(group) > 1) and self._marks()
        for unit in group:
            if marked:
                engine.mark()
            error = self._run(engine, unit, entries)
            if error is not None:
                if (begun or len(group) > 1) and not marked:
                    self._roll_back(engine)
                    raise _GroupUndone
                self._undo(engine, error, marked=marked)
                error = _settle_failed(unit, error, entries)
            elif marked:
                engine.release()
            outcomes.append(error)
        if entries and self._journal is not None:
            self._journal.append(engine.tx, entries)
        ran = time.perf_counter()
        engine.commit()
        ended = time.perf_counter()
        self._careful -= marked
        self._counters.committed(ended - ran, len(group))
        if ended - began > self._slow_s:
            _log.warning(
                "a group of %d writes took %.1f s, %.1f s of it in the commit; all others waited",
                len(group), ended - began, ended - ran,
            )  # fmt: skip
        return outcomes

    @staticmethod
    def _run(engine: Engine, unit: Unit, entries: list[Entry]) -> BaseException | None:
        try:
            unit.run(engine.tx)
            if engine.tx.failure is not None:
                raise engine.tx.failure
            entries.extend(unit.settle(None))
        except BaseException as error:  # noqa: BLE001  # it belongs to the unit's caller, who gets it
            return error
        return None

    def _roll_back(self, engine: Engine) -> bool:
        if engine.rollback():
            return True
        engine.close()
        self._engine = None  # the next group opens another
        return False

    def _undo(self, engine: Engine, error: BaseException, *, marked: bool) -> None:
        if not marked:
            if not self._roll_back(engine):
                raise error
            engine.begin()
        elif not engine.undo():
            raise error
        engine.tx.failure = None


def _settle_failed(unit: Unit, error: BaseException, entries: list[Entry]) -> BaseException:
    try:
        entries.extend(unit.settle(error))
    except Exception:  # noqa: BLE001  # the call failed already; its caller must hear the first error
        _log.exception("a failed call could not be described for the audit")
    return error


class _Waiting(Generic[T]):
    """A unit whose caller waits for it in another thread."""

    def __init__(self, work: Callable[[Transaction], T], entries: Callable[[], Sequence[Entry]]) -> None:
        self._work = work
        self._entries = entries
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def run(self, tx: Transaction) -> None:
        self._result = [self._work(tx)]

    def settle(self, error: BaseException | None) -> Sequence[Entry]:
        return self._entries() if error is None else ()

    def answer(self, error: BaseException | None) -> None:
        self._error = error
        self._done.release()

    def wait(self) -> T:
        with self._done:
            if self._error is not None:
                try:
                    raise self._error
                finally:
                    self._error = None  # no circle of error, traceback and frame
            return self._result[0]
