"""The application that the server runs: host and origin rules, routing, authentication, errors, metrics.

Deny by default: an endpoint without a declared scope must be on the short list of open ones, or the application does
not start.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Any

from modelyard.edges.guard import Guard
from modelyard.edges.http.endpoints import BriefEndpoint, Endpoint
from modelyard.edges.http.messages import (
    Answer,
    App,
    Handler,
    Message,
    Receive,
    Scope,
    Send,
    as_yard_error,
    headers_of,
    refusal,
    reply,
    whole,
)
from modelyard.edges.http.requests import Request, Waker
from modelyard.edges.http.router import Match, Router
from modelyard.edges.metrics import Meter
from modelyard.kernel.actors import Actor
from modelyard.kernel.errors import (
    Forbidden,
    Internal,
    Malformed,
    NoRoute,
    Unauthenticated,
    YardError,
)
from modelyard.kernel.operations import Effect

_log = logging.getLogger("modelyard.http")
SESSION_COOKIE = "yard_session"
MAX_DIRECT_BYTES = 4 * 1024 * 1024
_MATCH = "modelyard.match"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONG_WAY = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"})


class HostRule:
    """Which Host and Origin a request may name: the ones this yard is known under."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(h.lower() for h in hosts)

    def check(self, headers: dict[bytes, bytes]) -> None:
        """Refuse a foreign Host (DNS rebinding) and a foreign Origin (cross-site requests).

        Raises:
            Malformed: the Host is not one of ours.
            Forbidden: the Origin is not one of ours.
        """
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if _bare(host) not in self._hosts:
            raise Malformed(f"this yard is not {host[:80]!r}; allow the name with --allow-host or YARD_ALLOW_HOST")
        origin = headers.get(b"origin")
        if origin is not None and _bare(origin.decode("latin-1").lower().partition("://")[2]) not in self._hosts:
            raise Forbidden("the request comes from a page of another site")


