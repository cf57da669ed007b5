"""The data plane's process: socket, signals, the watch on the snapshot, sweeps, and an orderly end.

It writes one status file, `run/dataplane-<worker>.json`, for whoever supervises it, and removes it at the end.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

import msgspec
from msgspec import Struct

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Conflict, InvalidInput, YardError
from modelyard.serving.hot.connection import Connection, Limits
from modelyard.serving.hot.heads import HeadCache, HeadParser
from modelyard.serving.hot.loader import Loader
from modelyard.serving.hot.plane import Plane
from modelyard.serving.hot.prediction_ids import PredictionIds
from modelyard.serving.hot.prediction_log import Durability, PredictionLog
from modelyard.serving.hot.snapshot import SNAPSHOT_FILE, mark_of, read_snapshot

log = logging.getLogger(__name__)

WATCH_S = 0.2
ROLL_FILE = "dataplane.roll"
"""Touch it below `run/`, and every data plane closes its segment within `WATCH_S`."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_BACKLOG = 1024
_SPARE_FILES = 64


class Options(Struct, frozen=True, kw_only=True):
    """How a data plane is started.

    Attributes:
        port: 0 lets the system choose; the status file tells which.
        fd: an inherited listening socket; then host and port are not used.
        worker: name of this process among those that serve the home.
        hosts: names that the Host header may carry; empty takes any, unless the address is a loopback one.
        drain_s: how long open requests may take after SIGTERM.
        parent: end when this process is no longer the parent; 0 means never.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 0
    fd: int | None = None
    reuse_port: bool = False
    tls: tuple[Path, Path] | None = None
    worker: str = "w0"
    hosts: tuple[str, ...] = ()
    limits: Limits = Limits()
    durability: Durability = Durability.CLOSE
    roll_s: float = 5.0
    drain_s: float = 10.0
    parent: int = 0


class EndpointStatus(Struct, frozen=True, kw_only=True):
    """How an endpoint stands in this process.

    Attributes:
        places: for each revision that answers, `loop` or `thread` for a single row.
        faults: why other revisions cannot answer.
        kept: why a former route is still in force; None if the present one is.
    """

    ready: bool
    loading: bool
    places: dict[str, str]
    faults: dict[str, str]
    kept: str | None


class PlaneStatus(Struct, frozen=True, kw_only=True):
    """What a data plane tells its supervisor."""

    pid: int
    worker: str
    host: str
    port: int
    boot: str
    snapshot: int
    settled: bool
    draining: bool
    started_ms: int
    endpoints: dict[str, EndpointStatus]
    tls: bool = False

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


def status_file(home: Path, worker: str) -> Path:
    """Where a worker's status stands."""
    return home / "run" / f"dataplane-{worker}.json"


def read_status(home: Path, worker: str = "w0") -> PlaneStatus | None:
    """What a worker last said of itself; None if it never started or ended in order. The process may have died."""
    try:
        return msgspec.json.decode(status_file(home, worker).read_bytes(), type=PlaneStatus)
    except FileNotFoundError:
        return None


