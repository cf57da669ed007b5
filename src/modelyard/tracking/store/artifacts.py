"""Artifacts: which object stands at which path below a run or a logged model."""

from __future__ import annotations

from modelyard.ports.database import Transaction
from modelyard.ports.statements import sql
from modelyard.tracking.api import Artifact

_PUT = sql(
    "INSERT INTO tracking_artifact (owner, path, digest, size_bytes, stored_ms) "
    "VALUES (:owner, :path, :digest, :size, :now) ON CONFLICT (owner, path) DO UPDATE SET digest = excluded.digest, "
    "size_bytes = excluded.size_bytes, stored_ms = excluded.stored_ms"
)
_ONE = sql("SELECT path, digest, size_bytes, stored_ms FROM tracking_artifact WHERE owner = :owner AND path = :path")
_BELOW = sql(
    "SELECT path, digest, size_bytes, stored_ms FROM tracking_artifact "
    "WHERE owner = :owner AND path >= :first AND path < :after ORDER BY path LIMIT :n"
)
_DROP = sql(
    "DELETE FROM tracking_artifact WHERE owner = :owner AND (path = :path OR (path >= :first AND path < :after))"
)
_CONTENTS = sql(
    "SELECT DISTINCT digest, size_bytes FROM tracking_artifact "
    "WHERE owner = :owner AND (path = :path OR (path >= :first AND path < :after))"
)
_AFTER_SLASH = "0"  # the character after "/": paths below a folder lie between "folder/" and "folder0"
_LAST = "\U0010ffff"


def put(tx: Transaction, owner: str, path: str, *, digest: str, size_bytes: int, now_ms: int) -> None:
    """Let a path stand for an object."""
    tx.run(_PUT, {"owner": owner, "path": path, "digest": digest, "size": size_bytes, "now": now_ms})


def one(tx: Transaction, owner: str, path: str) -> Artifact | None:
    """The file at a path."""
    row = tx.one(_ONE, {"owner": owner, "path": path})
    return Artifact(path=row[0], digest=row[1], size_bytes=row[2], stored_ms=row[3]) if row else None


def is_folder(tx: Transaction, owner: str, path: str) -> bool:
    """True if a file lies below the path."""
    first, after = path + "/", path + _AFTER_SLASH
    return tx.one(_BELOW, {"owner": owner, "first": first, "after": after, "n": 1}) is not None


def entries(tx: Transaction, owner: str, folder: str, *, beyond: str, limit: int) -> list[Artifact]:
    """Up to `limit` files and folders directly below a folder, by path, those after `beyond` only.

    A folder sorts, and is named in `beyond`, with a slash at its end. It reads one row a file and skips over each
    folder that it has met, however much lies below it.
    """
    head = folder + "/" if folder else ""
    first = head
    if beyond:
        first = beyond[:-1] + _AFTER_SLASH if beyond.endswith("/") else beyond + "\x01"
    after = folder + _AFTER_SLASH if folder else _LAST
    found: list[Artifact] = []
    while len(found) < limit:
        rows = tx.all(_BELOW, {"owner": owner, "first": first, "after": after, "n": limit - len(found)})
        if not rows:
            break
        for path, digest, size, stored in rows:
            name, slash, _ = path[len(head) :].partition("/")
            first = path + "\x01"
            if slash:
                first = head + name + _AFTER_SLASH
                found.append(Artifact(path=head + name, is_folder=True))
                break
            found.append(Artifact(path=path, digest=digest, size_bytes=size, stored_ms=stored))
    return found


def contents(tx: Transaction, owner: str, path: str) -> list[tuple[str, int]]:
    """Digest and size of what a file, or a folder with all below it, stands for."""
    where = {"owner": owner, "path": path, "first": path + "/", "after": path + _AFTER_SLASH}
    return [(digest, int(size)) for digest, size in tx.all(_CONTENTS, where)]


def drop(tx: Transaction, owner: str, path: str) -> int:
    """Forget a file, or a folder with all below it; how many files."""
    return tx.run(_DROP, {"owner": owner, "path": path, "first": path + "/", "after": path + _AFTER_SLASH})
