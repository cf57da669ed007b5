"""A real S3 server on loopback for tests, from PyPI; conditional puts are enforced. Skips where it is not installed.

The server looks for an object and puts it in two steps, so two puts at the same moment could both be the first, which
S3 itself rules out; here requests take turns.
"""

from __future__ import annotations

import io
import logging
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        options: what the objects adapter wants to know of it.
    """

    url: str

    @property
    def options(self) -> dict[str, str]:
        return {"endpoint": self.url, "region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"}

    def make_bucket(self, name: str) -> str:
        """A new bucket; its address."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT"), timeout=10):
            return f"s3://{name}"

    def unfinished_uploads(self, bucket: str) -> int:
        """Multipart uploads that were begun and neither completed nor aborted."""
        with urllib.request.urlopen(f"{self.url}/{bucket}?uploads", timeout=10) as answer:
            return int(answer.read().count(b"<UploadId>"))


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that lives as long as the block, in a thread of this process on a port of the system's choice."""
    try:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server
    except ImportError:
        pytest.skip("no S3 server here; install one: pip install 'moto[server]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    backend, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def one_at_a_time(environ: dict[str, Any], start: Any) -> list[bytes]:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        with turn:
            return [b"".join(backend(environ, start))]

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield S3Server(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
