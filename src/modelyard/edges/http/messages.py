"""Requests in and responses out, on bare ASGI: bounded bodies, problem documents (RFC 9457), chunked streams.

It decides nothing about what a request may do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import msgspec

from modelyard.kernel.errors import Internal, InvalidInput, Malformed, TimedOut, TooLarge, UnsupportedMedia, YardError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 32 * 1024 * 1024
BODY_TIMEOUT_S = 30.0
_BASE = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
_JSON = (b"content-type", b"application/json")
PROBLEM = "application/problem+json"
_PROBLEM = (b"content-type", PROBLEM.encode())


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Header fields by lower-case name; of a repeated one the last stands."""
    return dict(scope["headers"])


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body.

    Raises:
        TooLarge: it is longer than `limit`.
        TimedOut: the caller stopped sending for 30 s.
        Malformed: the caller went away.
    """
    if (declared := headers.get(b"content-length")) is not None and int(declared) > limit:
        raise TooLarge(f"the body has {int(declared):,} bytes; at most {limit:,} are read here")
    refuse_encoded(headers)
    message = await _receive(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    chunks, size = [body], len(body)
    while message.get("more_body"):
        message = await _receive(receive)
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body is longer than {limit:,} bytes, the most that is read here")
        chunks.append(chunk)
    return b"".join(chunks)


async def _receive(receive: Receive) -> Message:
    try:
        message = await asyncio.wait_for(receive(), BODY_TIMEOUT_S)
    except TimeoutError:
        raise TimedOut(f"the body stopped coming for {BODY_TIMEOUT_S:.0f} s") from None
    if message["type"] == "http.disconnect":
        raise Malformed("the caller went away before the body was complete")
    return message


def refuse_encoded(headers: Mapping[bytes, bytes]) -> None:
    """Refuse compressed bodies: a small one may unpack to anything.

    Raises:
        UnsupportedMedia: the body has a content encoding.
    """
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMedia("compressed bodies are not read here; send the body without content-encoding")


async def uploaded(receive: Receive, loop: asyncio.AbstractEventLoop) -> Iterable[bytes]:
    """The body for a worker thread; one that is here already is handed over whole, without a way back to the loop.

    Raises:
        Malformed: the caller went away.
        TimedOut: it stopped sending.
    """
    first = await _receive(receive)
    chunk: bytes = first.get("body", b"")
    if not first.get("more_body"):
        return (chunk,) if chunk else ()
    return chain((chunk,) if chunk else (), incoming(receive, loop))


def incoming(receive: Receive, loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """The body in chunks as they come, for a worker thread; the network waits while the worker is busy.

    Raises:
        Malformed: the caller went away.
        TimedOut: it stopped sending.
    """
    more = True
    while more:
        message = asyncio.run_coroutine_threadsafe(_receive(receive), loop).result()
        more = bool(message.get("more_body"))
        if chunk := message.get("body", b""):
            yield chunk


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


Handler = Callable[[bytes, Callable[[Answer], None]], None]
"""Takes the body of a brief request and, now or later, gives the answer to the function.

It serves any number of requests that have the very same head.
"""


@runtime_checkable
class DirectApp(Protocol):
    """An application that answers brief requests without a task of the event loop for each."""

    def direct(self, scope: Scope) -> Handler | None:
        """What answers the request once its body is here; None: call the application as usual."""
        ...


def whole(
    status: int, body: bytes, *, content_type: tuple[bytes, bytes] = _JSON, request_id: str = "",
    extra: Iterable[tuple[bytes, bytes]] = (),
) -> Answer:  # fmt: skip
    """A response with the header fields that all have."""
    headers = [content_type, (b"content-length", b"%d" % len(body)), (b"x-request-id", request_id.encode()), *_BASE]
    headers += extra
    return Answer(status, headers, body)


async def reply(send: Send, answer: Answer) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def respond(
    send: Send, status: int, body: bytes, *, content_type: tuple[bytes, bytes] = _JSON, request_id: str = "",
    extra: Iterable[tuple[bytes, bytes]] = (),
) -> None:  # fmt: skip
    """Send a whole response from its parts."""
    await reply(send, whole(status, body, content_type=content_type, request_id=request_id, extra=extra))


def problem(error: YardError, request_id: str) -> bytes:
    """The problem document of an error."""
    code = error.code
    told: dict[str, str | int | float] = {
        "type": f"/docs/reference/errors#{code}", "title": error.title, "status": error.status,
        "detail": error.detail, "code": code, "instance": request_id,
    }  # fmt: skip
    if error.retry_after_s is not None:
        told["retry_after_s"] = error.retry_after_s
    return msgspec.json.encode(told)


def refusal(error: YardError, request_id: str) -> Answer:
    """An error as its problem document."""
    extra = [(b"www-authenticate", b'Bearer realm="modelyard"')] if error.status == 401 else []
    if error.retry_after_s is not None:
        extra.append((b"retry-after", b"%d" % max(1, round(error.retry_after_s))))
    return whole(
        error.status, problem(error, request_id), content_type=_PROBLEM, request_id=request_id, extra=extra
    )  # fmt: skip


class Outgoing:
    """A streamed response, fed from a worker thread; the worker waits while the network is busy."""

    def __init__(self, send: Send, loop: asyncio.AbstractEventLoop, *, media: str, request_id: str) -> None:
        self._send = send
        self._loop = loop
        self._head = [
            (b"content-type", media.encode()), (b"x-request-id", request_id.encode()), *_BASE,
        ]  # fmt: skip
        self.status = 200
        self.started = False
        self.gone = False

    def extend(self, headers: Mapping[str, str]) -> None:
        """Further header fields; one that is there already gets the new value."""
        given = {k.lower().encode("latin-1"): v.encode("latin-1") for k, v in headers.items()}
        self._head = [(k, v) for k, v in self._head if k not in given] + list(given.items())

    def write(self, chunk: bytes) -> None:
        """Send one chunk; the first one sends the head too."""
        if not self.started:
            self.started = True
            self._put({"type": "http.response.start", "status": self.status, "headers": self._head})
        self._put({"type": "http.response.body", "body": chunk, "more_body": True})

    def end(self) -> None:
        """Close the stream in order."""
        if not self.started:
            self.write(b"")
        self._put({"type": "http.response.body", "body": b"", "more_body": False})

    def _put(self, message: Message) -> None:
        asyncio.run_coroutine_threadsafe(_sent(self._send, message), self._loop).result()


async def _sent(send: Send, message: Message) -> None:
    await send(message)


def as_yard_error(error: BaseException) -> YardError:
    """What a failure looks like from outside; an unknown one says nothing of our insides."""
    if isinstance(error, YardError):
        return error
    if isinstance(error, RecursionError):
        return InvalidInput("the value is nested too deeply")
    if isinstance(error, msgspec.ValidationError):
        return InvalidInput(str(error))
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return Malformed(f"the body is not JSON: {str(error)[:200]}")
    return Internal("something went wrong on our side; nothing was changed. The log has it under this request id")
