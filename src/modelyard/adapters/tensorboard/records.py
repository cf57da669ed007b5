"""Event files record by record: length, its masked CRC-32C, bytes, theirs; all little-endian (TensorFlow, TFRecord).

A file whose writer died ends in the middle of a record: what is whole before that is given, and the tear is told. A
checksum that does not match ends the reading of that file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from modelyard.kernel.errors import Damaged

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_LARGEST = 1 << 30
_MASK = 0xA282EAD8


def _table() -> list[int]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        found.append(byte)
    return found


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of bytes, turned and shifted as TFRecord does."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


class EventFile:
    """One file.

    Attributes:
        torn: True if it ended in the middle of a record; known when all of it was read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = False

    def records(self) -> Iterator[bytes]:
        """Its records.

        Raises:
            Damaged: a checksum does not match.
        """
        with self.path.open("rb") as file:
            number = 0
            while head := file.read(_HEAD.size):
                number += 1
                if len(head) < _HEAD.size:
                    self.torn = True
                    return
                length, crc = _HEAD.unpack(head)
                if masked_crc(head[:8]) != crc or length > _LARGEST:
                    raise Damaged(f"{self.path}: the length of record {number} does not match its checksum")
                body = file.read(length + _FOOT.size)
                if len(body) < length + _FOOT.size:
                    self.torn = True
                    return
                data = body[:length]
                if masked_crc(data) != _FOOT.unpack(body[length:])[0]:
                    raise Damaged(f"{self.path}: record {number} does not match its checksum")
                yield data
