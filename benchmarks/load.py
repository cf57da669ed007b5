"""A closed-loop load from a process of its own: raw keep-alive connections, one request in flight on each."""

from __future__ import annotations

import asyncio
import json
import sys
import time


async def _connection(host: str, port: int, requests: list[bytes], until: float, taken: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    turn = 0
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(requests[turn % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(head.decode())
        length = next(int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length"))
        await reader.readexactly(length)
        taken.append(time.perf_counter() - began)
        turn += 1
    writer.close()


async def _run(host: str, port: int, connections: int, seconds: float, requests: list[bytes]) -> list[float]:
    taken: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(_connection(host, port, requests[i::connections] or requests, until, taken) for i in range(connections))
    )
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
