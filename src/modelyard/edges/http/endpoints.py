"""What stands behind an address: an operation of ours, or a route of a foreign wire, each with its compiled codec.

An endpoint decodes, has the guard run the call where its effect says, and encodes. It holds no state between requests.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from modelyard.edges.guard import Guard, GuardedCall, Task, Terms
from modelyard.edges.http.messages import (
    PROBLEM,
    Answer,
    Outgoing,
    Receive,
    as_yard_error,
    incoming,
    problem,
    read_body,
    refuse_encoded,
    reply,
    respond,
    uploaded,
    whole,
)
from modelyard.edges.http.ranges import head_of, span_of
from modelyard.edges.http.requests import Request
from modelyard.kernel.contents import Content
from modelyard.kernel.errors import InvalidInput, Malformed, OutOfRange, UnsupportedMedia, YardError
from modelyard.kernel.operations import Effect, Form, Operation, Parameter
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute

R = TypeVar("R")
_MAX_FIELDS = 200
_DETAIL = 2000
_NDJSON = "application/x-ndjson"
_EVENTS = "text/event-stream"
_QUICK = frozenset({Effect.WRITE, Effect.NOTE, Effect.READ})


class Endpoint(ABC):
    """Something that answers at an address."""

    name: str
    needs: str | None
    """The scope it needs; None: open to everybody, and then it changes nothing."""

    @abstractmethod
    async def serve(self, request: Request) -> None:
        """Answer the request; what it raises before the answer began becomes an error response."""

    def error_answer(self, error: YardError) -> tuple[int, bytes, bytes] | None:  # noqa: ARG002  # for translators
        """Status, content type and body of an error in the endpoint's own words; None: a problem document."""
        return None


class BriefEndpoint(Endpoint):
    """An endpoint that may answer with a small whole, from a small whole body, without waiting but for the writer.

    Attributes:
        is_brief: True if it always does.
    """

    is_brief: bool

    @abstractmethod
    def begin(self, request: Request, body: bytes) -> Task[Any]:
        """The call that the request asks for, decoded and authorised.

        Raises:
            YardError: it cannot be read, or the caller may not.
        """

    @abstractmethod
    def end(self, request: Request, result: Any) -> Answer:
        """The answer that tells what a call gave."""