class Server:
    """One data plane process, put together."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._run = options.home / "run"
        self._run.mkdir(parents=True, exist_ok=True)
        self._snapshot = self._run / SNAPSHOT_FILE
        self._mark: tuple[int, int, int] | None = (-1, -1, -1)
        self._asked_to_roll = mark_of(self._run / ROLL_FILE)
        self._started_ms = clock.now_ms()
        self._ended = asyncio.Event()
        self._address = (options.host, options.port)
        self._ids = PredictionIds()
        self._log = PredictionLog(
            options.home / "state" / "predictions", worker=options.worker, boot=self._ids.boot, now_ns=clock.now_ns,
            roll_s=options.roll_s, durability=options.durability,
        )  # fmt: skip
        hosts = frozenset(options.hosts)
        if options.host in ("127.0.0.1", "::1", "localhost"):
            hosts |= LOOPBACK
        limits = msgspec.structs.replace(options.limits, connections=_connections(options.limits.connections))
        heads = HeadCache(HeadParser(body_limit=limits.body_bytes, hosts=hosts or None))
        self.plane = Plane(
            self._loop, clock=clock, predictions=self._log, ids=self._ids, heads=heads, limits=limits
        )  # fmt: skip
        self._loader = Loader(self.plane, home=options.home, loop=self._loop, changed=self._tell)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain.

        Raises:
            Conflict: the address is taken.
        """
        sock = _listening(self._options)
        sock.listen(_BACKLOG)  # before anybody is told the address; who comes now waits until the routes are known
        self._address = sock.getsockname()[:2]
        self._watch()
        tls = _tls(self._options)
        patience = None if tls is None else self._options.limits.head_s
        server = await self._loop.create_server(
            lambda: Connection(self.plane), sock=sock, backlog=_BACKLOG, ssl=tls, ssl_handshake_timeout=patience
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._ended.set)
        self._loop.add_signal_handler(signal.SIGHUP, self._watch)
        duties = [
            asyncio.create_task(self._each(WATCH_S, self._watch)),
            asyncio.create_task(self._each(1.0, self._tick)),
        ]
        self._tell()
        log.info("answering on %s:%s", *self._address)
        try:
            await self._ended.wait()
        finally:
            server.close()
            await self._drain()
            for duty in duties:
                duty.cancel()
            self._loader.stop()
            self.plane.shadows.stop()
            await asyncio.sleep(0)  # what the shadows delivered last
            self._log.close()
            status_file(self._options.home, self._options.worker).unlink(missing_ok=True)
            log.info("stopped")

    async def _each(self, period_s: float, work: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                work()
            except Exception:
                log.exception("a duty of the data plane failed")

    def _watch(self) -> None:
        """Take up a snapshot that was replaced; one that cannot be read leaves the present one in force."""
        if (asked := mark_of(self._run / ROLL_FILE)) != self._asked_to_roll:
            self._asked_to_roll = asked
            self._log.close()
        mark = mark_of(self._snapshot)
        if mark == self._mark:
            return
        self._mark = mark
        try:
            snapshot = read_snapshot(self._snapshot)
        except YardError as err:
            log.error("the routes stay as they are: %s", err.detail)
            return
        if snapshot is not None:
            log.info("routes of snapshot %s", snapshot.version)
            self._loader.apply(snapshot)

    def _tick(self) -> None:
        self.plane.tick()
        self._log.tick()
        if self._options.durability is Durability.SECOND:
            self._loop.run_in_executor(None, self._log.sync)
        now = monotonic()
        for connection in list(self.plane.connections):
            connection.sweep(now)
        if self._options.parent and os.getppid() != self._options.parent:
            log.warning("the parent is gone")
            self._ended.set()

    async def _drain(self) -> None:
        """Answer what is open, take nothing new, and end every connection."""
        self.plane.draining = True
        self._tell()
        log.info("draining %s requests", self.plane.open)
        deadline = monotonic() + self._options.drain_s
        while self.plane.connections and monotonic() < deadline:
            for connection in list(self.plane.idle):
                connection.close()
            await asyncio.sleep(0.02)

    def _tell(self) -> None:
        """Replace the status file."""
        table = self.plane.table
        endpoints = {
            name: EndpointStatus(
                ready=e.ready, loading=e.loading, faults=e.faults, kept=e.kept,
                places={n: r.model.place for n, r in e.revisions.items()},
            )
            for name, e in table.endpoints.items()
        }  # fmt: skip
        status = PlaneStatus(
            pid=os.getpid(), worker=self._options.worker, host=self._address[0], port=self._address[1],
            boot=self._ids.boot, snapshot=table.version, settled=table.settled, draining=self.plane.draining,
            started_ms=self._started_ms, endpoints=endpoints, tls=self._options.tls is not None,
        )  # fmt: skip
        path = status_file(self._options.home, self._options.worker)
        aside = path.with_name(f".{path.name}")
        aside.write_bytes(msgspec.json.encode(status))
        aside.replace(path)


def _listening(options: Options) -> socket.socket:
    if options.fd is not None:
        return socket.socket(fileno=options.fd)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((options.host, options.port))
    except OSError as err:
        sock.close()
        raise Conflict(
            f"the data plane cannot listen on {options.host}:{options.port} ({err.strerror}); name another --port"
        ) from err
    return sock


def _tls(options: Options) -> ssl.SSLContext | None:
    """How connections are encrypted; None: not at all.

    Raises:
        InvalidInput: the certificate or its key cannot be read, or they do not belong together.
    """
    if options.tls is None:
        return None
    certificate, key = options.tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except OSError as err:
        raise InvalidInput(f"{certificate} and {key} are no certificate with its key: {err}") from err
    return context


def _connections(wanted: int) -> int:
    """As many as the process may open files for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = wanted + 2 * _SPARE_FILES
    if soft < goal:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(goal, hard), hard))
            soft = min(goal, hard)
    return max(16, min(wanted, soft - _SPARE_FILES))
