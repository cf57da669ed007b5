"""Uploads in parts and links to files: bytes go past the yard to its bucket, what becomes a file is read through it.

Parts are nobody's until they are completed, and lie no longer than an upload lasts, whatever became of it: a duty
removes them by their age, so that a part which was sent after its upload ended goes too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Lock

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Digest, Doors, Objects, Part, Stored
from modelyard.tracking.api import Artifact
from modelyard.tracking.api.limits import safe_path
from modelyard.tracking.api.uploads import (
    FILE_LINK_LASTS,
    PART_LINK_LASTS,
    UPLOAD,
    UPLOAD_LASTS,
    DirectAccess,
    FileLink,
    PartedUpload,
    PartLink,
    SentPart,
    UploadOperations,
)
from modelyard.tracking.service import artifacts
from modelyard.tracking.store import uploads as store
from modelyard.tracking.store.uploads import Upload

_log = logging.getLogger(__name__)


class UnderWay:
    """Uploads that this process is completing; each by one call at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids: set[str] = set()

    @contextmanager
    def alone(self, upload: str) -> Iterator[None]:
        """Be the only call that completes it.

        Raises:
            Unavailable: another call does.
        """
        with self._lock:
            if upload in self._ids:
                raise Unavailable(f"upload {upload} is being completed by another call; ask again in a while")
            self._ids.add(upload)
        try:
            yield
        finally:
            with self._lock:
                self._ids.discard(upload)


class Uploads(UploadOperations):
    """The operations past the yard."""

    _objects: Objects
    _gives_links: bool
    _under_way: UnderWay

    def direct_access(self) -> DirectAccess:
        """Say whether files can go and come directly."""
        return DirectAccess(is_open=self._doors() is not None)

    def artifact_link(self, owner: str, path: str) -> FileLink:
        """Give a link by which a file can be fetched."""
        found = artifacts.file_at(calls.current().tx, owner, safe_path(path))
        doors = self._doors()
        link = None if doors is None else doors.link(Digest(found.digest or ""), lasts=FILE_LINK_LASTS)
        size = found.size_bytes or 0
        if link is None:
            return FileLink(url=None, size_bytes=size, lasts_s=0.0, headers={})
        return FileLink(url=link.url, size_bytes=size, lasts_s=FILE_LINK_LASTS.total_seconds(), headers=link.headers)

    def begin_upload(self, owner: str, path: str, *, parts: int) -> PartedUpload:
        """Begin to upload a file in parts."""
        call = calls.current()
        place = safe_path(path)
        call.touch(artifacts.about(call.tx, owner))
        artifacts.check_place(call.tx, owner, place)
        if (doors := self._doors()) is None:
            raise Conflict(
                "this yard gives no links to where its objects lie; send the file whole: yard tracking upload"
            )
        upload = UPLOAD.new(call.clock)
        links = doors.part_links(upload, parts, lasts=PART_LINK_LASTS)

        def note() -> None:
            tx = calls.current().tx
            artifacts.about(tx, owner)
            store.put(tx, Upload(upload, owner, place, call.actor.id, parts, call.now_ms))

        call.unit(note)
        given = [PartLink(number=n, url=link.url, headers=link.headers) for n, link in enumerate(links, 1)]
        return PartedUpload(id=upload, owner=owner, path=place, parts=given)

    def complete_upload(self, owner: str, path: str, *, upload: str, parts: list[SentPart]) -> Artifact:
        """Make one file of all parts."""
        call = calls.current()
        place = safe_path(path)
        call.touch(artifacts.about(call.tx, owner))
        begun = _begun(call.tx, owner, place, upload)

        def made_before() -> Artifact | None:
            tx = calls.current().tx
            return artifacts.file_at(tx, owner, place) if _begun(tx, owner, place, upload).is_done else None

        def note(stored: Stored) -> Artifact:
            made = made_before() or artifacts.note(self._objects, owner, place, stored)
            store.complete(calls.current().tx, upload)
            return made

        with self._under_way.alone(upload):
            if (made := call.unit(made_before)) is not None:
                return made
            if (doors := self._objects.doors()) is None:
                raise _unknown(upload)
            artifacts.check_place(call.tx, owner, place)
            content = _content(doors, upload, _in_order(doors.parts(upload), parts, begun.parts))
            stored = self._objects.put(content)
            with artifacts.doomed_if_refused(stored):
                made = call.unit(partial(note, stored))
            self._tidy(doors, upload)
        return made

    def abandon_upload(self, owner: str, path: str, *, upload: str) -> int:
        """Give an upload up and remove its parts."""
        call = calls.current()
        place = safe_path(path)
        call.touch(artifacts.about(call.tx, owner))
        _begun(call.tx, owner, place, upload)
        call.unit(lambda: store.drop(calls.current().tx, upload))
        doors = self._objects.doors()
        return 0 if doors is None else doors.clear(upload)

    def sweep_uploads(self) -> int:
        """Forget uploads that are too old, and remove every part that is; how many parts."""
        call = calls.current()
        oldest = call.now - UPLOAD_LASTS
        call.unit(lambda: store.forget(calls.current().tx, call.now_ms - _ms(UPLOAD_LASTS)))
        doors = self._objects.doors()
        return 0 if doors is None else doors.sweep(oldest)

    def _doors(self) -> Doors | None:
        """The doors, if links may be given."""
        doors = self._objects.doors() if self._gives_links else None
        return doors if doors is not None and doors.are_open() else None

    def _tidy(self, doors: Doors, upload: str) -> None:
        """Remove the parts of a file that is made; where that fails they go by age, and the file stays made."""
        try:
            doors.clear(upload)
        except Unavailable:
            _log.warning("parts of upload %s stay until they are swept", upload, exc_info=True)


def _begun(tx: Transaction, owner: str, path: str, upload: str) -> Upload:
    """An upload of this caller's to this path.

    Raises:
        NotFound: there is none, or it was begun too long ago.
    """
    call, found = calls.current(), store.one(tx, upload)
    if found is None or (found.owner, found.path, found.actor) != (owner, path, call.actor.id):
        raise _unknown(upload)
    if found.begun_ms < call.now_ms - _ms(UPLOAD_LASTS):
        raise NotFound(f"upload {upload[:80]} was begun too long ago; begin it again")
    return found


def _unknown(upload: str) -> NotFound:
    return NotFound(f"there is no upload {upload[:80]!r} of yours to this path; begin one: yard tracking begin-upload")


def _in_order(there: Sequence[Part], sent: Sequence[SentPart], count: int) -> list[Part]:
    """The parts to put together.

    Raises:
        InvalidInput: not all parts are named, in order.
        Conflict: one is not there, or is another than was sent.
    """
    if [part.number for part in sent] != list(range(1, count + 1)):
        raise InvalidInput(f"a file is made of all its parts; name 1 to {count}, in order")
    found = {part.number: part for part in there}
    for part in sent:
        if (lies := found.get(part.number)) is None:
            raise Conflict(f"part {part.number} is not there; send it, then complete the upload")
        if part.tag and lies.tag and part.tag != lies.tag:
            raise Conflict(f"part {part.number} is not what was sent: it has the tag {lies.tag[:80]}; send it again")
    return [found[part.number] for part in sent]


def _content(doors: Doors, upload: str, parts: Sequence[Part]) -> Iterator[bytes]:
    for part in parts:
        yield from doors.part(upload, part)


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
