"""The listening server: uvicorn on httptools and uvloop, with the bounds that it lacks and a short way for brief calls.

Request heads are bounded in bytes and in time, a request that says both Content-Length and Transfer-Encoding is refused
(request smuggling), connections that send nothing are closed, and their number is bounded. A call whose body and answer
are small wholes is handed to the application and answered here, without a task and messages of its own: half of what
such a call costs in the event loop. A head that comes again on its connection, byte by byte the same, is not parsed
again: clients that log send little else. What a request means is the application's business.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from modelyard.edges.http.messages import Answer, App, DirectApp, Handler, Scope
from modelyard.kernel.errors import Internal

MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 10.0
SLOW_BODY_S = 1.0
MAX_CONNECTIONS = 2000
MAX_HEADS, MAX_KEPT_HEAD_BYTES = 32, 4096
_HEAD_END = b"\r\n\r\n"
_REFUSAL = b"HTTP/1.1 %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
_log = logging.getLogger("modelyard.http")


class _Cycle(Protocol):
    """What an answer has to know of its request."""

    transport: asyncio.Transport
    on_response: Callable[[], None]
    disconnected: bool
    keep_alive: bool
    response_started: bool
    response_complete: bool


class _Event:
    """In the place of an event that nobody waits for."""

    def set(self) -> None:
        """Nothing."""


class _Again:
    """A request whose head came before: what uvicorn asks of the request under way on a connection."""

    __slots__ = (
        "disconnected", "keep_alive", "message_event", "on_response", "response_complete", "response_started",
        "transport",
    )  # fmt: skip
    _event = _Event()

    def __init__(self, transport: asyncio.Transport, on_response: Callable[[], None]) -> None:
        self.transport = transport
        self.on_response = on_response
        self.disconnected = self.response_started = self.response_complete = False
        self.keep_alive = True
        self.message_event = self._event


class _Head(NamedTuple):
    """What a head means: how long the body is that follows it, and what answers."""

    length: int
    handler: Handler


class _Begun(NamedTuple):
    """A request whose head came before, until its body is here."""

    head: _Head
    body_at: int
    received: bytearray


def _answer(cycle: _Cycle, answer: Answer) -> None:
    """Send an answer whole, and let the next request come."""
    cycle.response_started = cycle.response_complete = True
    if not (cycle.disconnected or cycle.transport.is_closing()):
        head = [STATUS_LINE[answer.status]]
        for name, value in answer.headers:
            if b"\n" in value or b"\r" in value:
                raise Internal(f"the header field {name.decode('latin-1')} would hold a line break")
            head += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            head.append(b"connection: close\r\n")
        cycle.transport.write(b"".join((*head, b"\r\n", answer.body)))
        if not cycle.keep_alive:
            cycle.transport.close()
    cycle.on_response()


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on the head of a request."""

    _open = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._deadline: asyncio.TimerHandle | None = None
        self._counted = False
        self._direct = self.app.direct if isinstance(self.app, DirectApp) else None
        self._handler: Handler | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._heads: dict[bytes, _Head] = {}
        self._new_head: bytes | None = None
        self._begun: _Begun | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._rests_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        """Count the connection, and give it ten seconds for its first request."""
        super().connection_made(transport)
        BoundedProtocol._open += 1
        self._counted = True
        if BoundedProtocol._open > MAX_CONNECTIONS:
            self._refuse(b"503 Service Unavailable", "too many connections are open; try again shortly")
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._counted:
            BoundedProtocol._open -= 1
            self._counted = False
        self._no_deadline()
        self._taken()
        self._begun = None
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer a request whose head is known; parse any other."""
        self._rests_since = None
        self._unset_keepalive_if_required()
        if self._begun is not None:
            self._begun.received.extend(data)
            self._go_on(self._begun)
        elif self._in_head and not self._head_bytes and self._is_free() and (end := data.find(_HEAD_END) + 4) > 4:
            head = data[:end]
            known = self._heads.get(head)
            if known is None:
                self._new_head = head
                self._parse(data)
                self._new_head = None
            elif len(data) - end == known.length:
                self._no_deadline()
                self._answer_again(known, data[end:])
            else:
                self._no_deadline()
                self._begun = _Begun(known, end, bytearray(data))
                self._slow = self.loop.call_later(SLOW_BODY_S, self._parse_begun)
                self._go_on(self._begun)
        else:
            self._parse(data)

    def _is_free(self) -> bool:
        """True if nothing is under way on this connection."""
        under_way = cast("RequestResponseCycle | None", self.cycle)
        idle = under_way is None or under_way.response_complete
        return idle and not self.pipeline and not self.flow.write_paused and not self.transport.is_closing()

    def _go_on(self, begun: _Begun) -> None:
        """More of a body that belongs to a known head is here."""
        size = len(begun.received) - begun.body_at
        if size == begun.head.length:
            self._begun = None
            self._taken()
            self._answer_again(begun.head, bytes(begun.received[begun.body_at :]))
        elif size > begun.head.length:
            self._parse_begun()

    def _parse_begun(self) -> None:
        """The usual way after all: the body takes its time, or more than the body has come."""
        begun, self._begun = self._begun, None
        self._taken()
        if begun is not None:
            self._parse(bytes(begun.received))

    def _answer_again(self, head: _Head, body: bytes) -> None:
        again = _Again(self.transport, self._answered)
        self.cycle = cast("RequestResponseCycle", again)
        head.handler(body, partial(_answer, again))

    def _answered(self) -> None:
        """A request whose head was known has its answer."""
        if self.pipeline or self.transport.is_closing():
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._rests_since = self.loop.time()
        if self._rest is None:
            self._rest = self.loop.call_later(self.timeout_keep_alive, self._rested)

    def _rested(self) -> None:
        """Close a connection that sends nothing; one timer serves many requests."""
        self._rest = None
        if self._rests_since is None:
            return
        left = self._rests_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._rest = self.loop.call_later(left, self._rested)
        else:
            self.timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Let a request that has begun come to its answer."""
        self._parse_begun()
        super().shutdown()

    def _parse(self, data: bytes) -> None:
        """Bound the head before it is parsed."""
        if self._in_head:
            self._head_bytes += len(data)
            end = data.find(_HEAD_END)
            size = self._head_bytes if end < 0 else self._head_bytes - len(data) + end
            if size > MAX_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large", f"the head has over {MAX_HEAD_BYTES:,} bytes")
                return
            if self._deadline is None:
                self._expect_head()
        super().data_received(data)
        if self._handler is not None and self._slow is None:
            self._slow = self.loop.call_later(SLOW_BODY_S, self._go_long)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Let a brief request be answered directly, once its body is here."""
        handler = None
        if self._direct is not None and not self.flow.write_paused:
            handler = self._direct(cast("Scope", cycle.scope))
        head, self._new_head = self._new_head, None
        if head is not None and handler is not None and cycle.keep_alive and _is_plain(head):
            if len(self._heads) >= MAX_HEADS:
                self._heads.clear()
            self._heads[head] = _Head(int(dict(cycle.scope["headers"]).get(b"content-length", b"0")), handler)
        if handler is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._handler = handler
        else:
            handler(bytes(cycle.body), partial(_answer, cycle))

    def _taken(self) -> Handler | None:
        """What waited for the body that is here now."""
        handler, self._handler = self._handler, None
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        return handler

    def _go_long(self) -> None:
        """A body that takes its time: the application waits for it, and says so if it never comes."""
        self._taken()
        super()._start_asgi_task(self.cycle, self.app)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is whole: refuse two lengths, then go on."""
        self._in_head = False
        self._head_bytes = 0
        self._no_deadline()
        if self.transport.is_closing():
            return
        names = [name for name, _ in self.headers]
        lengths = names.count(b"content-length")
        if lengths > 1 or (lengths and b"transfer-encoding" in names) or names.count(b"host") > 1:
            self._refuse(b"400 Bad Request", "the head says the body's length twice, or names two hosts")
            return
        super().on_headers_complete()
        self._new_head = None

    def on_message_complete(self) -> None:
        """The body is whole; what follows is a head again."""
        self._in_head = True
        self._head_bytes = 0
        if self.transport.is_closing():
            return
        super().on_message_complete()
        if (handler := self._taken()) is not None:
            handler(bytes(self.cycle.body), partial(_answer, self.cycle))

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._late)

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self._head_bytes:
            self._refuse(b"408 Request Timeout", f"the head did not come whole within {HEAD_TIMEOUT_S:.0f} s")
        else:
            self.transport.close()

    def _refuse(self, status: bytes, detail: str) -> None:
        self._no_deadline()
        body = (
            b'{"type":"/docs/reference/errors#malformed","title":"The message cannot be read","status":%s,'
            % (status[:3])
            + b'"code":"malformed","detail":"%s"}' % detail.encode()
        )
        if not self.transport.is_closing():
            self.transport.write(_REFUSAL % (status, len(body), body))
            self.transport.close()