class OperationEndpoint(BriefEndpoint):
    """An operation of a slice, served by its service's method."""

    def __init__(self, op: Operation, method: Callable[..., Any], guard: Guard) -> None:
        self.name = op.name
        self.needs = op.scope
        self.op = op
        self.is_brief = op.form is Form.CALL and op.effect in _QUICK
        self._method = method
        self._guard = guard
        self._body = msgspec.json.Decoder(op.rest_params)
        self._encode = msgspec.json.Encoder().encode
        self._rest = [p for p in op.parameters if p.place in ("query", "body")]
        self._in_body = any(p.place == "body" for p in op.parameters)
        self._query = {p.name: p for p in self._rest if p.place == "query"}
        returns = msgspec.json.Decoder(op.returns) if op.form is Form.CALL else None
        self._decode_answer = None if returns is None else returns.decode

    async def serve(self, request: Request) -> None:
        """Decode, guard, run, encode."""
        op, guard = self.op, self._guard
        body = await read_body(request.receive, request.headers) if self._in_body else b""
        if op.form is not Form.CALL:
            arguments = self._arguments(request, body)
            task = Task(self._call(request, arguments), op.effect, partial(self._method, **arguments))
            await self._flow(request, arguments, task)
            return
        task = self.begin(request, body)
        if op.effect.is_one_write:
            result = await request.waker.run(guard, task)
        elif op.effect is Effect.READ:
            result = guard.run_here(task)
        else:
            result = await asyncio.get_running_loop().run_in_executor(guard.pool, guard.run_here, task)
        await reply(request.send, self.end(request, result))

    def begin(self, request: Request, body: bytes) -> Task[Any]:
        """Decode, guard."""
        op, guard = self.op, self._guard
        arguments = self._arguments(request, body)
        call = self._call(request, arguments)
        remember = None
        if op.changes and not op.confidential and (key := request.headers.get(b"idempotency-key")) is not None:
            over = op.name.encode() + b"\n" + self._encode(arguments)
            remember = guard.idempotency(
                request.actor,
                key.decode("latin-1"),
                over=over,
                encode=self._encode,
                decode=self._decode_answer or bytes,
            )
        return Task(call, op.effect, partial(self._method, **arguments), remember)

    def end(self, request: Request, result: Any) -> Answer:
        """Encode."""
        if result is None:
            return whole(204, b"", request_id=request.request_id)
        return whole(200, self._encode(result), request_id=request.request_id)

    def _call(self, request: Request, arguments: dict[str, Any]) -> GuardedCall:
        """The call, authorised."""
        op, guard = self.op, self._guard
        about = op.ref_of(arguments)
        guard.authorise(request.actor, op.scope, about, operation=op.name, request_id=request.request_id)
        detail = self._detail(arguments) if op.changes else ""
        return guard.call(request.actor, Terms(op.name, op.effect, request.request_id, about, op.audited, detail))

    def _arguments(self, request: Request, body: bytes) -> dict[str, Any]:
        op = self.op
        given: dict[str, Any] = {}
        if request.values:
            given = _as_dict(msgspec.convert(request.values, op.path_params, strict=False))
        if self._in_body:
            kind = request.headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
            if body and kind != b"application/json":
                raise UnsupportedMedia(f"{op.name} reads application/json, not {kind[:60].decode('latin-1')}")
            given |= _as_dict(self._body.decode(body or b"{}"))
            if request.scope["query_string"]:
                raise InvalidInput(f"{op.name} takes its arguments in the body, not in the query")
        elif self._rest or request.scope["query_string"]:
            given |= _as_dict(msgspec.convert(self._from_query(request), op.rest_params, strict=False))
        return given

    def _from_query(self, request: Request) -> dict[str, Any]:
        raw: bytes = request.scope["query_string"]
        given: dict[str, Any] = {}
        for name, value in parse_query(raw) if raw else ():
            parameter: Parameter | None = self._query.get(name)
            if parameter is not None and parameter.many:
                given.setdefault(name, []).append(value)
            elif name in given:
                raise InvalidInput(f"{name} is given twice; {self.op.name} takes it once")
            else:
                given[name] = msgspec.json.decode(value) if parameter is not None and parameter.composite else value
        return given

    def _detail(self, arguments: dict[str, Any]) -> str:
        shown = {k: v for k, v in arguments.items() if k not in self.op.private} if self.op.private else arguments
        return self._encode(shown)[:_DETAIL].decode("utf-8", "ignore") if shown else ""

    async def _flow(self, request: Request, arguments: dict[str, Any], task: Task[Any]) -> None:
        op, guard, loop = self.op, self._guard, asyncio.get_running_loop()
        if op.form is Form.UPLOAD:
            refuse_encoded(request.headers)
            content = await uploaded(request.receive, loop)
            task.work = partial(self._method, **arguments, **{op.content or "content": content})
            result = await loop.run_in_executor(guard.pool, guard.run_here, task)
            await respond(request.send, 200, self._encode(result), request_id=request.request_id)
            return
        media = op.media if op.form is Form.DOWNLOAD else _EVENTS if self._as_events(request) else _NDJSON
        out = Outgoing(request.send, loop, media=media, request_id=request.request_id)
        pour = partial(self._pour, request, task, out)
        pool = guard.live if op.form is Form.LIVE else guard.pool
        await stream_out(request, out, pool, pour, left=task.call.left)

    def _as_events(self, request: Request) -> bool:
        return self.op.form is Form.LIVE and _EVENTS.encode() in request.headers.get(b"accept", b"")

    def _pour(self, request: Request, task: Task[Any], out: Outgoing) -> None:
        work, as_events = task.work, self._as_events(request)

        def pour() -> None:
            for item in work():
                if out.gone:
                    return
                if self.op.form is Form.DOWNLOAD:
                    out.write(item)
                else:
                    line = self._encode(item)
                    out.write(b"data: " + line + b"\n\n" if as_events else line + b"\n")

        task.work = pour
        self._guard.run_here(task)
        out.end()


class ContentEndpoint(OperationEndpoint):
    """A download of a whole whose size is known: it answers byte ranges (RFC 9110, section 14) and HEAD."""

    def _pour(self, request: Request, task: Task[Any], out: Outgoing) -> None:
        work = task.work

        def give() -> None:
            whole: Content = work()
            try:
                asked = span_of(request.headers, whole)
            except OutOfRange as err:
                out.status = err.status
                out.extend({"content-type": PROBLEM, "content-range": f"bytes */{whole.size_bytes}"})
                out.write(problem(err, request.request_id))
                return
            out.status, told = head_of(whole, asked)
            out.extend(told)
            if request.scope["method"] == "HEAD":
                return
            held = b""  # damage shows at the very end: then the last bytes do not come, and the caller notices
            for chunk in whole if asked is None else whole.part(asked.start, asked.stop):
                if held:
                    out.write(held)
                if out.gone:
                    return
                held = chunk
            out.write(held)

        task.work = give
        self._guard.run_here(task)
        out.end()


