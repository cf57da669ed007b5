"""Bytes out of compressed files as a loader would get them: stream after stream, and up to where a stream breaks.

A loader runs what it reads before it comes to the broken end, so what stands before the break counts too.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from msgspec import Struct

_STEP = 1 << 20


class Unpacked(Struct, frozen=True):
    """What came out.

    Attributes:
        whole: False where a stream broke or bytes of another kind follow; `content` is what stands before.
        cut: True where there was more than was asked for.
    """

    content: bytes
    whole: bool = True
    cut: bool = False


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_KINDS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "zlib": zlib.decompressobj,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}
_UNKNOWN = {
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def kind_of(head: bytes) -> str | None:
    """How a file is compressed, by its first bytes; None for none that can be looked into."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        return "xz"
    if len(head) > 2 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0:
        return "zlib"
    return None


def unknown_kind_of(head: bytes) -> str | None:
    """How a file is compressed that cannot be looked into."""
    return _UNKNOWN.get(head[:4])


def may_be_chance(kind: str, head: bytes) -> bool:
    """True where two bytes alone speak for the kind, as plain data now and then begins with them."""
    return kind == "zlib" or (kind == "xz" and not head.startswith(b"\xfd7zXZ"))


def unpacked(stream: BinaryIO, kind: str, most: int) -> Unpacked:
    """All that a compressed file holds, `most` bytes at most; the streams in it one after another."""
    start = stream.tell()
    got = _Unpacking(stream, kind, most)
    if got.run(_STEP):
        return got.result(whole=True)
    broken_in = got.taken_from
    stream.seek(start)  # once more, in small steps where it broke, as what stands before it is run by a loader
    got = _Unpacking(stream, kind, most)
    return got.result(whole=got.run(_STEP, small_from=broken_in))


class _Unpacking:
    def __init__(self, stream: BinaryIO, kind: str, most: int) -> None:
        self._stream = stream
        self._kind = kind
        self._most = most
        self._made: list[bytes] = []
        self._size = 0
        self._cut = False
        self.taken_from = 0

    def result(self, *, whole: bool) -> Unpacked:
        return Unpacked(b"".join(self._made), whole=whole, cut=self._cut)

    def run(self, step: int, small_from: int | None = None) -> bool:
        """Take all of it; False where it breaks or ends too early."""
        one, waiting, place = _KINDS[self._kind](), b"", 0
        while not self._cut:
            if not waiting:
                self.taken_from = place
                waiting = self._stream.read(step if small_from is None or place < small_from else 1)
                place += len(waiting)
            if not waiting:
                return one.eof
            try:
                one = _KINDS[self._kind]() if one.eof else one
                part = one.decompress(waiting, self._most + 1 - self._size)
            except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError):
                return False
            self._made.append(part)
            self._size += len(part)
            self._cut = self._size > self._most
            waiting = one.unused_data if one.eof else getattr(one, "unconsumed_tail", b"")
        return True
