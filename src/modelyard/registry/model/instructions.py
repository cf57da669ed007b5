"""A pickle's opcodes with their arguments, read as a loader reads them; nothing of them is carried out.

`pickletools.genops` undoes escapes where a loader does not, and stops at text in an encoding that a loader may know.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import Any, BinaryIO

from modelyard.registry.model.descriptions import VAGUE, BrokenStreamError, Vague

_OPCODES = {op.code: op for op in pickletools.opcodes}
_LONGEST_LINE = 1 << 20


def instructions_of(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Names and arguments of opcodes up to STOP; of GLOBAL and INST a pair, of STRING its text if it is plain.

    Raises:
        BrokenStreamError: there is no such opcode, or the stream ends before STOP.
        ValueError: an argument cannot be read.
    """
    while code := stream.read(1):
        op = _OPCODES.get(code.decode("latin-1"))
        if op is None:
            raise BrokenStreamError(f"{code!r} is no operation")
        if op.name in ("GLOBAL", "INST"):
            yield op.name, (_line(stream).decode("utf-8", "replace"), _line(stream).decode("utf-8", "replace"))
        elif op.name == "STRING":
            yield op.name, _quoted(_line(stream))
        elif op.name == "PERSID":
            yield op.name, _line(stream)
        else:
            yield op.name, None if op.arg is None else op.arg.reader(stream)
        if code == b".":
            return
    raise BrokenStreamError("it ends before its STOP")


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise BrokenStreamError("a line without its end")
    return line[:-1]


def _quoted(line: bytes) -> str | Vague:
    """A text where it says itself plainly; what it stands for else is up to the loader."""
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[:1] != line[-1:]:
        raise BrokenStreamError("a text without its quotes")
    plain = line.isascii() and b"\\" not in line
    return line[1:-1].decode() if plain else VAGUE
