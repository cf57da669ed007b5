"""Request heads: parsed by httptools once, then looked up by their exact bytes.

A head says all that can be known before the body: which address, which token (as its digest), how long the body is. The
cache is bounded in bytes, holds heads up to 2 KB, and keeps tokens in memory only until it is emptied, which happens at
each new snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from hashlib import sha256
from urllib.parse import unquote

import httptools

from modelyard.kernel.errors import (
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NoRoute,
    TooLarge,
    UnsupportedMedia,
    YardError,
)

CACHED_HEAD_BYTES = 2048


class Action(IntEnum):
    """What an address asks for."""

    INFER = 0
    LIVE = 1
    READY = 2
    SERVER = 3
    MODEL = 4
    MODEL_READY = 5
    METRICS = 6


class Head:
    """A request head, taken apart; never changed once made.

    Attributes:
        length: bytes of the body; -1 where it comes in chunks.
        plain: nothing unusual: a known length, kept alive, nothing expected.
        digest: SHA-256 of the bearer token; empty without one.
        error: what is wrong with it; then the rest may be blank.
        fatal: the connection cannot be used any more after this error.
    """

    __slots__ = (
        "action", "allow", "chunked", "digest", "endpoint", "error", "expects", "fatal", "headers", "json_bytes",
        "keep", "length", "plain", "request_id", "size", "version",
    )  # fmt: skip

    def __init__(self) -> None:
        self.action = Action.LIVE
        self.allow = ""
        self.chunked = False
        self.digest = ""
        self.endpoint = ""
        self.error: YardError | None = None
        self.expects = False
        self.fatal = False
        self.headers: Mapping[str, str] = {}
        self.json_bytes: int | None = None
        self.keep = True
        self.length = 0
        self.plain = True
        self.request_id = ""
        self.size = 0
        self.version = ""


class HeadCache:
    """Heads by their exact bytes, bounded in bytes; the oldest go first."""

    __slots__ = ("_heads", "_limit", "_parser", "_size", "hits", "misses")

    def __init__(self, parser: HeadParser, limit_bytes: int = 1 << 20) -> None:
        self._heads: dict[bytes, Head] = {}
        self._limit = limit_bytes
        self._parser = parser
        self._size = 0
        self.hits = 0
        self.misses = 0

    def get(self, raw: bytes) -> Head:
        """The head of these bytes, which end with the blank line."""
        head = self._heads.get(raw)
        if head is not None:
            self.hits += 1
            return head
        self.misses += 1
        head = self._parser.parse(raw)
        if head.error is None and len(raw) <= CACHED_HEAD_BYTES:
            head.size = len(raw) + 1024  # the parsed form weighs about as much again
            self._size += head.size
            while self._size > self._limit and self._heads:
                self._size -= self._heads.pop(next(iter(self._heads))).size
            self._heads[raw] = head
        return head

    def clear(self) -> None:
        """Forget every head, and the tokens in them."""
        self._heads.clear()
        self._size = 0


class _Collected:
    """What httptools calls back with."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


_ONCE = frozenset(
    (b"content-length", b"transfer-encoding", b"authorization", b"host", b"content-type", b"expect",
     b"inference-header-content-length", b"content-encoding")
)  # fmt: skip


