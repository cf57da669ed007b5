"""The objects port: immutable bytes under the SHA-256 of what they are.

Equal content is stored once. An object appears whole or not at all, and is checked against its name when read. Names,
versions and who may read are the slices' business. Where a yard seals, an object lies sealed under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NewType, Protocol, runtime_checkable

from msgspec import Struct, field

from modelyard.kernel.contents import BYTES, Content
from modelyard.kernel.errors import InvalidInput, Unavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")

PACKED_BYTES = 128 << 10
"""Up to this size an object counts as small: `keep` may put it together with others."""

Digest = NewType("Digest", str)
"""SHA-256 in lower-case hex, 64 characters."""


def parse_digest(text: str) -> Digest:
    """`text` as a digest; safe to be part of a path.

    Raises:
        InvalidInput: it is not 64 lower-case hex digits.
    """
    if not _DIGEST.fullmatch(text):
        raise InvalidInput(f"{text[:80]!r} is not a digest; one is 64 lower-case hex digits")
    return Digest(text)


class Stored(Struct, frozen=True):
    """An object as it was put."""

    digest: Digest
    size_bytes: int


class Link(Struct, frozen=True):
    """Where whoever holds it may read or write one thing past the yard, for a while.

    Attributes:
        headers: what a request there must carry.
    """

    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Part(Struct, frozen=True):
    """A part of an upload as it lies in the store; `tag` is the store's own mark of these very bytes, or empty."""

    number: int
    size_bytes: int
    tag: str = ""


class Doors(Protocol):
    """A store's own doors, through which callers send and fetch bytes that do not pass the yard.

    Parts lie apart from the objects under the name of their upload, until somebody puts their bytes as an object.
    """

    def are_open(self) -> bool:
        """True if links can be had now; they are never given to a store that seals."""
        ...

    def link(self, digest: Digest, *, lasts: timedelta) -> Link | None:
        """Where an object can be read; None if it lies here sealed, or not at all."""
        ...

    def part_links(self, upload: str, parts: int, *, lasts: timedelta) -> list[Link]:
        """Where the parts 1 to `parts` of an upload can be put, in order."""
        ...

    def parts(self, upload: str) -> list[Part]:
        """The parts that lie here, by number."""
        ...

    def part(self, upload: str, part: Part) -> Iterator[bytes]:
        """The bytes of a part, in chunks.

        Raises:
            Conflict: it is not there any more, or was put again since it was looked at.
        """
        ...

    def clear(self, upload: str) -> int:
        """Remove the parts of an upload; how many there were."""
        ...

    def sweep(self, before: datetime) -> int:
        """Remove all parts that were put before a moment; how many."""
        ...


class Objects(Protocol):
    """One home's objects."""

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        """Store bytes as they stream by, with bounded memory.

        Raises:
            Damaged: the bytes do not hash to `expect`; nothing was stored.
        """
        ...

    def keep(self, contents: Iterable[bytes]) -> list[Stored]:
        """Store many small contents together, in order; all of them are durable when this returns.

        Far cheaper than one `put` for each. Cut off in its middle, some may be stored.
        """
        ...

    def missing(self, digests: Collection[Digest]) -> set[Digest]:
        """Those of the digests that have no object here."""
        ...

    def read(self, digest: Digest, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in chunks; a whole read is checked against the hash.

        Raises:
            NotFound: no such object.
            Damaged: the bytes do not match (raised at the end of a whole read).
        """
        ...

    def size(self, digest: Digest) -> int | None:
        """Size in bytes; None if there is no such object."""
        ...

    def delete(self, digest: Digest) -> bool:
        """Remove an object; False if there was none."""
        ...

    def discard(self, digests: Collection[Digest]) -> int:
        """Remove many objects; how many there were."""
        ...

    def digests(self) -> Iterator[Stored]:
        """Every object, in no particular order."""
        ...

    def local(self, digest: Digest) -> Path | None:
        """The object's path where it is a plain file of its own on this machine; else None. Never write to it."""
        ...

    def doors(self) -> Doors | None:
        """The store's own doors; None where it has none, as a folder."""
        ...

    def reseal(self) -> int:
        """Bring every object under the seal that new ones get, or under none where they get none; how many changed."""
        ...

    def sweep(self) -> int:
        """Remove what writers that died left behind; the number of leftovers removed."""
        ...


@runtime_checkable
class Keeper(Protocol):
    """A slice whose rows name objects by their digest; an object that no keeper holds may be removed."""

    def objects_held(self, digests: Collection[str]) -> set[str]:
        """Those of the digests that a row of the slice names, as the current call's transaction sees it."""
        ...


def check_stand(objects: Objects, digests: Collection[str]) -> None:
    """Make sure, in the unit that names objects put before, that none was removed as nobody's in between.

    Raises:
        Unavailable: one is gone; whoever has its bytes sends them again.
    """
    if digests and (gone := objects.missing([Digest(digest) for digest in digests])):
        raise Unavailable(f"{len(gone)} contents were removed while they were being noted; send them again")


def content_of(
    objects: Objects, stored: Stored, *, media: str = BYTES, span: tuple[int, int | None] = (0, None)
) -> Content:
    """An object, or a part of it, as a content of which any part may be asked for; nothing is read yet."""
    size, (start, stop) = stored.size_bytes, span
    first, end = min(start, size), size if stop is None else min(stop, size)

    def read(begin: int, until: int) -> Iterator[bytes]:
        last = first + until
        return objects.read(stored.digest, start=first + begin, stop=None if last == size else last)

    return Content(read, size_bytes=max(end - first, 0), tag=f"{stored.digest}.{first}.{end}", media=media)
