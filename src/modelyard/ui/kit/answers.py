"""How a page becomes an answer: HTML in its frame or its JSON twin, an error as a designed page or a problem document.

Every answer carries the same strict headers: no script or style but our own files, no framing, no guessing of types, no
address given to others. It knows no page and no slice.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from urllib.parse import quote, unquote

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import InvalidInput, TooLarge, UnsupportedMedia, YardError
from modelyard.ui.kit import environment, figures
from modelyard.ui.kit.assets import Assets
from modelyard.ui.kit.frame import Frame
from modelyard.ui.kit.pages import Ask, Done, Framed, Page, Told

SESSION = "yard_session"
SAID = "yard_said"
THEME = "yard_theme"
_THEMES = ("light", "dark")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_SANDBOX = (
    "sandbox{0}; default-src 'none'; script-src {1}; style-src 'unsafe-inline'; img-src data: blob:; "
    "media-src data: blob:; font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
"""What foreign content may: nothing but be shown, on an origin of its own that nobody else shares."""
FORM_LIMIT = 256 * 1024
_SMALL = 1400
"""Bytes that go in one packet anyway."""
_WEIGHT = "\ue000weight\ue000"
_PAGE_HEADERS = {**HEADERS, "cache-control": "no-store", "vary": "accept, cookie"}
_LOG = logging.getLogger("modelyard.ui")
Runner = Callable[[Callable[[], bytes]], Awaitable[bytes]]
"""What has plain work done off the loop."""


def wants_json(request: Request) -> bool:
    """True if the address ends in `.json`, or the caller prefers JSON to HTML."""
    if request.url.path.endswith(".json"):
        return True
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def takes_packed(request: Request) -> bool:
    """True if the caller reads gzip."""
    return any(
        part.partition(";")[0].strip() == "gzip" for part in request.headers.get("accept-encoding", "").split(",")
    )


def ask_of(request: Request, clock: Clock, form: Mapping[str, str] | None = None) -> Ask:
    """Take a request apart for a page."""
    path = request.url.path.removesuffix(".json")
    query: dict[str, tuple[str, ...]] = {}
    for name, value in request.query_params.multi_items():
        query[name] = (*query.get(name, ()), value)
    params = {name: str(value) for name, value in request.path_params.items()}
    theme = request.cookies.get(THEME, "")
    return Ask(
        "/" if path == "/home" else path, params, query, form or {}, clock.now(), theme if theme in _THEMES else ""
    )


async def form_of(request: Request) -> dict[str, str]:
    """Read a posted form; later fields of one name win.

    Raises:
        UnsupportedMedia: the body is no form.
        TooLarge: it is longer than 256 KiB or has more than 500 fields.
        InvalidInput: it is not UTF-8.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise UnsupportedMedia("a page's form is sent as application/x-www-form-urlencoded")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise TooLarge(f"a form holds at most {FORM_LIMIT // 1024} KiB")
    try:
        pairs = [pair.partition("=") for pair in body.decode("ascii").split("&") if pair]
        fields = {_decoded(name): _decoded(value) for name, _, value in pairs[:500]}
    except UnicodeDecodeError:
        raise InvalidInput("a form is percent-encoded UTF-8") from None
    if len(pairs) > 500:
        raise TooLarge("a form holds at most 500 fields")
    return fields


def _decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="strict")


def said_of(request: Request) -> Done | None:
    """What the form before this page said, kept for one page in a short-lived cookie."""
    raw = request.cookies.get(SAID)
    if not raw:
        return None
    try:
        return msgspec.json.decode(unquote(raw), type=Done)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


