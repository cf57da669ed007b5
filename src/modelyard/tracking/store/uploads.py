"""Uploads in parts: who began which, for which path. They are forgotten when they are too old to be completed."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Migration, Transaction
from modelyard.ports.statements import sql

UPLOADS = Migration(
    "tracking",
    10,
    "uploads_in_parts",
    (
        (
            "CREATE TABLE tracking_upload (upload {text} PRIMARY KEY, owner {text} NOT NULL, path {text} NOT NULL, "
            "actor {text} NOT NULL, parts {int} NOT NULL, begun_ms {int} NOT NULL, is_done {int} NOT NULL)"
        ),
        "CREATE INDEX tracking_upload_by_owner ON tracking_upload (owner)",
    ),
)
_PUT = sql(
    "INSERT INTO tracking_upload (upload, owner, path, actor, parts, begun_ms, is_done) "
    "VALUES (:upload, :owner, :path, :actor, :parts, :now, 0)"
)
_ONE = sql("SELECT upload, owner, path, actor, parts, begun_ms, is_done FROM tracking_upload WHERE upload = :upload")
_DONE = sql("UPDATE tracking_upload SET is_done = 1 WHERE upload = :upload")
_DROP = sql("DELETE FROM tracking_upload WHERE upload = :upload AND is_done = 0")
_FORGET = sql("DELETE FROM tracking_upload WHERE begun_ms < :before")


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts."""

    id: str
    owner: str
    path: str
    actor: ActorId
    parts: int
    begun_ms: int
    is_done: bool = False


def put(tx: Transaction, one: Upload) -> None:
    """Keep an upload that begins."""
    tx.run(
        _PUT,
        {
            "upload": one.id, "owner": one.owner, "path": one.path, "actor": one.actor, "parts": one.parts,
            "now": one.begun_ms,
        },
    )  # fmt: skip


def one(tx: Transaction, upload: str) -> Upload | None:
    """The upload under an id."""
    row = tx.one(_ONE, {"upload": upload})
    if row is None:
        return None
    return Upload(row[0], row[1], row[2], ActorId(row[3]), int(row[4]), int(row[5]), bool(row[6]))


def complete(tx: Transaction, upload: str) -> None:
    """Note that its file is made."""
    tx.run(_DONE, {"upload": upload})


def drop(tx: Transaction, upload: str) -> None:
    """Forget an upload that is not complete."""
    tx.run(_DROP, {"upload": upload})


def forget(tx: Transaction, before_ms: int) -> int:
    """Forget those that were begun before a moment; how many."""
    return tx.run(_FORGET, {"before": before_ms})
