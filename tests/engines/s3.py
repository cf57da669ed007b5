"""A real S3 server on loopback for tests, from PyPI; conditional puts are enforced. Skips where it is not installed."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
        from moto.server import ThreadedMotoServer
    except ImportError:
        pytest.skip("no S3 server here; install one: pip install 'moto[server]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