class Answers:
    """Makes answers; one for the whole site."""

    def __init__(self, assets: Assets, clock: Clock) -> None:
        self.assets = assets
        self.clock = clock
        self.env: Environment = environment.environment()
        self.env.globals["asset"] = assets.url

    def page(
        self, page: Page, template: str, *, ask: Ask, frame: Frame, nav: str, began: float, run: Runner
    ) -> Response:
        """A page in its frame; its foot tells how long it took and what it weighs.

        The frame is sent at once, so that a browser begins with it and with our files while `run` makes the rest.
        """
        parts = environment.parts(
            self.env, template, ask, page=page, data=page.data, frame=frame, csrf=frame.csrf, lit=nav, weight=_WEIGHT
        )
        first = _bytes(next(parts))

        def rest() -> bytes:
            try:
                html = "".join(parts)
            except Exception:  # noqa: BLE001 - the outermost edge of a page: the log keeps the trace
                _LOG.exception("page %s could not be made whole", ask.path)
                return _bytes(environment.render(self.env, "kit/broken.html", ask))
            took = figures.duration(self.clock.monotonic() - began)
            weight = figures.size(len(first) + len(_bytes(html)))
            return _bytes(html.replace(_WEIGHT, f"{took} · {weight}"))

        async def body() -> AsyncIterator[bytes]:
            yield first
            yield await run(rest)

        response = StreamingResponse(body(), page.status, _PAGE_HEADERS, "text/html; charset=utf-8")
        if frame.said is not None:
            response.delete_cookie(SAID, path="/")
        return response

    def html(self, html: str, status: int = 200) -> Response:
        """Finished HTML; pages hold live state and are never stored by caches."""
        return Response(_bytes(html), status, _PAGE_HEADERS, "text/html; charset=utf-8")

    def data(self, record: msgspec.Struct | bytes, status: int = 200, *, packs: bool = False) -> Response:
        """The JSON twin of a page, or what a feed gives; packed on the wire where the caller reads that.

        Neither holds a secret of the session. Pages do (the token of their forms), beside words that a stranger may
        have chosen; they are never packed, because the length of the two together would give the secret away.
        """
        headers = {**HEADERS, "cache-control": "no-store", "vary": "accept, accept-encoding, cookie"}
        media = "application/octet-stream" if isinstance(record, bytes) else "application/json"
        body = record if isinstance(record, bytes) else msgspec.json.encode(record)
        if packs and len(body) > _SMALL:
            body, headers["content-encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
        return Response(body, status, headers, media)

    def framed(self, framed: Framed) -> Response:
        """Foreign content under a policy of its own: sandboxed wherever it is opened, in a frame or alone."""
        scripts = (" allow-scripts", "'unsafe-inline' 'unsafe-eval'") if framed.scripts else ("", "'none'")
        headers = {
            **HEADERS, "content-security-policy": _SANDBOX.format(*scripts), "x-frame-options": "SAMEORIGIN",
            "referrer-policy": "no-referrer", "x-dns-prefetch-control": "off", "cache-control": "no-store",
        }  # fmt: skip
        del headers["cross-origin-opener-policy"]  # browsers refuse it together with a sandbox
        return Response(framed.body, 200, headers, framed.media)

    def stream(self, told: AsyncIterator[Told | None], first: Told | None = None) -> Response:
        """Messages as server-sent events; None is a sign of life."""

        async def lines() -> AsyncIterator[bytes]:
            yield b"retry: 3000\n\n"
            if first is not None:
                yield _event(first)
            async for one in told:
                yield b": still here\n\n" if one is None else _event(one)

        headers = {**HEADERS, "cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(lines(), 200, headers, "text/event-stream")

    def problem(self, error: YardError) -> Response:
        """An error for a program (RFC 9457)."""
        body = {
            "type": f"urn:modelyard:error:{error.code}",
            "title": error.title,
            "status": error.status,
            "code": error.code,
            "detail": figures.plain(error.detail),
        }
        headers = {**HEADERS, "cache-control": "no-store"}
        return Response(msgspec.json.encode(body), error.status, headers, "application/problem+json")

    def done(self, done: Done) -> Response:
        """After a form: on to the page that shows what became of it."""
        response = RedirectResponse(done.to, 303, {**HEADERS, "cache-control": "no-store"})
        if done.said:
            text = quote(msgspec.json.encode(done).decode(), safe="")
            response.set_cookie(SAID, text, max_age=30, path="/", httponly=True, samesite="lax")
        return response


def _bytes(html: str) -> bytes:
    return html.encode("utf-8", "replace")


def _event(told: Told) -> bytes:
    mark = b"id: " + told.mark.encode() + b"\n" if told.mark else b""
    return mark + b"event: " + told.kind.encode() + b"\ndata: " + told.body + b"\n\n"
