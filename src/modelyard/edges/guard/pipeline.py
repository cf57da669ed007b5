"""The guard pipeline that every way in passes: HTTP, the embedded SDK, the command line, pages and foreign wires.

Authenticate, authorise by scope and by resource, idempotency key, then run where the effect says. It never reads a
request's bytes and holds no rule of any slice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TypeVar

from modelyard.edges.guard.call import GuardedCall, Terms
from modelyard.edges.guard.task import Idempotency, Task, outcome_of
from modelyard.kernel.actors import SYSTEM, Actor, Authority
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Forbidden, InvalidInput, Unauthenticated, YardError
from modelyard.kernel.events import Entry
from modelyard.kernel.ids import REQUEST
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from modelyard.ports.database import Database, Transaction
from modelyard.ports.identity import Identities
from modelyard.ports.replies import Replies, ReplyKey

R = TypeVar("R")
_log = logging.getLogger("modelyard.guard")
_KEY_LENGTH = 200


class _Note:
    """A unit that only journals: a denial, or the end of a WORK that changed no row."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def run(self, tx: Transaction) -> None:
        """Nothing but the entry."""

    def settle(self, error: BaseException | None) -> Sequence[Entry]:
        """The entry."""
        return (self._entry,) if error is None else ()

    def answer(self, error: BaseException | None) -> None:
        """Nobody waits."""
        if error is not None:
            _log.error("an audit note was lost", extra={"operation": self._entry.operation, "error": repr(error)})


class Guard:
    """The one pipeline of a home."""

    def __init__(
        self, *, database: Database, clock: Clock, identities: Identities, authority: Authority, replies: Replies,
        threads: int = 4,
    ) -> None:  # fmt: skip
        self.database = database
        self.clock = clock
        self.identities = identities
        self._authority = authority
        self._replies = replies
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="yard-work")
        self.live = ThreadPoolExecutor(32, thread_name_prefix="yard-live")

    def authenticate(self, token: str | None) -> Actor:
        """The actor behind a bearer token.

        Raises:
            Unauthenticated: there is none, or it is unknown, expired or revoked.
        """
        if token is None:
            raise Unauthenticated("no token came with the call; send `Authorization: Bearer TOKEN` (see: yard env)")
        if (actor := self.identities.authenticate(token)) is None:
            raise Unauthenticated(
                "the token is unknown, expired or revoked; get a new one: yard governance create-token"
            )
        return actor

    def new_request_id(self) -> str:
        """An id under which logs, audit and the caller know a call."""
        return REQUEST.new(self.clock)

    def permits(self, actor: Actor, scope: str, about: Ref | None) -> bool:
        """True if the actor may; asks nothing of a call."""
        return self._authority.may(actor, scope, about)

    def authorise(self, actor: Actor, scope: str, about: Ref | None, *, operation: str, request_id: str) -> None:
        """Let the call pass or refuse it; a refusal is audited.

        Raises:
            Forbidden: the actor lacks the scope, or is confined to other things.
        """
        if self._authority.may(actor, scope, about):
            return
        thing = f" on {about}" if about is not None else ""
        entry = Entry(
            at_ms=self.clock.now_ms(), actor=actor.id, operation=operation, about=about, outcome=Forbidden.code,
            request_id=request_id,
        )  # fmt: skip
        self.database.submit(_Note(entry))
        raise Forbidden(f"{actor.name} may not {operation}{thing}: it needs scope {scope}; an owner can grant it")

    def call(self, actor: Actor, terms: Terms) -> GuardedCall:
        """A new call, authorised already."""
        return GuardedCall(self.database, self.clock, actor, terms)

    def idempotency(
        self, actor: Actor, key: str, *, over: bytes, encode: Callable[[R], bytes], decode: Callable[[bytes], R]
    ) -> Idempotency[R]:
        """How a call under `key` remembers its answer; `over` is the operation and its arguments.

        Raises:
            InvalidInput: the key is empty, too long or not printable ASCII.
        """
        if not 0 < len(key) <= _KEY_LENGTH or not key.isascii() or not key.isprintable():
            raise InvalidInput(f"an idempotency key is 1 to {_KEY_LENGTH} printable ASCII characters")
        return Idempotency(
            self._replies, ReplyKey(actor=actor.id, key=key, digest=sha256(over).hexdigest()), encode, decode
        )

    def run(self, task: Task[R]) -> R:
        """Run a task to its end from an ordinary thread, wherever its effect belongs.

        Raises:
            YardError: what the call ended in.
        """
        if task.effect.is_one_write:
            ready = threading.Event()
            task.on_done(lambda _: ready.set())
            self.database.submit(task)
            ready.wait()
            return task.result()
        return self.run_here(task)

    def run_here(self, task: Task[R]) -> R:
        """Run a READ, SCAN or WORK on this thread; how a WORK ended is in the audit, whatever its units left there."""
        try:
            result = task.run_here()
        except BaseException as err:
            self._note(task.call, outcome_of(err))
            raise
        self._note(task.call, "ok")
        return result

    def flow(self, task: Task[None], start: Callable[[], Iterator[R]]) -> Iterator[R]:
        """The items of a SCAN or WORK on this thread, one by one; the call is current only while it runs."""
        call = task.call
        try:
            with calls.running(call):
                source = start()
            while True:
                with calls.running(call):
                    try:
                        item = next(source)
                    except StopIteration:
                        break
                yield item
        except GeneratorExit:
            raise
        except BaseException as err:
            self._note(call, outcome_of(err))
            raise
        finally:
            call.close_snapshot()
        self._note(call, "ok")

    def as_system(self, operation: str, work: Callable[[], R]) -> R:
        """Run `work` as the yard itself, with effect WORK; for duties and reactions, on the calling thread."""
        call = self.call(SYSTEM, Terms(operation, Effect.WORK, self.new_request_id(), audited=False))
        return Task(call, Effect.WORK, work).run_here()

    def _note(self, call: GuardedCall, outcome: str) -> None:
        if not call.audited:
            return
        try:
            self.database.write(lambda _: None, lambda: (call.entry(outcome),))
        except YardError:
            _log.exception("an audit note was lost", extra={"operation": call.operation})

    def close(self) -> None:
        """Stop taking work; wait for what runs."""
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.live.shutdown(wait=False, cancel_futures=True)
