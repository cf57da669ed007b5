"""Tells the model server what to serve: the snapshot file, and that a model server is wanted at all.

The file is replaced under a lock that all processes of the home share, and never by an older one: its version is the
database's count of changes together with the count of changed rights.
"""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from modelyard.kernel.errors import YardError
from modelyard.ports import calls
from modelyard.ports.children import Children, ChildStatus, Wanted
from modelyard.serving.api import Credentials
from modelyard.serving.hot.server import PlaneStatus, read_status
from modelyard.serving.hot.snapshot import (
    SNAPSHOT_FILE,
    EndpointSpec,
    RevisionSpec,
    Snapshot,
    TokenSpec,
    read_snapshot,
    write_snapshot,
)
from modelyard.serving.model import shares
from modelyard.serving.service.bundles import Bundles
from modelyard.serving.store import endpoints as store

WORKER = "w0"
CHILD = "dataplane"
ADDRESS_TAKEN = 4
_POLL_S = 0.02
_RIGHTS = 1_000_000_000


class Listening(NamedTuple):
    """Where a model server is to be asked; `tls`: the files of its certificate and key."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: tuple[str, str] | None = None


class Publisher:
    """Keeps the model server in step with the database."""

    def __init__(
        self, *, home: Path, children: Children, credentials: Callable[[], Credentials | None], bundles: Bundles,
        listen: Listening,
    ) -> None:  # fmt: skip
        """`listen`: where the model server is to be asked; for port 0 a free one is chosen once and kept."""
        self._home = home
        self._children = children
        self._credentials = credentials
        self._bundles = bundles
        self._listen = listen
        self._seen: tuple[int, int] | None = None

    def round(self) -> None:
        """Publish if anything changed since this process last did."""
        credentials = self._credentials()
        now = (store.version(calls.current().tx), credentials.rights_version() if credentials else 0)
        if now != self._seen:
            self.publish()
            self._seen = now
        self._mind_the_address()

    def publish(self) -> int:
        """Write the snapshot as of now, and want a model server once there is an endpoint; its version."""
        credentials = self._credentials()
        rights = credentials.rights_version() if credentials else 0
        tx = calls.current().tx
        held = store.standing(tx)
        version = store.version(tx) * _RIGHTS + rights
        specs = []
        for one in held:
            placed = [store.revision(tx, one.name, name) for name in sorted(shares.named(one.route))]
            found = tuple(p for p in placed if p is not None)
            for p in found:
                self._bundles.restore(p.folder, p.revision)
            specs.append(EndpointSpec(name=one.name, revisions=tuple(map(_spec, found)), route=one.route))
        tokens = self._tokens(credentials, [one.name for one in held])
        with self._alone():
            path = self._home / "run" / SNAPSHOT_FILE
            present = _present(path)
            if present is None or present.version <= version:
                write_snapshot(path, Snapshot(version=version, endpoints=tuple(specs), tokens=tokens))
        if held:
            self._want()
        return version

    def wait(self, version: int, timeout_s: float) -> None:
        """Wait until the model server answers by a snapshot, or the time is over, or none will ever run."""
        ends = monotonic() + timeout_s
        while monotonic() < ends and (self._home / "run" / "control.json").exists():
            status = self.status()
            if status is not None and status.snapshot >= version and status.settled:
                return
            sleep(_POLL_S)

    def status(self) -> PlaneStatus | None:
        """What the model server says of itself, if it runs."""
        status, child = read_status(self._home, WORKER), self.child()
        died = status is not None and child is not None and child.pid != status.pid
        return None if died else status

    def child(self) -> ChildStatus | None:
        """How the model server's process fares, as its supervisor sees it."""
        return next((status for status in self._children.statuses() if status.name == CHILD), None)

    def forget(self) -> None:
        """Drop the snapshot of an earlier life; the next round writes it anew."""
        (self._home / "run" / SNAPSHOT_FILE).unlink(missing_ok=True)
        self._seen = None

    @staticmethod
    def _tokens(credentials: Credentials | None, names: list[str]) -> tuple[TokenSpec, ...]:
        if credentials is None or not names:
            return ()
        return tuple(
            TokenSpec(
                digest=c.digest, caller=c.caller, expires_ms=c.expires_ms,
                scopes=("serving:predict", "serving:read") if c.predict else ("serving:read",),
                resources=tuple(f"endpoint:{name}" for name in sorted({*c.predict, *c.read})),
            )
            for c in credentials.credentials(names)
        )  # fmt: skip

    def _want(self) -> None:
        host = self._listen.host
        argv: tuple[str, ...] = (
            "{python}", "-m", "modelyard.serving.hot", "--home", str(self._home), "--host", host,
            "--port", str(self._port()),
        )  # fmt: skip
        if self._listen.tls is not None:
            argv += ("--tls-cert", self._listen.tls[0], "--tls-key", self._listen.tls[1])
        wanted = Wanted(name=CHILD, argv=argv)
        if wanted not in self._children.wanted():
            self._children.want(wanted)

    def _port(self) -> int:
        """The port that is set, else one that was free when it was first asked for."""
        if self._listen.port:
            return self._listen.port
        kept = self._home / "state" / "serving.port"
        if not kept.is_file():
            with socket.socket() as probe:
                probe.bind((self._listen.host, 0))
                port = int(probe.getsockname()[1])
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(str(port), "ascii")
        return int(kept.read_text("ascii"))

    def _mind_the_address(self) -> None:
        """Choose another port where somebody else took ours; one that was set stays."""
        child = self.child()
        if child is None or child.pid is not None or child.last_exit != ADDRESS_TAKEN or self._listen.port:
            return
        (self._home / "state" / "serving.port").unlink(missing_ok=True)
        self._want()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        path = self._home / "run" / ".publishing"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _present(path: Path) -> Snapshot | None:
    try:
        return read_snapshot(path)
    except YardError:
        return None  # a damaged file is there to be replaced


def _spec(placed: store.Placed) -> RevisionSpec:
    made = placed.revision
    return RevisionSpec(
        name=made.name, model=made.model, version=made.version, folder=placed.folder, trusted=made.types
    )
