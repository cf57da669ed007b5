"""One request on its way through the edge, and the way of answers from the writer back to the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from modelyard.edges.guard import Guard, Task
from modelyard.edges.http.messages import Receive, Scope, Send
from modelyard.kernel.actors import SYSTEM, Actor
from modelyard.kernel.errors import YardError

R = TypeVar("R")
_FIELDS = "modelyard.fields"
_TURN = 32


class Waker:
    """Brings writes to their commit and answers back to the event loop, one wake-up for a whole group.

    Small writes that one turn of the loop brings are gathered and carried by the loop itself, where commits are quick
    and nobody else writes. Otherwise they go to the writer's thread together; what comes meanwhile waits for them, as
    it would have waited there.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: deque[Callable[[], None]] = deque()
        self._scheduled = False
        self._gathered: list[tuple[Task[Any], Callable[[], None]]] = []
        self._away = 0
        self._planned = False
        self._grew = False
        self._usual = 1

    def submit(self, guard: Guard, task: Task[Any], done: Callable[[], None]) -> None:
        """Hand a WRITE to the writer; `done` is called in the event loop after its commit, and must not raise."""
        task.on_done(lambda _: self._wake(done))
        guard.database.submit(task)

    def gather(self, guard: Guard, task: Task[Any], done: Callable[[], None]) -> None:
        """Carry a small WRITE with what else this turn of the loop brings; `done` as in `submit`."""
        if not (guard.database.is_prompt or self._away):
            self.submit(guard, task, done)
            return
        self._gathered.append((task, done))
        self._grew = True
        self._plan(guard)

    def _plan(self, guard: Guard) -> None:
        """Carry what is gathered in the loop's next turn, unless that is settled or some are away."""
        if self._gathered and not (self._planned or self._away):
            self._planned = True
            self._loop.call_soon(self._carry, guard)

    def _carry(self, guard: Guard) -> None:
        """Carry what was gathered, or have it carried."""
        self._planned = False
        if self._grew and len(self._gathered) < self._usual:
            self._grew = False  # more of those that came together last time are on their way
            self._plan(guard)
            return
        turn, self._gathered = self._gathered[:_TURN], self._gathered[_TURN:]
        self._usual = max(len(turn), self._usual - 1)
        for task, done in turn:
            task.on_done(partial(_tell, done))
        if guard.database.carry([task for task, _ in turn]):
            self._plan(guard)
            return
        self._away += len(turn)
        for task, done in turn:
            try:
                self.submit(guard, task, partial(self._back, guard, done))
            except YardError as err:
                task.answer(err)

    def _back(self, guard: Guard, done: Callable[[], None]) -> None:
        """One of those that the writer's thread carried is answered."""
        self._away -= 1
        self._plan(guard)
        done()

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


def _tell(done: Callable[[], None], _: Task[Any]) -> None:
    done()


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