async def stream_out(
    request: Request, out: Outgoing, pool: Any, pour: Callable[[], object], *, left: Callable[[], None] | None = None
) -> None:
    """Run `pour` in a pool until it ends or the caller goes away; an error before the first byte is still raised.

    Args:
        left: told that the caller went away while `pour` still runs.
    """
    loop = asyncio.get_running_loop()
    pouring: asyncio.Future[object] = loop.run_in_executor(pool, pour)
    leaving: asyncio.Future[object] = asyncio.ensure_future(_left(request.receive))
    done, _ = await asyncio.wait({pouring, leaving}, return_when=asyncio.FIRST_COMPLETED)
    if leaving in done and pouring not in done:
        out.gone = True
        if left is not None:
            left()
    leaving.cancel()
    try:
        await pouring
    except BaseException as err:
        if not out.started or out.gone:
            raise
        raise ConnectionError("a stream broke off after it had begun") from err


async def _left(receive: Receive) -> object:
    while (await receive())["type"] != "http.disconnect":
        pass
    return None


class WireEndpoint(BriefEndpoint):
    """A route of a foreign wire."""

    def __init__(self, route: WireRoute, guard: Guard) -> None:
        self.name = route.name
        self.needs = route.scope
        self.route = route
        self.is_brief = not route.streams and route.effect in _QUICK
        self._guard = guard

    def error_answer(self, error: YardError) -> tuple[int, bytes, bytes] | None:
        """The error in the wire's own form."""
        answer = self.route.error(error)
        return answer.status, answer.media.encode(), answer.body if isinstance(answer.body, bytes) else b""

    async def serve(self, request: Request) -> None:
        """Decode, guard, run, encode."""
        route, loop = self.route, asyncio.get_running_loop()
        body = b"" if route.streams else await read_body(request.receive, request.headers)
        task = self._task(request, body, incoming(request.receive, loop) if route.streams else None)
        if route.effect.is_one_write:
            answer = await request.waker.run(self._guard, task)
        elif route.effect is Effect.READ:
            answer = self._guard.run_here(task)
        else:
            await self._worked(request, task)
            return
        await reply(request.send, self.end(request, answer))

    def begin(self, request: Request, body: bytes) -> Task[WireResponse]:
        """Decode, guard."""
        return self._task(request, body, None)

    def _task(self, request: Request, body: bytes, content: Iterator[bytes] | None) -> Task[WireResponse]:
        route, guard = self.route, self._guard
        arrived = WireRequest(
            verb=request.scope["method"], path=request.scope["path"], path_params=request.values,
            query=request.scope["query_string"].decode("latin-1"),
            headers=request.fields(),
            body=body, content=content,
        )  # fmt: skip
        decoded = route.decode(arrived)
        about = None if route.about is None else route.about(decoded)
        scope = route.scope if route.scope_of is None else route.scope_of(decoded)
        if scope is not None:
            guard.authorise(request.actor, scope, about, operation=route.name, request_id=request.request_id)
        terms = Terms(route.name, route.effect, request.request_id, about, route.audited)
        return Task(guard.call(request.actor, terms), route.effect, partial(route.handle, decoded))

    def end(self, request: Request, result: WireResponse) -> Answer:
        """Encode."""
        return _whole(request, result)

    async def _worked(self, request: Request, task: Task[WireResponse]) -> None:
        """A SCAN or WORK, whose answer may be a stream that still reads within the call."""
        out = Outgoing(request.send, asyncio.get_running_loop(), media="", request_id=request.request_id)
        handle = task.work
        small: list[WireResponse] = []

        def work() -> WireResponse:
            answer = handle()
            if isinstance(answer.body, bytes):
                small.append(answer)
                return answer
            out.status = answer.status
            out.extend({"content-type": answer.media, **answer.headers})
            pieces: Iterator[bytes] = answer.body
            for chunk in pieces:
                if out.gone:
                    return answer
                out.write(chunk)
            out.end()
            return answer

        task.work = work
        if self.route.streams:
            await asyncio.get_running_loop().run_in_executor(self._guard.pool, self._guard.run_here, task)
        else:
            await stream_out(request, out, self._guard.pool, partial(self._guard.run_here, task))
        if small:
            await reply(request.send, _whole(request, small[0]))


def _whole(request: Request, answer: WireResponse) -> Answer:
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    extra = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers.items()]
    kind = (b"content-type", answer.media.encode())
    return whole(answer.status, body, content_type=kind, request_id=request.request_id, extra=extra)


def _as_dict(record: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def parse_query(raw: bytes) -> list[tuple[str, str]]:
    """Name and value of each query field.

    Raises:
        Malformed: too many fields, or bytes that are not UTF-8.
    """
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except (UnicodeDecodeError, ValueError) as err:
        raise Malformed(f"the query cannot be read: {as_yard_error(err).title if 'utf' in str(err) else err}") from None