class HeadParser:
    """Takes heads apart under the server's limits."""

    def __init__(self, *, body_limit: int, hosts: frozenset[str] | None = None) -> None:
        """`hosts`: names that the Host header may carry, without a port; None lets any pass."""
        self._body_limit = body_limit
        self._hosts = hosts

    def parse(self, raw: bytes) -> Head:
        """The head; what is wrong with it stands in its `error`."""
        head = Head()
        seen = _Collected()
        parser = httptools.HttpRequestParser(seen)
        if raw.count(b"\n") != raw.count(b"\r\n"):
            return _broken(head, "a line of the head ends without a carriage return")
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            return _broken(head, "this server speaks HTTP/1.1 and upgrades to nothing else")
        except (httptools.HttpParserError, httptools.HttpParserCallbackError):
            return _broken(head, "the request head is no valid HTTP/1.1")
        if not seen.complete or parser.get_http_version() not in ("1.1", "1.0"):
            return _broken(head, "the request head is no valid HTTP/1.1")
        head.keep = parser.should_keep_alive()
        method = parser.get_method()
        try:
            self._framing(head, seen)
            if head.error is None:
                self._address(head, method, seen.url)
        except YardError as err:
            head.error = err
        if head.error is not None and head.error.status in (400, 413):
            head.fatal = True
        head.plain = head.keep and not head.chunked and not head.expects and head.error is None
        return head

    def _framing(self, head: Head, seen: _Collected) -> None:
        names = [name for name, _ in seen.headers]
        if twice := [n for n in _ONCE if names.count(n) > 1]:
            raise Malformed(f"the header {twice[0].decode()} came twice")
        headers = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in seen.headers}
        head.headers = headers
        if "transfer-encoding" in headers:
            if "content-length" in headers:
                raise Malformed("Content-Length and Transfer-Encoding exclude each other")
            if headers["transfer-encoding"].lower() != "chunked":
                raise Malformed("the only Transfer-Encoding taken here is chunked")
            head.chunked, head.length = True, -1
        elif "content-length" in headers:
            text = headers["content-length"]
            if not (text.isascii() and text.isdigit()) or len(text) > 15:
                raise Malformed("Content-Length is no number")
            head.length = int(text)
            if head.length > self._body_limit:
                raise TooLarge(f"the body has {head.length} bytes; {self._body_limit} are the limit")
        if "expect" in headers:
            if headers["expect"].lower() != "100-continue":
                raise Malformed("the only Expect taken here is 100-continue")
            head.expects = head.length != 0
        if self._hosts is not None and _bare_host(headers.get("host", "")) not in self._hosts:
            head.error = Forbidden("the Host header names another server; name it with --hosts if it is this one")

    def _address(self, head: Head, method: bytes, url: bytes) -> None:
        _resolve(head, url)
        allowed = "POST" if head.action is Action.INFER else "GET"
        if (verb := method.decode("latin-1")) != allowed:
            head.allow = allowed
            head.fatal = verb in ("HEAD", "CONNECT")  # their answers have no body, ours has
            raise MethodNotAllowed(f"this address answers {allowed}, not {verb[:20]}")
        scheme, _, token = head.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            head.digest = sha256(token.strip().encode("latin-1")).hexdigest()
        head.request_id = head.headers.get("x-request-id", "")[:200]
        if head.action is not Action.INFER:
            return
        if head.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMedia("compressed bodies are not taken; send it without Content-Encoding")
        split = head.headers.get("inference-header-content-length")
        media = head.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if media not in ("application/json", "application/octet-stream", "application/x-www-form-urlencoded", ""):
            raise UnsupportedMedia(f"the body is {media[:60]}; send application/json")
        if media == "application/octet-stream" and split is None:
            raise UnsupportedMedia("raw tensors need the header Inference-Header-Content-Length")
        if split is not None:
            if not (split.isascii() and split.isdigit()) or len(split) > 15:
                raise Malformed("Inference-Header-Content-Length is no number")
            head.json_bytes = int(split)


_FIXED = {
    "/v2": Action.SERVER,
    "/v2/": Action.SERVER,
    "/v2/health/live": Action.LIVE,
    "/v2/health/ready": Action.READY,
    "/metrics": Action.METRICS,
}


def _resolve(head: Head, url: bytes) -> None:
    path = url.partition(b"?")[0].decode("latin-1")
    if (fixed := _FIXED.get(path)) is not None:
        head.action = fixed
        return
    parts = [unquote(part) for part in path.split("/")]
    if parts[:3] != ["", "v2", "models"] or len(parts) < 4 or not parts[3]:
        raise NoRoute("no such address; models are at /v2/models/{name}/infer")
    head.endpoint = parts[3]
    rest = parts[4:]
    if len(rest) >= 2 and rest[0] == "versions" and rest[1]:
        head.version = rest[1]
        rest = rest[2:]
    actions = {"": Action.MODEL, "infer": Action.INFER, "ready": Action.MODEL_READY}
    if len(rest) > 1 or (found := actions.get(rest[0] if rest else "")) is None:
        raise NoRoute("no such address; a model answers /infer, /ready and its own metadata")
    head.action = found


def _bare_host(text: str) -> str:
    host = text.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _broken(head: Head, why: str) -> Head:
    head.error = Malformed(why)
    head.fatal = True
    head.plain = False
    head.keep = False
    return head
