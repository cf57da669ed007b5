"""The call a service runs in: who asks, when, and the transaction that the guard opened.

Services keep the plain signatures of their api, so the call is ambient: `calls.current()`. The guard sets it around
each operation and nobody else does (tests use `modelyard.testing`). It never commits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Protocol, TypeVar

from modelyard.kernel.actors import Actor
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Internal
from modelyard.kernel.events import News
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Transaction

T = TypeVar("T")


class Call(Protocol):
    """What a service may ask of the call it runs in."""

    @property
    def actor(self) -> Actor:
        """Who asks."""
        ...

    @property
    def clock(self) -> Clock:
        """The yard's clock."""
        ...

    @property
    def now(self) -> datetime:
        """When the call began; the same for all that it writes."""
        ...

    @property
    def now_ms(self) -> int:
        """`now` in milliseconds since the Unix epoch."""
        ...

    @property
    def request_id(self) -> str:
        """The id under which logs and audit know this call."""
        ...

    @property
    def tx(self) -> Transaction:
        """The open transaction: the writer's in a WRITE and inside `unit`; elsewhere a read-only snapshot."""
        ...

    def emit(self, news: News, *, reads: Sequence[Ref] = (), writes: Sequence[Ref] = ()) -> None:
        """Log an event in the same commit as the change; only where `tx` may write."""
        ...

    def unit(self, work: Callable[[], T]) -> T:
        """Run `work` in the writer as one atomic transaction and wait for its commit.

        In a WRITE it simply runs, the transaction being open already. In a WORK it is the one way to change rows:
        do the slow part first, then hand over a short unit. `work` may run twice (after an undo): it must be
        repeatable. Events emitted in it are committed with it.
        """
        ...

    def touch(self, about: Ref) -> None:
        """Say which thing the call turned out to be about, for the audit, where its declaration could not know."""
        ...

    def when_left(self, stop: Callable[[], None]) -> None:
        """Call `stop`, from another thread, if the caller goes away before the answer is whole."""
        ...


_current: ContextVar[Call] = ContextVar("modelyard_call")


def current() -> Call:
    """The call that runs here.

    Raises:
        Internal: no call is running: a service was used from outside the guard.
    """
    try:
        return _current.get()
    except LookupError:
        raise Internal("a service was used outside a call; go through the SDK or modelyard.testing") from None


class running:  # noqa: N801  # used as a function; a class costs a third of a generator here
    """Make `call` the current one; for the guard."""

    __slots__ = ("_call", "_token")

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        """From here on."""
        self._token = _current.set(self._call)

    def __exit__(self, *_: object) -> None:
        """Until here."""
        _current.reset(self._token)
