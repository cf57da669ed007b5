"""The runner: carries news to the slices that react to them, and calls duties when they are due.

One thread looks for what is due, a small pool does it. A reaction's progress is kept in the journal, so each event
reaches it at least once and in order, also across restarts. What a reaction raises is logged and retried, then set
aside, so that one bad event cannot stop the rest.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from modelyard.edges.guard import Guard
from modelyard.kernel.events import Event
from modelyard.ports.duties import Duty, Reaction
from modelyard.ports.journal import Journal

_log = logging.getLogger("modelyard.news")
_LOOK_S = 0.2
_ATTEMPTS = 4
_BACKOFF_S = 0.5
_PERSIST_EVERY = 1000
_BATCH = 500


class _Follower:
    """A reaction and how far it has come."""

    def __init__(self, reaction: Reaction, seq: int) -> None:
        self.reaction = reaction
        self.seq = seq
        self.kept = seq
        self.running: Future[None] | None = None

    @property
    def idle(self) -> bool:
        return self.running is None or self.running.done()


class Runner:
    """Reactions and duties of one home; one process at a time runs it."""

    def __init__(self, guard: Guard, journal: Journal, reactions: Sequence[Reaction], duties: Sequence[Duty]) -> None:
        self._guard = guard
        self._journal = journal
        self._reactions = reactions
        self._duties = [(duty, 0.0) for duty in duties]
        self._busy: dict[str, Future[None]] = {}
        self._followers: list[_Follower] = []
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="yard-news")
        self._thread = threading.Thread(target=self._loop, name="yard-runner", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._load()
        self._thread.start()

    def stop(self) -> None:
        """End after what runs now; progress is kept."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for follower in self._followers:
            self._keep(follower)

    def catch_up(self) -> None:
        """Bring every reaction to the end of the log on this thread; for tests and short-lived processes."""
        if not self._followers:
            self._load()
        while sum(self._advance(f) for f in self._followers):
            pass

    def _load(self) -> None:
        with self._guard.database.read() as tx:
            self._followers = [_Follower(r, self._journal.cursor(tx, r.name)) for r in self._reactions]

    def _loop(self) -> None:
        while not self._stop.wait(_LOOK_S):
            try:
                self._look()
            except Exception:  # noqa: BLE001  # a stumble must not stop the yard; it is logged
                _log.exception("the runner stumbled; it goes on")

    def _look(self) -> None:
        idle = [f for f in self._followers if f.idle]
        if idle:
            after = min(f.seq for f in idle)
            with self._guard.database.read() as tx:
                events = self._journal.events(tx, after=after, limit=_BATCH)
            if events:
                for follower in idle:
                    if follower.seq < events[-1].seq:
                        follower.running = self._pool.submit(self._follow, follower, events)
        now = self._guard.clock.monotonic()
        for i, (duty, due) in enumerate(self._duties):
            running = self._busy.get(duty.name)
            if running is not None and not running.done():
                self._duties[i] = (duty, now + duty.every_s)
            elif now >= due:
                self._duties[i] = (duty, now + duty.every_s)
                self._busy[duty.name] = self._pool.submit(self._do, duty)

    def _do(self, duty: Duty) -> None:
        try:
            self._guard.as_system(duty.name, duty.run)
        except Exception:  # noqa: BLE001  # a stumble must not stop the yard; it is logged
            _log.exception("a duty failed; it comes round again", extra={"duty": duty.name})

    def _advance(self, follower: _Follower) -> bool:
        with self._guard.database.read() as tx:
            events = self._journal.events(tx, after=follower.seq, limit=_BATCH)
        if events:
            self._follow(follower, events)
        return bool(events)

    def _follow(self, follower: _Follower, events: Sequence[Event]) -> None:
        wanted = follower.reaction.kind
        reacted = False
        for event in events:
            if event.seq <= follower.seq:
                continue
            if wanted in ("*", event.kind):
                if not self._react(follower.reaction, event):
                    break
                reacted = True
            follower.seq = event.seq
        if reacted or follower.seq - follower.kept >= _PERSIST_EVERY:
            self._keep(follower)

    def _react(self, reaction: Reaction, event: Event) -> bool:
        """True if the event is dealt with; False if the runner is to stop first."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._guard.as_system(reaction.name, lambda: reaction.react(event))
                return True
            except Exception:  # noqa: BLE001  # a stumble must not stop the yard; it is logged
                _log.exception(
                    "a reaction failed" + ("; it is set aside" if attempt == _ATTEMPTS else "; it is tried again"),
                    extra={"reaction": reaction.name, "event": event.id, "attempt": attempt},
                )
            if self._stop.wait(_BACKOFF_S * 2 ** (attempt - 1)):
                return False
        return True

    def _keep(self, follower: _Follower) -> None:
        if follower.seq == follower.kept:
            return
        self._guard.database.write(lambda tx: self._journal.advance(tx, follower.reaction.name, follower.seq))
        follower.kept = follower.seq
