"""Bytes on their way: of known size and kind, of which any part may be asked for; or in pieces, read as a file.

Nothing is read before the first byte is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

BYTES = "application/octet-stream"


class Content(Iterator[bytes]):
    """The whole, as it flows; or any part of it instead.

    Args:
        read: gives the bytes from a place up to another.
        size_bytes: of the whole.
        tag: a word for these bytes and no others.
        media: the type under which a browser may be given it; never one that it would run.

    >>> whole = Content(lambda start, stop: iter([b"abcdef"[start:stop]]), size_bytes=6, tag="x")
    >>> list(whole.part(2, 4)), list(whole)
    ([b'cd'], [b'abcdef'])
    """

    def __init__(
        self, read: Callable[[int, int], Iterator[bytes]], *, size_bytes: int, tag: str, media: str = BYTES
    ) -> None:  # fmt: skip
        self._read = read
        self._flow: Iterator[bytes] | None = None
        self.size_bytes = size_bytes
        self.media = media
        self.tag = tag

    def part(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`."""
        return self._read(start, stop)

    def __next__(self) -> bytes:
        """The next bytes of the whole."""
        if self._flow is None:
            self._flow = self._read(0, self.size_bytes)
        return next(self._flow)


class Pieces(io.RawIOBase):
    """Pieces of bytes as a file that is read once, front to back."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, target: Any) -> int:
        """Fill `target` with what comes next."""
        while not self._rest:
            self._rest = next(self._pieces, b"")
            if not self._rest:
                return 0
        taken = min(len(target), len(self._rest))
        target[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes, fewer only at the end."""
        if size < 0:
            return b"".join([self._rest, *self._pieces])
        parts, missing = [], size
        while missing:
            if not self._rest:
                self._rest = next(self._pieces, b"")
                if not self._rest:
                    break
            part = self._rest[:missing]
            self._rest = self._rest[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
