"""A client that takes little of the processor for itself, so that a figure is the server's: kept connections, raw."""

from __future__ import annotations

import http.client
import json
import threading
import time
from urllib.parse import urlencode

# Servers close what was idle for some seconds; such a connection is not asked again.
IDLE_S = 1.0


class Wire:
    """Asks one server over kept connections, one for each thread."""

    def __init__(self, address: str, token: str) -> None:
        self._host = address.removeprefix("http://")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._of_thread = threading.local()

    def send(self, method: str, path: str, content: bytes = b"", kind: str = "application/json") -> bytes:
        """The body of the answer.

        Raises:
            RuntimeError: the server refused or failed.
        """
        line, used = getattr(self._of_thread, "line", (None, 0.0))
        if line is None or time.monotonic() - used > IDLE_S:
            self.close()
            line = http.client.HTTPConnection(self._host, timeout=600)
            self._of_thread.line = line, time.monotonic()
        line.request(method, path, content, {**self._headers, "content-type": kind})
        answer = line.getresponse()
        body = answer.read()
        self._of_thread.line = line, time.monotonic()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {body[:500]!r}")
        return bytes(body)

    def close(self) -> None:
        """Let go of this thread's connection."""
        line, _ = getattr(self._of_thread, "line", (None, 0.0))
        if line is not None:
            line.close()

    def get(self, path: str, **query: object) -> bytes:
        """Read a path with a query."""
        return self.send("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: object) -> bytes:
        """Post an object as JSON."""
        return self.send("POST", path, json.dumps(body).encode())

    def put(self, path: str, content: bytes) -> bytes:
        """Put bytes."""
        return self.send("PUT", path, content, "application/octet-stream")
