"""Prediction ids: `pred_` and a ULID body, drawn by counting, so that they are unique, ordered by time and cheap.

The body is 10 characters of milliseconds, 8 of a random boot word and 8 of a counter. Ids of one process sort by birth.
"""

from __future__ import annotations

import os
from typing import NewType

from modelyard.kernel.ids import IdKind

PredictionId = NewType("PredictionId", str)
PREDICTION = IdKind("pred", PredictionId)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def _base32(value: int, length: int) -> str:
    out = []
    for _ in range(length):
        out.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(out))


class PredictionIds:
    """One process's source of ids; for one thread."""

    __slots__ = ("_boot", "_count", "_ms", "_prefix", "_time", "boot")

    def __init__(self) -> None:
        self.boot = _base32(int.from_bytes(os.urandom(5)), 8)
        self._count = 0
        self._ms = -1
        self._time = ""
        self._prefix = ""

    def turn(self, now_ms: int) -> None:
        """Set the time that the next ids carry; a clock that steps back is not followed."""
        if now_ms > self._ms:
            self._ms = now_ms
            self._time = "pred_" + _base32(now_ms, 10) + self.boot
            self._prefix = self._time + _base32(self._count >> 10, 6)

    def draw(self) -> str:
        """The next id."""
        count = self._count
        self._count = count + 1
        if not count & 1023:
            self._prefix = self._time + _base32(count >> 10, 6)
        return self._prefix + _PAIRS[count & 1023]

    def draw_many(self, rows: int) -> list[str]:
        """The next ids, one for each row, counting up."""
        return [self.draw() for _ in range(rows)]


def row_ids(first: str, rows: int) -> list[str]:
    """The ids of a prediction's rows, from the id of its first.

    >>> row_ids("pred_00000000000000000000000Z", 1)
    ['pred_00000000000000000000000Z']
    """
    head, tail = first[:-8], first[-8:]
    count = 0
    for character in tail:
        count = count << 5 | _VALUES[character]
    return [head + _base32(count + row, 8) for row in range(rows)]
