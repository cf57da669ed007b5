"""A client that takes little of the processor for itself, so that a figure is the server's: kept connections, raw."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import BinaryIO
from urllib.parse import urlencode

# Servers close what was idle for some seconds; such a connection is not asked again.
IDLE_S = 1.0
TIMEOUT_S = 600


class _Line:
    """One connection: a request goes out in one piece."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self.used_at = time.monotonic()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            ConnectionError: the server closed the connection.
        """
        self._socket.sendall(request)
        answers = self._answers
        status = answers.readline()
        if not status:
            raise ConnectionError("the server closed the connection")
        length, chunked = 0, False
        while (field := answers.readline().lower()) not in (b"\r\n", b""):
            if field.startswith(b"content-length:"):
                length = int(field[15:])
            elif field.startswith(b"transfer-encoding:"):
                chunked = b"chunked" in field
        body = _joined(answers) if chunked else answers.read(length)
        self.used_at = time.monotonic()
        return int(status[9:12]), body

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


def _joined(answers: BinaryIO) -> bytes:
    """A body that comes in chunks."""
    parts = []
    while size := int(answers.readline().partition(b";")[0], 16):
        parts.append(answers.read(size))
        answers.readline()
    while answers.readline() not in (b"\r\n", b""):
        pass
    return b"".join(parts)


class Wire:
    """Asks one server over kept connections, one for each thread."""

    def __init__(self, address: str, token: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        self._at = host, int(port)
        self._head = f"host: {host}:{port}\r\naccept: */*\r\n" + (f"authorization: Bearer {token}\r\n" if token else "")
        self._of_thread = threading.local()

    def send(self, method: str, path: str, content: bytes = b"", kind: str = "application/json") -> bytes:
        """The body of the answer.

        Raises:
            RuntimeError: the server refused or failed.
        """
        line: _Line | None = getattr(self._of_thread, "line", None)
        if line is None or time.monotonic() - line.used_at > IDLE_S:
            self.close()
            line = self._of_thread.line = _Line(*self._at)
        head = f"{method} {path} HTTP/1.1\r\n{self._head}content-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n"
        status, body = line.ask(head.encode() + content)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {body[:500]!r}")
        return body

    def close(self) -> None:
        """Let go of this thread's connection."""
        line: _Line | None = getattr(self._of_thread, "line", None)
        if line is not None:
            self._of_thread.line = None
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
