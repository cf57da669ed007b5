"""Contents fetched from a yard: many in one request, checked against their hashes, kept in a folder where wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Protocol, TypeVar, runtime_checkable

from modelyard.kernel.errors import Damaged
from modelyard.lake.api import FileFacts, Lake
from modelyard.sdk.proxy import Transport, proxy

BATCH_BYTES = 8 << 20
BATCH_FILES = 64
_SIZE = 8
T = TypeVar("T")


def batches(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in groups that are fetched together: few enough to hold."""
    group, size = list[T](), 0
    for item in items:
        group.append(item)
        size += size_of(item)
        if size >= BATCH_BYTES or len(group) >= BATCH_FILES:
            yield group
            group, size = [], 0
    if group:
        yield group


class Contents(Protocol):
    """Where contents come from; it may be taken along into another process."""

    def local(self, digest: str) -> Path | None:
        """A content as a file of its own on this machine; never write to it. None where it is none."""
        ...

    def many(self, fileset: str, wanted: Sequence[FileFacts]) -> dict[str, bytes]:
        """Contents by digest, each checked against its hash."""
        ...


class Fetched:
    """Contents of a yard, over its operations; a process that was forked opens connections of its own.

    Args:
        keep: a folder in which contents stay, so that they travel once.
    """

    def __init__(self, transport: Transport, keep: Path | None = None) -> None:
        self._transport = transport
        self._process = os.getpid()
        self._store = None if keep is None else Folder(keep)

    def keeping(self, keep: Path) -> Fetched:
        """The same, with a folder."""
        return Fetched(self._transport, keep)

    def local(self, digest: str) -> Path | None:
        """Where it is kept, if it is."""
        place = None if self._store is None else self._store.place(digest)
        return place if place is not None and place.is_file() else None

    def many(self, fileset: str, wanted: Sequence[FileFacts]) -> dict[str, bytes]:
        """Contents by digest, what is kept not asked for."""
        found: dict[str, bytes] = {}
        lost: list[FileFacts] = []
        for facts in {each.digest: each for each in wanted}.values():
            content = None if self._store is None else self._store.get(facts)
            if content is None:
                lost.append(facts)
            else:
                found[facts.digest] = content
        if lost:
            stream = _Stream(self._lake().fetch_files(fileset, tuple(each.digest for each in lost)))
            for facts in lost:
                content = stream.take(int.from_bytes(stream.take(_SIZE), "big"))
                if sha256(content).hexdigest() != facts.digest:
                    raise Damaged(f"content {facts.digest} did not arrive as it is; fetch it again")
                found[facts.digest] = content
                if self._store is not None:
                    self._store.keep(facts.digest, content)
        return found

    def _lake(self) -> Lake:
        if os.getpid() != self._process and isinstance(self._transport, Renewable):
            self._transport, self._process = self._transport.renewed(), os.getpid()
        return proxy(Lake, self._transport)


@runtime_checkable
class Renewable(Protocol):
    """A transport that can be opened once more, in another process."""

    def renewed(self) -> Transport:
        """The same, with connections of its own."""
        ...


class _Stream:
    """Bytes as they come, taken by count."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = bytearray()

    def take(self, count: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            Damaged: the stream ended before.
        """
        while len(self._held) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise Damaged("the yard's answer broke off; ask again")
            self._held += chunk
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken


class Folder:
    """Contents kept on this machine, one file each; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, digest: str) -> Path:
        """Where a content is kept."""
        return self._root / digest[:2] / digest

    def get(self, facts: FileFacts) -> bytes | None:
        """A content, if it is here and whole."""
        try:
            content = self.place(facts.digest).read_bytes()
        except FileNotFoundError:
            return None
        return content if sha256(content).hexdigest() == facts.digest else None

    def keep(self, digest: str, content: bytes) -> None:
        """Keep a content; it appears whole."""
        place = self.place(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_name(f".{token_hex(8)}")
        fresh.write_bytes(content)
        fresh.replace(place)
