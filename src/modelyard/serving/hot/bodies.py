"""Request bodies that arrive in pieces: of a known length, or chunked; bounded in either case.

Small bodies that came with their head never get here. Trailers are read and dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from modelyard.kernel.errors import Malformed, TooLarge

_MAX_LINE = 1024
_MAX_TRAILERS = 8192
_HEX = b"0123456789abcdefABCDEF"


class Body(Protocol):
    """A body that is still arriving; `size` is what it holds or will hold, in bytes."""

    size: int

    def feed(self, data: bytes) -> bytes | None:
        """Take what belongs to the body; what is left once it is whole, else None.

        Raises:
            Malformed: it is not framed as it should be.
            TooLarge: it grew beyond the limit.
        """
        ...

    def whole(self) -> bytes:
        """All of it."""
        ...


class SizedBody:
    """A body whose length was announced."""

    def __init__(self, length: int) -> None:
        self._held = bytearray()
        self.size = length

    def feed(self, data: bytes) -> bytes | None:
        """Take what belongs to the body."""
        left = self.size - len(self._held)
        if len(data) < left:
            self._held += data
            return None
        self._held += data[:left]
        return data[left:]

    def whole(self) -> bytes:
        """All of it."""
        return bytes(self._held)


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = b""
        self._at = 0
        self._left = 0
        self._held = bytearray()
        self._step: Callable[[], bool] = self._size_line
        self._trailers = 0
        self._whole = False
        self.size = 0

    def feed(self, data: bytes) -> bytes | None:
        """Take what belongs to the body."""
        self._data = self._data[self._at :] + data
        self._at = 0
        while self._step():
            pass
        return self._data[self._at :] if self._whole else None

    def whole(self) -> bytes:
        """All of it."""
        return bytes(self._held)

    def _line(self) -> bytes | None:
        end = self._data.find(b"\r\n", self._at, self._at + _MAX_LINE)
        if end < 0:
            if len(self._data) - self._at >= _MAX_LINE:
                raise Malformed("a line between chunks is too long")
            return None
        line = self._data[self._at : end]
        self._at = end + 2
        return line

    def _size_line(self) -> bool:
        if (line := self._line()) is None:
            return False
        digits = line.partition(b";")[0].strip(b" \t")
        if not digits or len(digits) > 8 or digits.strip(_HEX):
            raise Malformed("a chunk does not begin with its size in hexadecimal")
        self._left = int(digits, 16)
        self.size += self._left
        if self.size > self._limit:
            raise TooLarge(f"the body grew beyond {self._limit} bytes, which are the limit")
        self._step = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        taken = self._data[self._at : self._at + self._left]
        self._held += taken
        self._left -= len(taken)
        self._at += len(taken)
        if self._left or len(self._data) < self._at + 2:
            return False
        if self._data[self._at : self._at + 2] != b"\r\n":
            raise Malformed("a chunk is longer than its size says")
        self._at += 2
        self._step = self._size_line
        return True

    def _trailer(self) -> bool:
        if (line := self._line()) is None:
            return False
        self._trailers += len(line)
        if self._trailers > _MAX_TRAILERS:
            raise Malformed("the trailers are too long")
        self._whole = not line
        return bool(line)
