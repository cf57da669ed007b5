"""One request on its way through the edge, and the way of answers from the writer back to the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from modelyard.edges.guard import Guard, Task
from modelyard.edges.http.messages import Receive, Scope, Send
from modelyard.kernel.actors import SYSTEM, Actor

R = TypeVar("R")
_FIELDS = "modelyard.fields"


class Waker:
    """Brings answers from the writer's thread to the event loop, one wake-up for a whole group."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def submit(self, guard: Guard, task: Task[Any], done: Callable[[], None]) -> None:
        """Hand a WRITE to the writer; `done` is called in the event loop after its commit, and must not raise."""
        task.on_done(lambda _: self._wake(done))
        guard.database.submit(task)

    async def run(self, guard: Guard, task: Task[R]) -> R:
        """Hand a WRITE to the writer and wait for its commit.

        Raises:
            YardError: what the call ended in.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        self.submit(guard, task, lambda: None if future.done() else future.set_result(None))
        await future
        return task.result()

    def _wake(self, done: Callable[[], None]) -> None:
        self._ready.append(done)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        while self._ready:
            self._ready.popleft()()


@dataclass(slots=True)
class Request:
    """One request on its way through the edge."""

    scope: Scope
    receive: Receive
    send: Send
    headers: dict[bytes, bytes]
    values: dict[str, str]
    request_id: str
    waker: Waker
    actor: Actor = SYSTEM

    def again(self, request_id: str) -> Request:
        """Another one with the same head; nobody writes to what they share."""
        return Request(self.scope, self.receive, self.send, self.headers, self.values, request_id, self.waker)

    def fields(self) -> Mapping[str, str]:
        """The header fields as text, made once for a head."""
        known: Mapping[str, str] | None = self.scope.get(_FIELDS)
        if known is None:
            known = {k.decode("latin-1"): v.decode("latin-1") for k, v in self.headers.items()}
            self.scope[_FIELDS] = known
        return known
