"""The one file that tells the data plane what to serve and whom to answer: `run/routes.json`.

The control plane replaces it as a whole (write aside, sync, rename); the data plane looks at its inode and time. It
holds digests of tokens, never a token.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Damaged
from modelyard.serving.api.routes import Route

FORM = 1
SNAPSHOT_FILE = "routes.json"


class RevisionSpec(Struct, frozen=True, kw_only=True):
    """A model version made ready for serving.

    Attributes:
        name: unique within the endpoint; logged with each prediction.
        model: the ref of the model version, `model:tips@3`.
        version: what callers see as `model_version`.
        folder: the model folder, relative to the home.
        trusted: types beyond the library's own safe list that `model.skops` may build.
    """

    name: str
    model: str
    version: str
    folder: str
    trusted: tuple[str, ...] = ()


class EndpointSpec(Struct, frozen=True, kw_only=True):
    """An endpoint with every revision that its route names."""

    name: str
    revisions: tuple[RevisionSpec, ...]
    route: Route


class TokenSpec(Struct, frozen=True, kw_only=True):
    """A credential that the data plane may meet.

    Attributes:
        digest: SHA-256 of the token, lower-case hex.
        caller: the actor's id, logged with each prediction.
        resources: ref patterns it is confined to (`endpoint:tips`, `endpoint:*`); empty means all.
        expires_ms: Unix milliseconds from which it counts no longer.
    """

    digest: str
    caller: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...] = ()
    expires_ms: int | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything that a data plane serves, as of one moment; a higher version replaces a lower one as a whole."""

    version: int
    endpoints: tuple[EndpointSpec, ...] = ()
    tokens: tuple[TokenSpec, ...] = ()
    form: int = FORM


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the file at once and for good; mode 0600."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(snapshot))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def read_snapshot(path: Path) -> Snapshot | None:
    """The snapshot in force; None if nothing was ever deployed.

    Raises:
        Damaged: the file cannot be read, or a newer program wrote it.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        snapshot = msgspec.json.decode(raw, type=Snapshot)
    except msgspec.MsgspecError as err:
        raise Damaged(f"{path.name} cannot be read: {err}") from err
    if snapshot.form != FORM:
        raise Damaged(f"{path.name} has form {snapshot.form}; this program reads {FORM}. Upgrade the data plane too")
    return snapshot


def mark_of(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever the file is replaced; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
