"""A receiver of webhooks on loopback, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Listener:
    """A loopback HTTP server that keeps what it is sent and answers what it is told to.

    Attributes:
        fails_after: how many messages it takes before it answers 503; None: all.
    """

    url: str
    status: int = 200
    fails_after: int | None = None
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener for the length of a test."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            full = heard.fails_after is not None and len(heard.got) > heard.fails_after
            self.send_response(503 if full else heard.status)
            if heard.status == 302:
                self.send_header("location", heard.url)
            self.end_headers()
            self.wfile.write(b"noted")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the overridden
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    heard = Listener(f"http://127.0.0.1:{server.server_address[1]}/alerts")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
