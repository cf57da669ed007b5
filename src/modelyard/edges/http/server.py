"""The listening server: uvicorn on httptools and uvloop, with the bounds that it lacks and a short way for brief calls.

Request heads are bounded in bytes and in time, a request that says both Content-Length and Transfer-Encoding is refused
(request smuggling), connections that send nothing are closed, and their number is bounded. A call whose body and answer
are small wholes is handed to the application and answered here, without a task and messages of its own: half of what
such a call costs in the event loop. What a request means is the application's business.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from modelyard.edges.http.messages import Answer, App, DirectApp, Handler, Scope
from modelyard.kernel.errors import Internal

MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 10.0
SLOW_BODY_S = 1.0
MAX_CONNECTIONS = 2000
_REFUSAL = b"HTTP/1.1 %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
_log = logging.getLogger("modelyard.http")


def _answer(cycle: RequestResponseCycle, answer: Answer) -> None:
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
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bound the head before it is parsed."""
        if self._in_head:
            self._head_bytes += len(data)
            end = data.find(b"\r\n\r\n")
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
