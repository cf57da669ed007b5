"""The way in without HTTP: the same operations through the same guard, in this process.

Implements `sdk.Transport`. The command line, pages and `modelyard.connect("./home")` use it; the rules hold there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from modelyard.edges.guard import Guard, Task, Terms
from modelyard.kernel.actors import Actor
from modelyard.kernel.operations import Operation

_DETAIL = 2000


class Embedded:
    """Calls services as `actor`.

    Args:
        services: the implementation of each slice, by the slice's name.
        address: which home it is.
    """

    def __init__(self, guard: Guard, services: Mapping[str, object], actor: Actor, *, address: str = "") -> None:
        self.address = address
        self._guard = guard
        self._services = services
        self._actor = actor

    def call(self, op: Operation, arguments: dict[str, Any]) -> Any:
        """One call; its answer."""
        return self._guard.run(self._task(op, arguments, partial(self._method(op), **arguments)))

    def upload(self, op: Operation, arguments: dict[str, Any], content: Iterable[bytes]) -> Any:
        """Bytes there, an answer back."""
        given = {**arguments, op.content or "content": iter(content)}
        return self._guard.run(self._task(op, arguments, partial(self._method(op), **given)))

    def download(self, op: Operation, arguments: dict[str, Any]) -> Iterator[bytes]:
        """Bytes back."""
        return self._flow(op, arguments)

    def live(self, op: Operation, arguments: dict[str, Any]) -> Iterator[Any]:
        """Records back, as they come."""
        return self._flow(op, arguments)

    def _flow(self, op: Operation, arguments: dict[str, Any]) -> Iterator[Any]:
        task = self._task(op, arguments, lambda: None)
        yield from self._guard.flow(task, partial(self._method(op), **arguments))

    def _task(self, op: Operation, arguments: dict[str, Any], work: Callable[[], Any]) -> Task[Any]:
        about, request_id = op.ref_of(arguments), self._guard.new_request_id()
        self._guard.authorise(self._actor, op.scope, about, operation=op.name, request_id=request_id)
        detail = ""
        if op.changes:
            shown = {k: v for k, v in arguments.items() if k not in op.private}
            detail = msgspec.json.encode(shown)[:_DETAIL].decode("utf-8", "ignore")
        terms = Terms(op.name, op.effect, request_id, about, op.audited, detail)
        return Task(self._guard.call(self._actor, terms), op.effect, work)

    def _method(self, op: Operation) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._services[op.group], op.method)
        return method
