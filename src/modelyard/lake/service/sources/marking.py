"""Text that should be UTF-8, made so: bytes that are none are marked, so that no reader stumbles over them."""

from __future__ import annotations

import codecs
from typing import BinaryIO

MARK = "\U0010ffff"
"""A code point that is no character: no text has it, so what has it beside a bad byte is no UTF-8."""


class MarkedFile:
    r"""A file as valid UTF-8: each byte that is none comes as `MARK` and `\xNN`, since the parser stops at one.

    Attributes:
        found: whether a byte was marked so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held = b""
        self._ready = b""
        self.found = False
        self.closed = False

    def close(self) -> None:
        """Nothing: the file is its opener's."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._ready:
            self._ready = self._next(size)
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def _next(self, size: int) -> bytes:
        fresh = self._file.read(max(1, size - len(self._held)))
        block, self._held = self._held + fresh, b""
        try:
            block.decode()
        except UnicodeDecodeError as err:
            cut = _last_start(block) if fresh else len(block)
            block, self._held = block[:cut], block[cut:]
            if not block:
                return self._next(size)
            if err.start < cut:
                self.found = True
                return block.decode(errors="modelyard-mark").encode()
        return block


def _last_start(block: bytes) -> int:
    """Where the last character begins, if more bytes may belong to it; else the end."""
    for back in range(1, min(4, len(block)) + 1):
        byte = block[-back]
        if byte >= 0xC0:
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(block) - back if back < wanted else len(block)
        if byte < 0x80:
            break
    return len(block)


def _mark(err: UnicodeError) -> tuple[str, int]:
    if not isinstance(err, UnicodeDecodeError):
        raise err
    return "".join(f"{MARK}\\x{byte:02x}" for byte in err.object[err.start : err.end]), err.end


codecs.register_error("modelyard-mark", _mark)
