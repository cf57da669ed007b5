"""The objects port: immutable bytes under the SHA-256 of what they are.

Equal content is stored once. An object appears whole or not at all, and is checked against its name when read. Names,
versions and who may read are the slices' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NewType, Protocol

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput

_DIGEST = re.compile(r"[0-9a-f]{64}")

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


class Objects(Protocol):
    """One home's objects."""

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        """Store bytes as they stream by, with bounded memory.

        Raises:
            Damaged: the bytes do not hash to `expect`; nothing was stored.
        """
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

    def digests(self) -> Iterator[Stored]:
        """Every object, in no particular order."""
        ...

    def local(self, digest: Digest) -> Path | None:
        """A path to read the object from, where the store is a local folder; else None. Never write to it."""
        ...

    def sweep(self) -> int:
        """Remove what writers that died left behind; the number of leftovers removed."""
        ...
