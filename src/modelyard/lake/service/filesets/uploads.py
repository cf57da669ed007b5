"""Uploads: contents come in, are stored, looked at and noted; nothing of them is visible yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from modelyard.lake.api.files import AddId, FileFacts
from modelyard.lake.model.filesets import table_of
from modelyard.lake.model.media import HEAD_BYTES, facts_of
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.adds import Adds, bringing
from modelyard.lake.service.filesets.frames import Frames
from modelyard.lake.service.filesets.rows import known_contents
from modelyard.lake.store import filesets
from modelyard.ports import calls
from modelyard.ports.objects import PACKED_BYTES, Digest


def missing(desk: Desk, name: str, add: AddId, digests: Sequence[str]) -> tuple[str, ...]:
    """The contents that must still travel."""
    call = calls.current()
    here = filesets.brought(call.tx, add=add, fileset=name, author=call.actor.id)
    wanted = [digest for digest in dict.fromkeys(digests) if digest not in here]
    known = known_contents(desk, table_of(name), wanted)
    lost = desk.contents().missing([Digest(digest) for digest in known])
    return tuple(digest for digest in wanted if digest not in known or digest in lost)


def upload(desk: Desk, adds: Adds, name: str, add: AddId, content: Iterable[bytes]) -> list[FileFacts]:
    """Store framed contents and note them under an adding."""
    call = calls.current()
    if ended := adds.hold(desk, add, call.clock):
        call.unit(lambda: _forget(ended))
    with bringing(desk):
        found = stored(desk, Frames(content))

        def note() -> None:
            now = calls.current()
            filesets.note_upload(
                now.tx, add=add, fileset=name, author=now.actor.id, at_ms=now.now_ms, facts=found
            )  # fmt: skip

        call.unit(note)
    return found


def _forget(adds: Sequence[str]) -> None:
    for add in adds:
        filesets.end_add(calls.current().tx, add)


def stored(desk: Desk, frames: Frames) -> list[FileFacts]:
    """Store contents, small ones together; what each of them is, in their order."""
    objects = desk.contents()
    found: list[FileFacts] = []
    packed: list[int] = []

    def small() -> Iterator[bytes]:
        while (size := frames.next_size()) is not None:
            if size <= PACKED_BYTES:
                content = frames.whole(size)
                packed.append(len(found))
                found.append(facts_of("", size, content))
                yield content
                continue
            looking = _Looking(frames.pieces(size))
            kept = objects.put(looking)
            found.append(facts_of(kept.digest, kept.size_bytes, looking.head))

    for place, kept in zip(packed, objects.keep(small()), strict=False):
        found[place] = msgspec.structs.replace(found[place], digest=kept.digest)
    return found


class _Looking:
    """Passes bytes on and keeps the first of them."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._content = content
        self.head = b""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._content:
            if len(self.head) < HEAD_BYTES:
                self.head += piece[: HEAD_BYTES - len(self.head)]
            yield piece


def single(desk: Desk, adds: Adds, name: str, add: AddId, content: Iterable[bytes]) -> FileFacts:
    """Store one content that comes without a frame, and note it under an adding."""
    call = calls.current()
    adds.hold(desk, add, call.clock)
    with bringing(desk):
        looking = _Looking(iter(content))
        kept = desk.contents().put(looking)
        found = facts_of(kept.digest, kept.size_bytes, looking.head)

        def note() -> None:
            now = calls.current()
            filesets.note_upload(
                now.tx, add=add, fileset=name, author=now.actor.id, at_ms=now.now_ms, facts=[found]
            )  # fmt: skip

        call.unit(note)
    return found
