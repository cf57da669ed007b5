"""A real Redis or Valkey server on a socket of its own for tests. Skips where none is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def redis_server() -> Iterator[str]:
    """The address of a server that lives as long as the block and keeps nothing on disk."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("no Redis server here; install one: apt-get install redis-server")
    pytest.importorskip("redis", reason="pip install 'modelyard[redis]'")
    import redis

    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                _wait_for(redis.Redis(unix_socket_path=str(socket)), server)
                yield f"unix://{socket}"
            finally:
                server.terminate()
                server.wait(10)


def _wait_for(client: object, server: subprocess.Popen[bytes]) -> None:
    import time

    import redis

    assert isinstance(client, redis.Redis)
    with client:
        for _ in range(200):
            try:
                client.ping()
                return
            except redis.ConnectionError:
                assert server.poll() is None, "the Redis server ended at once"
                time.sleep(0.02)
    pytest.fail("the Redis server did not answer within 4 s")