def _bare(host: str) -> str:
    """A host name without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


class Outer:
    """The whole HTTP face of one yard."""

    def __init__(
        self, *, guard: Guard, endpoints: Router[Endpoint], hosts: HostRule, meter: Meter, pages: App | None = None,
        open_names: Sequence[str] = (),
    ) -> None:  # fmt: skip
        for verb, path, endpoint in endpoints:
            if endpoint.needs is None and endpoint.name not in open_names:
                raise Internal(f"{verb} {path} declares no permission and is not on the list of open addresses")
        self._guard = guard
        self._endpoints = endpoints
        self._hosts = hosts
        self._pages = pages
        self._meter = meter
        self._waker: Waker | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began = time.perf_counter()
        request = Request(scope, receive, send, headers_of(scope), {}, self._guard.new_request_id(), self._woken())
        name = await self._answer(request)
        self._meter.note(name, time.perf_counter() - began)

    def direct(self, scope: Scope) -> Handler | None:
        """What answers a brief request without a task of its own; None where it must go the long way."""
        headers = headers_of(scope)
        if (
            scope["method"] == "HEAD"
            or int(headers.get(b"content-length", b"0")) > MAX_DIRECT_BYTES
            or not headers.keys().isdisjoint(_LONG_WAY)
        ):
            return None
        request = Request(scope, _nothing_more, _to_nobody, headers, {}, "", self._woken())
        try:
            self._hosts.check(headers)
            endpoint = self._route(request)
        except YardError:
            return None  # the long way says so
        if not isinstance(endpoint, BriefEndpoint) or not endpoint.is_brief:
            return None
        return partial(self._take, request, endpoint)

    def _woken(self) -> Waker:
        if self._waker is None:
            self._waker = Waker(asyncio.get_running_loop())
        return self._waker

    def _take(self, head: Request, endpoint: BriefEndpoint, body: bytes, send: Callable[[Answer], None]) -> None:
        """Answer a brief request whose body is here; its head may have come before."""
        began = time.perf_counter()
        request = head.again(self._guard.new_request_id())

        def finish(result: Callable[[], Any]) -> None:
            try:
                answer = endpoint.end(request, result())
            except Exception as err:  # noqa: BLE001  # the last line: every failure becomes an answer
                answer = self._refusal(request, endpoint, err)
            send(answer)
            self._meter.note(endpoint.name, time.perf_counter() - began)

        try:
            if endpoint.needs is not None:
                request.actor = self._actor(request)
            task = endpoint.begin(request, body)
            if task.effect.is_one_write:
                way = request.waker.gather if task.effect is Effect.NOTE else request.waker.submit
                way(self._guard, task, partial(finish, task.result))
                return
        except Exception as err:  # noqa: BLE001  # as above
            finish(partial(_raise, err))
        else:
            finish(partial(self._guard.run_here, task))

    async def _answer(self, request: Request) -> str:
        endpoint: Endpoint | None = None
        try:
            self._hosts.check(request.headers)
            endpoint = self._route(request)
            if endpoint is None:
                return await self._page(request)
            if endpoint.needs is not None:
                request.actor = self._actor(request)
            await endpoint.serve(request)
        except ConnectionError:
            raise
        except Exception as err:  # noqa: BLE001  # the last line: every failure becomes an answer
            await reply(request.send, self._refusal(request, endpoint, err))
        return endpoint.name if endpoint is not None else "unmatched"

    def _route(self, request: Request) -> Endpoint | None:
        scope = request.scope
        if _MATCH not in scope:  # looked for already, where the short way was not open
            raw: bytes = scope.get("raw_path") or scope["path"].encode()
            scope[_MATCH] = self._endpoints.match(scope["method"], raw.partition(b"?")[0].decode("latin-1"))
        match: Match[Endpoint] | None = scope[_MATCH]
        if match is None:
            return None
        request.values = match.values
        return match.endpoint

    def _actor(self, request: Request) -> Actor:
        """Who asks: by bearer token, by basic password, or by the browser's session."""
        headers = request.headers
        if (field := headers.get(b"authorization")) is not None:
            return self._guard.authenticate(token_of(field))
        cookie = session_of(headers)
        if cookie is None:
            return self._guard.authenticate(None)
        actor = self._guard.identities.session(cookie)
        if actor is None:
            raise Unauthenticated("the session is over; sign in again: yard sign-in")
        if request.scope["method"] not in _SAFE:
            given = headers.get(b"x-csrf-token", b"").decode("latin-1")
            if not hmac.compare_digest(given.encode(), self._guard.identities.csrf(cookie).encode()):
                raise Forbidden("the form's token is missing or old; reload the page and send it again")
        return actor

    async def _page(self, request: Request) -> str:
        path: str = request.scope["path"]
        if self._pages is None or path.startswith(("/v1/", "/api/", "/v2/")):
            raise NoRoute(f"there is nothing at {path[:200]}; the addresses are listed at /v1/openapi.json")
        request.scope["modelyard.request_id"] = request.request_id
        await self._pages(request.scope, request.receive, request.send)
        return "page"

    def _refusal(self, request: Request, endpoint: Endpoint | None, err: Exception) -> Answer:
        error: YardError = as_yard_error(err)
        self._meter.refused(error.code)
        if error.status >= 500:
            _log.error("a call failed", exc_info=err, extra={"request_id": request.request_id})
        told = None if endpoint is None else endpoint.error_answer(error)
        if told is None:
            return refusal(error, request.request_id)
        status, media, body = told
        extra = [(b"www-authenticate", b'Bearer realm="modelyard"')] if status == 401 else []
        return whole(
            status, body, content_type=(b"content-type", media), request_id=request.request_id, extra=extra
        )  # fmt: skip


def _raise(error: Exception) -> None:
    raise error


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _to_nobody(message: Message) -> None:
    raise Internal(f"a brief request was answered the long way, by {message['type']}")


def token_of(field: bytes) -> str | None:
    """The token in an Authorization header: a bearer token, or the password of basic authentication."""
    kind, _, value = field.partition(b" ")
    if kind.lower() == b"bearer":
        return value.strip().decode("latin-1")
    if kind.lower() == b"basic":
        import binascii

        try:
            return binascii.a2b_base64(value.strip()).decode("latin-1").partition(":")[2]
        except binascii.Error:
            return None
    return None


def session_of(headers: dict[bytes, bytes]) -> str | None:
    """The session cookie, if there is one."""
    if (raw := headers.get(b"cookie")) is None:
        return None
    try:
        morsel = SimpleCookie(raw.decode("latin-1")).get(SESSION_COOKIE)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
