"""The data plane with everything off, and the floor below it; run as a child by `bench_dataplane`.

`off` reads and answers the protocol and runs the model, without token, log, ids in the log or counters; `floor` answers
each request with the same bytes, without looking at it. Neither is part of the product.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import uvloop

from modelyard.kernel.clock import SystemClock
from modelyard.serving.hot.connection import Connection, Limits
from modelyard.serving.hot.heads import Head, HeadCache, HeadParser
from modelyard.serving.hot.loader import Loader
from modelyard.serving.hot.meters import Meters
from modelyard.serving.hot.plane import Plane
from modelyard.serving.hot.prediction_ids import PredictionIds
from modelyard.serving.hot.segments import PredictionRecord
from modelyard.serving.hot.snapshot import SNAPSHOT_FILE, TokenSpec, read_snapshot
from modelyard.serving.hot.table import Caller

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n" + b"x" * 300


class NoLog:
    def append(self, records: Sequence[PredictionRecord]) -> None:
        pass


class NoMeters(Meters):
    def request(self, endpoint: str, revision: str, route: str, *, status: int, latency_s: float) -> None:
        pass

    def batch(self, place: str, rows: int) -> None:
        pass


class Unguarded(Plane):
    _anybody = Caller(TokenSpec(digest="", caller="", scopes=("*",)))

    def caller_of(self, head: Head) -> Caller:
        del head
        return self._anybody


class Floor(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        del data
        self._transport.write(ANSWER)


async def serve(kind: str, home: Path) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    if kind == "floor":
        server = await loop.create_server(Floor, "127.0.0.1", 0)
        ready.set()
    else:
        heads = HeadCache(HeadParser(body_limit=1 << 24))
        plane = Unguarded(
            loop, clock=SystemClock(), predictions=NoLog(), ids=PredictionIds(), heads=heads, limits=Limits()
        )
        plane.meters = NoMeters()
        loader = Loader(plane, home=home, loop=loop, changed=lambda: plane.table.settled and ready.set())
        snapshot = read_snapshot(home / "run" / SNAPSHOT_FILE)
        assert snapshot is not None
        loader.apply(snapshot)
        server = await loop.create_server(lambda: Connection(plane), "127.0.0.1", 0)
    await ready.wait()
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], Path(sys.argv[2])))
