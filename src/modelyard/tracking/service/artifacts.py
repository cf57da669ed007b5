"""Artifacts: files in and out, streamed; their bytes lie in objects under their hash, their paths in rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from modelyard.kernel.clock import from_ms
from modelyard.kernel.contents import Content
from modelyard.kernel.errors import Conflict, NotFound, YardError
from modelyard.kernel.pages import Page, encode_cursor, place_of
from modelyard.kernel.refs import Ref, ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Digest, Objects, Stored, check_stand, content_of
from modelyard.tracking.api import Artifact, ArtifactsDeleted
from modelyard.tracking.api.artifacts import ArtifactOperations
from modelyard.tracking.api.limits import safe_path
from modelyard.tracking.model import names
from modelyard.tracking.store import artifacts as store
from modelyard.tracking.store import collection, models, run_mentions, runs, traces


class Artifacts(ArtifactOperations):
    """The operations on artifacts."""

    _objects: Objects

    def artifacts(
        self, owner: str, folder: str = "", *, limit: int = 1000, cursor: str | None = None
    ) -> Page[Artifact]:
        """List the files and folders directly below a folder."""
        tx = calls.current().tx
        path = safe_path(folder, folder=True) if folder else ""
        about(tx, owner)
        beyond = place_of(cursor, "")
        rows = store.entries(tx, owner, path, beyond=beyond, limit=limit + 1)
        if len(rows) <= limit:
            return Page(rows)
        last = rows[limit - 1]
        return Page(rows[:limit], encode_cursor(last.path + "/" if last.is_folder else last.path))

    def artifact(self, owner: str, path: str) -> Artifact:
        """Show one file's size, digest and time."""
        return file_at(calls.current().tx, owner, safe_path(path))

    def upload(self, owner: str, path: str, content: Iterable[bytes]) -> Artifact:
        """Store a file."""
        call = calls.current()
        place = safe_path(path)
        call.touch(about(call.tx, owner))
        check_place(call.tx, owner, place)
        stored = self._objects.put(content)
        with doomed_if_refused(stored):
            return call.unit(lambda: note(self._objects, owner, place, stored))

    def download(self, owner: str, path: str) -> Content:
        """Give a file's bytes."""
        found = file_at(calls.current().tx, owner, safe_path(path))
        stored = Stored(Digest(found.digest or ""), found.size_bytes or 0)
        return content_of(self._objects, stored, media=names.media_of(path))

    def delete_artifacts(self, owner: str, path: str) -> int:
        """Remove a file, or a folder with all below it."""
        call = calls.current()
        place = safe_path(path)
        thing = about(call.tx, owner)
        collection.doom(call.tx, store.contents(call.tx, owner, place), call.now_ms)
        files = store.drop(call.tx, owner, place)
        if not files:
            raise NotFound(f"{owner} has nothing at {place[:200]!r}")
        call.touch(thing)
        call.emit(ArtifactsDeleted(owner=owner, path=place, files=files), writes=[thing])
        return files


@contextmanager
def doomed_if_refused(stored: Stored) -> Iterator[None]:
    """Note a content as one that may be nobody's, if what was to name it is refused."""
    try:
        yield
    except YardError:
        call = calls.current()
        call.unit(lambda: collection.doom(calls.current().tx, [(stored.digest, stored.size_bytes)], call.now_ms))
        raise


def note(objects: Objects, owner: str, path: str, stored: Stored) -> Artifact:
    """Let a path stand for a content that was put just now; within a unit.

    Raises:
        NotFound: the owner is gone.
        Conflict: the path has become a folder, or lies below a file.
        Unavailable: the content was removed as nobody's meanwhile; it is to be sent again.
    """
    call = calls.current()
    tx = call.tx
    about(tx, owner)
    check_place(tx, owner, path)
    if collection.may_be_gone(tx, stored.digest):
        check_stand(objects, [stored.digest])
        collection.pardon(tx, stored.digest)
    before = store.one(tx, owner, path)
    if before is not None and before.digest and before.digest != stored.digest:
        collection.doom(tx, [(before.digest, before.size_bytes or 0)], call.now_ms)
    store.put(tx, owner, path, digest=stored.digest, size_bytes=stored.size_bytes, now_ms=call.now_ms)
    return file_at(tx, owner, path)


def about(tx: Transaction, owner: str) -> Ref:
    """The run, logged model or trace under an id.

    Raises:
        NotFound: there is none.
    """
    if names.is_run_id(owner) and runs.head(tx, owner) is not None:
        return ref("run", owner)
    if names.is_model_id(owner) and models.one(tx, owner) is not None:
        return ref("logged_model", owner)
    if names.is_trace_id(owner) and traces.head(tx, owner) is not None:
        return ref("trace", owner)
    raise NotFound(f"there is no run, logged model or trace {owner[:80]!r} that could own a file")


def file_at(tx: Transaction, owner: str, path: str) -> Artifact:
    """The file at a path.

    Raises:
        NotFound: there is none.
    """
    found = store.one(tx, owner, path)
    if found is None:
        gone_ms = run_mentions.forgotten_at(tx, owner, path)
        if gone_ms is not None:
            raise NotFound(
                f"the file at {path[:200]!r} of {owner[:80]} was removed on {from_ms(gone_ms):%Y-%m-%d}, since it "
                "named somebody who was forgotten; see: yard governance receipts"
            )
        raise NotFound(f"{owner[:80]} has no file at {path[:200]!r}")
    return found


def check_place(tx: Transaction, owner: str, path: str) -> None:
    """Make sure that a file may lie there.

    Raises:
        Conflict: the path is a folder, or lies below a file.
    """
    if store.is_folder(tx, owner, path):
        raise Conflict(f"{path[:200]!r} is a folder; choose another name for the file")
    parts = path.split("/")
    for end in range(1, len(parts)):
        above = "/".join(parts[:end])
        if store.one(tx, owner, above) is not None:
            raise Conflict(f"{above[:200]!r} is a file, so nothing can lie below it")
