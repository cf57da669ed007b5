"""A closed-loop load from a process of its own: raw keep-alive connections, one request in flight on each.

It shares the processors with the server, so it takes as little of them as it can: no streams, no tasks.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, requests: list[bytes], until: float, taken: list[float]) -> None:
        self._requests = requests
        self._until = until
        self._taken = taken
        self._turn = 0
        self._received = b""
        self._missing = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer."""
        received = self._received + data if self._received else data
        if self._missing == 0:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                self._received = received
                return
            length = _LENGTH.search(received, 0, end)
            if not received.startswith(b"HTTP/1.1 2") or length is None:
                self._end(RuntimeError(received.decode("latin-1")))
                return
            self._missing = end + 4 + int(length[1])
        if len(received) < self._missing:
            self._received = received
            return
        now = time.perf_counter()
        self._taken.append(now - self._began)
        self._received, self._missing = b"", 0
        if now < self._until:
            self._send()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has closed it."""
        self._end(exc or ConnectionError("the server closed a connection"))

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._requests[self._turn % len(self._requests)])
        self._turn += 1

    def _end(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
        self._transport.close()


async def _run(host: str, port: int, connections: int, seconds: float, requests: list[bytes]) -> list[float]:
    taken: list[float] = []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()

    async def one(turn: int) -> None:
        own = requests[turn::connections] or requests
        _, connection = await loop.create_connection(lambda: _Connection(own, until, taken), host, port)
        await connection.ended

    await asyncio.gather(*(one(turn) for turn in range(connections)))
    return taken


def main() -> None:
    """Read the job as JSON from standard input, print the answer times in seconds as JSON."""
    import uvloop

    job = json.load(sys.stdin)
    requests = [r.encode("latin-1") for r in job["requests"]]
    taken = uvloop.run(_run(job["host"], job["port"], job["connections"], job["seconds"], requests))
    json.dump(sorted(taken), sys.stdout)


if __name__ == "__main__":
    main()
