"""Bytes of known size and kind, of which any part may be asked for: what a download that serves ranges answers with.

Nothing is read before the first byte is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
