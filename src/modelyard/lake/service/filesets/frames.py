"""Frames: many contents in one stream, each its size in 8 bytes, then its bytes; cut up again with bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelyard.kernel.errors import Malformed

SIZE_BYTES = 8
_MOST = 1 << 44


class Frames:
    """A stream of frames, read one after the other."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._chunks = iter(content)
        self._held = memoryview(b"")

    def next_size(self) -> int | None:
        """The size of the frame that follows; None at the end.

        Raises:
            Malformed: the stream ends within a size, or the size is absurd.
        """
        head = self._take(SIZE_BYTES)
        if not head:
            return None
        size = int.from_bytes(head, "big")
        if len(head) < SIZE_BYTES or size > _MOST:
            raise Malformed("the upload is no series of frames: 8 bytes of size, then that many bytes")
        return size

    def whole(self, size: int) -> bytes:
        """A frame in one piece."""
        content = self._take(size)
        if len(content) < size:
            raise _cut(size)
        return content

    def pieces(self, size: int) -> Iterator[bytes]:
        """A frame as it comes."""
        left = size
        while left > 0:
            piece = bytes(self._held[:left]) if self._held else next(self._chunks, b"")
            if self._held:
                self._held = self._held[len(piece) :]
            elif not piece:
                raise _cut(size)
            elif len(piece) > left:
                self._held = memoryview(piece)[left:]
                piece = piece[:left]
            left -= len(piece)
            yield piece

    def _take(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        if len(self._held) >= size:
            taken, self._held = bytes(self._held[:size]), self._held[size:]
            return taken
        parts, have = [bytes(self._held)], len(self._held)
        self._held = memoryview(b"")
        for chunk in self._chunks:
            parts.append(chunk)
            have += len(chunk)
            if have >= size:
                self._held = memoryview(chunk)[len(chunk) - (have - size) :]
                parts[-1] = chunk[: len(chunk) - (have - size)]
                break
        return b"".join(parts)


def _cut(size: int) -> Malformed:
    return Malformed(f"the upload ends within a content of {size:,} bytes; send it again")


def framed(content: bytes) -> bytes:
    """A content with its size before it."""
    return len(content).to_bytes(SIZE_BYTES, "big") + content
