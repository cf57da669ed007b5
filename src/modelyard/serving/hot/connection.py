"""One HTTP connection: heads and bodies in, answers out in the order of their requests, everything bounded.

It knows nothing of models: whole requests go to a `Desk`, which answers each `Exchange` now or later. Reading pauses
while the peer does not take its answers, or while too many of its requests wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic, perf_counter_ns
from typing import Protocol, cast

from msgspec import Struct

from modelyard.kernel.errors import Malformed, TimedOut, TooLarge, Unavailable, YardError
from modelyard.serving.hot.answers import CONTINUE
from modelyard.serving.hot.bodies import Body, ChunkedBody, SizedBody
from modelyard.serving.hot.heads import Head, HeadCache

_BLANK = b"\r\n\r\n"
_WRITE_BUFFER = 1 << 20


class Limits(Struct, frozen=True, kw_only=True):
    """What one connection, and all of them together, may take.

    Attributes:
        connections: open at once; beyond, the longest idle one makes room.
        pipelined: requests of one connection that may wait for their answers.
        pending_bytes: bodies that are still arriving, all together.
        idle_s: without a request begun. `head_s`, `body_s`: from the first byte of each to its last.
        write_s: with an answer that the peer does not take.
    """

    head_bytes: int = 16_384
    body_bytes: int = 16 << 20
    connections: int = 2048
    pipelined: int = 64
    pending_bytes: int = 256 << 20
    idle_s: float = 75.0
    head_s: float = 10.0
    body_s: float = 60.0
    write_s: float = 30.0
    linger_s: float = 2.0


class Exchange:
    """A request and, in time, its answer.

    Attributes:
        began_ns: `perf_counter_ns` when it was whole.
        closes: the connection ends with this answer.
    """

    __slots__ = ("answer", "began_ns", "body", "closes", "connection", "head")

    def __init__(self, connection: Connection, head: Head, body: bytes, began_ns: int) -> None:
        self.connection = connection
        self.head = head
        self.body = body
        self.began_ns = began_ns
        self.closes = not head.keep
        self.answer: bytes | None = None


class Desk(Protocol):
    """Where whole requests go, and what all connections share."""

    limits: Limits
    heads: HeadCache
    connections: dict[Connection, None]
    idle: dict[Connection, None]
    pending_bytes: int

    def take(self, exchange: Exchange) -> None:
        """Answer now (set `answer`) or later (set it, then `connection.flush()`)."""
        ...

    def refuse(self, error: YardError, head: Head | None, *, close: bool, status: int | None = None) -> bytes:
        """The answer to a request that did not get as far as `take`, counted."""
        ...


class Connection(asyncio.Protocol):
    """The protocol object of one peer."""

    __slots__ = (
        "_body", "_body_head", "_closing", "_desk", "_eof", "_paused", "_queue", "_reserved", "_rest", "_since",
        "_stuck", "_transport",
    )  # fmt: skip

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._transport: asyncio.Transport | None = None
        self._queue: deque[Exchange] = deque()
        self._rest = b""
        self._body: Body | None = None
        self._body_head: Head | None = None
        self._reserved = 0
        self._closing = False
        self._eof = False
        self._paused = False
        self._stuck = False
        self._since = monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the peer in, or refuse it when the house is full of busy ones."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER)
        desk = self._desk
        if len(desk.connections) >= desk.limits.connections:
            if not desk.idle:
                self._closing = True
                busy = Unavailable("too many connections are open; try again")
                self._transport.write(desk.refuse(busy, None, close=True))
                self._transport.close()
                return
            next(iter(desk.idle)).close()
        desk.connections[self] = None
        desk.idle[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the peer; answers that still come for it go nowhere."""
        del exc
        self._closing = True
        self._transport = None
        self._drop_body()
        self._queue.clear()
        self._desk.connections.pop(self, None)
        self._desk.idle.pop(self, None)

    def eof_received(self) -> bool:
        """The peer will send no more; what it asked is still answered."""
        self._eof = True
        if not self._queue or self._closing:
            return False
        self._queue[-1].closes = True
        return True

    def data_received(self, data: bytes) -> None:
        """Take whatever came."""
        if self._closing or (self._queue and self._queue[-1].closes):
            return  # nothing behind a last request counts
        if self._body is not None:
            rest = self._feed(data)
            if rest:
                self._consume(rest)
        else:
            self._consume(self._rest + data if self._rest else data)
        self.flush()

    def pause_writing(self) -> None:
        """The peer does not take its answers: stop listening to it."""
        self._paused = True
        self._since = monotonic()
        self._listen()

    def resume_writing(self) -> None:
        """The peer took its answers."""
        self._paused = False
        self._since = monotonic()
        self._resume()

    def flush(self) -> None:
        """Send every answer whose turn it is."""
        queue = self._queue
        if not queue or queue[0].answer is None:
            return
        ready: list[bytes] = []
        last = False
        while not last and len(queue) and (answer := queue[0].answer) is not None:
            ready.append(answer)
            last = queue.popleft().closes
        if self._transport is None or self._closing:
            return
        self._transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if last:
            self._linger()
        elif not queue:
            self._since = monotonic()
            if self._body is None:
                self._desk.idle[self] = None
            if self._stuck:
                self._resume()

    def sweep(self, now: float) -> None:
        """End what takes too long; called about once a second."""
        limits, age = self._desk.limits, now - self._since
        if self._transport is None:
            return
        if self._closing or self._paused:
            if age > (limits.linger_s if self._closing else limits.write_s):
                self._transport.abort()
        elif self._queue:
            return
        elif self._body is not None:
            if age > limits.body_s:
                self._fail(TimedOut(f"the body did not arrive within {limits.body_s:g} s"))
        elif self._rest:
            if age > limits.head_s:
                self._fail(TimedOut(f"the request head did not arrive within {limits.head_s:g} s"))
        elif age > limits.idle_s:
            self.close()

    def close(self) -> None:
        """End the connection once its answers are out; at once if it waits for nothing."""
        if self._queue:
            self._queue[-1].closes = True
        elif self._transport is not None:
            self._closing = True
            self._desk.idle.pop(self, None)
            self._transport.close()

    def _consume(self, data: bytes) -> None:
        """Take every whole request out of `data` and keep what is left."""
        self._rest = b""
        at, began = 0, perf_counter_ns()
        desk, queue = self._desk, self._queue
        while at < len(data) and not self._closing:
            if len(queue) >= desk.limits.pipelined:
                self._rest, self._stuck = data[at:], True
                self._listen()
                return
            end = data.find(_BLANK, at, at + desk.limits.head_bytes) + 4
            if end < 4:
                self._partial_head(data[at:])
                return
            head = desk.heads.get(data[at:end])
            stop = end + head.length
            if head.plain and stop <= len(data):
                desk.idle.pop(self, None)
                exchange = Exchange(self, head, data[end:stop], began)
                queue.append(exchange)
                desk.take(exchange)
                if exchange.closes:
                    return
                at = stop
                continue
            rest = self._unusual(head, data[end:])
            if rest is None:
                return
            data, at = rest, 0

    def _partial_head(self, data: bytes) -> None:
        if data.startswith(b"\r\n"):
            data = data.lstrip(b"\r\n")  # an empty line before a request is forgiven (RFC 9112, 2.2)
        limit = self._desk.limits.head_bytes
        if len(data) >= limit:
            self._fail(TooLarge(f"the request head is longer than {limit} bytes, which are the limit"), status=431)
            return
        if not self._queue and len(data) > 0:
            self._since = monotonic()
        self._rest = data

    def _unusual(self, head: Head, data: bytes) -> bytes | None:
        """A request that is not plain, or not whole yet; what follows it, or None if that is to come."""
        if head.fatal and head.error is not None:
            self._fail(head.error, head)
            return None
        desk = self._desk
        self._body = ChunkedBody(desk.limits.body_bytes) if head.chunked else SizedBody(head.length)
        self._body_head = head
        self._since = monotonic()
        if not self._reserve(self._body.size):
            return None
        if head.expects and not data and not self._queue and head.error is None and self._transport is not None:
            self._transport.write(CONTINUE)
        return self._feed(data)

    def _feed(self, data: bytes) -> bytes | None:
        """Give data to the body; what follows it once it is whole and its request taken."""
        body, head = self._body, self._body_head
        if body is None or head is None:
            return data
        try:
            rest = body.feed(data)
        except (Malformed, TooLarge) as err:
            self._fail(err, head)
            return None
        if rest is None:
            self._reserve(body.size)
            return None
        exchange = Exchange(self, head, body.whole(), perf_counter_ns())
        self._drop_body()
        self._desk.idle.pop(self, None)
        self._queue.append(exchange)
        if head.error is not None:
            exchange.answer = self._desk.refuse(head.error, head, close=exchange.closes)
        else:
            self._desk.take(exchange)
        return None if exchange.closes else rest

    def _reserve(self, size: int) -> bool:
        """Count an arriving body into what all of them may hold."""
        desk = self._desk
        desk.pending_bytes += size - self._reserved
        self._reserved = size
        if desk.pending_bytes <= desk.limits.pending_bytes:
            return True
        self._fail(Unavailable("too many large bodies are arriving at once; try again"), self._body_head)
        return False

    def _drop_body(self) -> None:
        self._desk.pending_bytes -= self._reserved
        self._reserved = 0
        self._body = self._body_head = None

    def _fail(self, error: YardError, head: Head | None = None, *, status: int | None = None) -> None:
        """Refuse what is arriving; the connection ends with that answer, after those before it."""
        self._drop_body()
        self._rest = b""
        exchange = Exchange(self, head or Head(), b"", perf_counter_ns())
        exchange.closes = True
        exchange.answer = self._desk.refuse(error, head, close=True, status=status)
        self._queue.append(exchange)
        self.flush()

    def _linger(self) -> None:
        """Say that no more comes, and let the peer read before its unread bytes would reset the connection."""
        self._closing = True
        self._since = monotonic()
        self._desk.idle.pop(self, None)
        self._drop_body()
        if self._transport is None:
            return
        if self._eof:
            self._transport.close()
            return
        if self._paused or self._stuck:
            self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:  # TLS knows no half of a connection
            self._transport.close()

    def _resume(self) -> None:
        if not self._stuck:
            self._listen()
        elif not self._paused and len(self._queue) < self._desk.limits.pipelined:
            self._stuck = False
            self._listen()
            self._consume(self._rest)
            self.flush()

    def _listen(self) -> None:
        """Read exactly while the peer takes its answers and not too many wait."""
        if self._transport is None or self._closing:
            return
        if self._paused or self._stuck:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
