"""The addresses of the yard itself: health, readiness, metrics and the OpenAPI document.

Health and readiness are open; metrics and the document want a token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from modelyard.edges.guard import Guard
from modelyard.edges.http.endpoints import Endpoint
from modelyard.edges.http.messages import respond
from modelyard.edges.http.requests import Request
from modelyard.edges.metrics import Meter

OPEN = ("yard.health", "yard.ready")


class Healthy(Endpoint):
    """`GET /healthz`: the process answers."""

    name, needs = "yard.health", None

    async def serve(self, request: Request) -> None:
        """200, always."""
        await respond(request.send, 200, b'{"status":"ok"}', request_id=request.request_id)


class Ready(Endpoint):
    """`GET /readyz`: everything that a call needs is there."""

    name, needs = "yard.ready", None

    def __init__(self, checks: Callable[[], dict[str, str]]) -> None:
        self._checks = checks

    async def serve(self, request: Request) -> None:
        """200 if every check says `ok`, else 503; the names of the checks and no more than that to strangers."""
        found = self._checks()
        ready = all(v == "ok" for v in found.values())
        body = msgspec.json.encode({"status": "ready" if ready else "not ready", "checks": found})
        await respond(request.send, 200 if ready else 503, body, request_id=request.request_id)


class Metrics(Endpoint):
    """`GET /metrics`: for Prometheus, which carries a token."""

    name, needs = "yard.metrics", "yard:metrics"

    def __init__(self, meter: Meter, guard: Guard) -> None:
        self._meter = meter
        self._guard = guard

    async def serve(self, request: Request) -> None:
        """The text format."""
        self._guard.authorise(request.actor, "yard:metrics", None, operation=self.name, request_id=request.request_id)
        kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        body = self._meter.text().encode()
        await respond(request.send, 200, body, content_type=kind, request_id=request.request_id)


class Document(Endpoint):
    """`GET /v1/openapi.json`."""

    name, needs = "yard.openapi", "yard:read"

    def __init__(self, build: Callable[[], dict[str, Any]], guard: Guard) -> None:
        self._build = build
        self._guard = guard
        self._body: bytes | None = None

    async def serve(self, request: Request) -> None:
        """The document, built on first use."""
        self._guard.authorise(request.actor, "yard:read", None, operation=self.name, request_id=request.request_id)
        if self._body is None:
            self._body = msgspec.json.encode(self._build())
        await respond(request.send, 200, self._body, request_id=request.request_id)
