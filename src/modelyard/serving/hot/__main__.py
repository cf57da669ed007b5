"""Start a data plane: `python -m modelyard.serving.hot --home DIR [--port N]`.

Exit codes: 0 after SIGTERM or SIGINT, 4 if the address is taken, 2 for wrong arguments. Its log goes to standard error,
one JSON object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from modelyard.kernel.clock import SystemClock, from_ms
from modelyard.kernel.errors import YardError
from modelyard.serving.hot.connection import Limits
from modelyard.serving.hot.prediction_log import Durability
from modelyard.serving.hot.server import Options, Server

log = logging.getLogger("modelyard.serving.hot")


class JsonLines(logging.Formatter):
    """Log records as JSON objects, one a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = {
            "at": from_ms(int(record.created * 1000)).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = str(request_id)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def options_from(arguments: Sequence[str]) -> Options:
    """The options behind command-line arguments; ends the process with code 2 where they make no sense."""
    parser = argparse.ArgumentParser(prog="modelyard-data-plane", description="Answer predictions for one home.")
    parser.add_argument("--home", type=Path, required=True, help="the yard's folder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--fd", type=int, default=None, help="an inherited listening socket")
    parser.add_argument("--tls-cert", type=Path, default=None, help="PEM file of the certificate chain")
    parser.add_argument("--tls-key", type=Path, default=None, help="PEM file of the private key")
    parser.add_argument("--reuse-port", action="store_true", help="share the port with other workers")
    parser.add_argument("--worker", default="w0", help="name of this process among its home's")
    parser.add_argument("--hosts", default="", help="names that the Host header may carry, by comma")
    parser.add_argument("--body-limit", type=int, default=16 << 20, help="bytes of a request body")
    parser.add_argument("--connections", type=int, default=2048, help="open at once")
    parser.add_argument("--head-timeout", type=float, default=10.0, help="seconds for a request head to arrive")
    parser.add_argument("--idle-timeout", type=float, default=75.0, help="seconds without a request")
    parser.add_argument("--durability", choices=list(Durability), type=Durability, default=Durability.CLOSE)
    parser.add_argument("--roll-seconds", type=float, default=5.0, help="age at which a prediction segment is closed")
    parser.add_argument("--drain-seconds", type=float, default=10.0, help="for open requests after SIGTERM")
    parser.add_argument("--parent", type=int, default=0, help="end when this process is no longer the parent")
    known = parser.parse_args(arguments)
    return Options(
        home=known.home.resolve(), host=known.host, port=known.port, fd=known.fd, reuse_port=known.reuse_port,
        worker=known.worker, hosts=tuple(h for h in known.hosts.lower().split(",") if h),
        limits=Limits(
            body_bytes=known.body_limit, connections=known.connections, head_s=known.head_timeout,
            idle_s=known.idle_timeout, pending_bytes=max(256 << 20, 2 * known.body_limit),
        ),
        tls=None if known.tls_cert is None else (known.tls_cert, known.tls_key or known.tls_cert),
        durability=known.durability, roll_s=known.roll_seconds, drain_s=known.drain_seconds, parent=known.parent,
    )  # fmt: skip


async def _serve(options: Options) -> None:
    await Server(options, SystemClock()).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    options = options_from(sys.argv[1:] if arguments is None else arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        if sys.platform == "win32":
            asyncio.run(_serve(options))
        else:
            import uvloop

            uvloop.run(_serve(options))
    except YardError as err:
        log.error(err.detail)
        return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
