"""One guarded call on its way: what to run, as whom, and where its answer goes.

A Task is a `Unit` of the database's writer when its effect is WRITE or NOTE; the other effects run it where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from modelyard.edges.guard.call import GuardedCall
from modelyard.kernel.errors import Internal, YardError
from modelyard.kernel.events import Entry
from modelyard.kernel.operations import Effect
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.replies import Replies, ReplyKey

R = TypeVar("R")


class Idempotency(Generic[R]):
    """How one call remembers its answer: the key, and the answer's way to JSON and back."""

    __slots__ = ("decode", "encode", "key", "replies")

    def __init__(
        self, replies: Replies, key: ReplyKey, encode: Callable[[R], bytes], decode: Callable[[bytes], R]
    ) -> None:
        self.replies = replies
        self.key = key
        self.encode = encode
        self.decode = decode


class Task(Generic[R]):
    """A call with the work it is to do; `answer` is told when a WRITE or a NOTE is durable."""

    __slots__ = ("_done", "_entries", "_idempotency", "_result", "call", "effect", "error", "work")

    def __init__(
        self, call: GuardedCall, effect: Effect, work: Callable[[], R], idempotency: Idempotency[R] | None = None
    ) -> None:
        self.call = call
        self.effect = effect
        self.work = work
        self.error: BaseException | None = None
        self._result: list[R] = []
        self._idempotency = idempotency
        self._done: Callable[[Task[R]], None] | None = None

    def on_done(self, done: Callable[[Task[R]], None]) -> None:
        """Where to report; from the writer's thread, after the commit."""
        self._done = done

    def result(self) -> R:
        """What the work gave back.

        Raises:
            YardError: what it raised.
        """
        if self.error is not None:
            raise self.error
        return self._result[0]

    def run(self, tx: Transaction) -> None:
        """The writer's turn (Unit)."""
        call, reply = self.call, self._idempotency
        self._result.clear()
        call.enter(tx)
        try:
            with calls.running(call):
                if reply is None:
                    self._result.append(self.work())
                    return
                known = reply.replies.find(tx, reply.key)
                if known is not None:
                    call.audited = False
                    self._result.append(reply.decode(known))
                    return
                reply.replies.begin(tx, reply.key, call.now_ms)
                self._result.append(self.work())
                reply.replies.keep(tx, reply.key, call.now_ms, reply.encode(self._result[0]))
        finally:
            call.leave()

    def settle(self, error: BaseException | None) -> Sequence[Entry]:
        """What the journal is to hold (Unit)."""
        if error is None:
            return (self.call.entry("ok"),)
        return (self.call.entry(outcome_of(error)),) if self.call.audited else ()

    def answer(self, error: BaseException | None) -> None:
        """The commit is done or has failed (Unit)."""
        self.error = error
        if self._done is not None:
            self._done(self)

    def run_here(self) -> R:
        """Run a READ, SCAN or WORK on this thread, to its end."""
        call = self.call
        try:
            with calls.running(call):
                if self._idempotency is None:
                    return self.work()
                return self._run_once(self._idempotency)
        finally:
            call.close_snapshot()

    def _run_once(self, reply: Idempotency[R]) -> R:
        call, replies = self.call, reply.replies
        if (known := replies.find(call.tx, reply.key)) is not None:
            call.audited = False
            return reply.decode(known)
        call.bookkeep(lambda: replies.begin(call.tx, reply.key, call.now_ms))
        try:
            result = self.work()
        except BaseException:
            call.bookkeep(lambda: replies.drop(call.tx, reply.key))
            raise
        call.bookkeep(lambda: replies.keep(call.tx, reply.key, call.now_ms, reply.encode(result)))
        return result


def outcome_of(error: BaseException) -> str:
    """The word under which the audit remembers a failure."""
    return error.code if isinstance(error, YardError) else Internal.code