def _is_plain(head: bytes) -> bool:
    """True if a parser takes these very bytes, up to the first empty line, for the head."""
    lines = head.count(b"\r\n")
    return len(head) <= MAX_KEPT_HEAD_BYTES and head[:1].isalpha() and lines == head.count(b"\n") == head.count(b"\r")


class Server:
    """One application on one listening socket, until it is told to stop."""

    def __init__(self, app: App, listener: socket.socket, *, tls: tuple[str, str] | None = None) -> None:
        certificate, key = tls or (None, None)
        config = uvicorn.Config(
            app, http=BoundedProtocol, loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, timeout_keep_alive=60, timeout_graceful_shutdown=8,
            ssl_certfile=certificate, ssl_keyfile=key,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._server.capture_signals = _no_capture  # type: ignore[method-assign]  # the supervisor owns the signals
        self._listener = listener

    def run(self) -> None:
        """Serve on this thread until `stop`; then drain for at most 8 s."""
        self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """Ask the server to drain and end; from any thread."""
        self._server.should_exit = True

    @property
    def started(self) -> bool:
        """True once it accepts connections."""
        return bool(self._server.started)


class _NoCapture:
    def __enter__(self) -> None:
        """Leave the signals alone."""

    def __exit__(self, *_: object) -> None:
        """Leave the signals alone."""


def _no_capture() -> Any:
    return _NoCapture()
