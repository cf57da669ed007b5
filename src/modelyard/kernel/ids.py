"""Typed, prefixed, time-ordered identifiers: `run_01J...`.

The body is a ULID (github.com/ulid/spec): 48 bits of milliseconds and 80 random bits in Crockford base 32, so ids of
one kind sort by birth as plain text. Within one process and millisecond the random part counts upwards. This module
never stores or looks up an id.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, NewType, TypeVar

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import InvalidInput

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_VALID = frozenset(_ALPHABET)
_LENGTH = 26
_RANDOM_BITS = 80
_HALF = 1 << 60
_LOW = (1 << 20) - 1
"""What the last four characters say."""
_LOW_SHIFTS, _HIGH_SHIFTS = range(50, -1, -10), range(60, -1, -10)

T = TypeVar("T", bound=str)
ActorId = NewType("ActorId", str)
EventId = NewType("EventId", str)
RequestId = NewType("RequestId", str)


class _Source:
    """Draws ULID bodies; strictly growing within the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_ms = -1
        self._random = 0
        self._head = ""
        os.register_at_fork(after_in_child=self._reseed)

    def _reseed(self) -> None:
        self._lock = threading.Lock()
        self._last_ms = -1

    def draw(self, now_ms: int) -> str:
        with self._lock:
            if now_ms > self._last_ms:
                self._last_ms = now_ms
                self._random = int.from_bytes(os.urandom(10)) >> 1  # the free top bit leaves room to count upwards
                self._head = ""
            else:
                self._random += 1
            low = self._random & _LOW
            if not (low and self._head):  # the first that begins so
                self._head = _encode((self._last_ms << _RANDOM_BITS) | self._random)[:-4]
            return self._head + _PAIRS[low >> 10] + _PAIRS[low & 1023]


def _encode(value: int) -> str:
    high, value = divmod(value, _HALF)  # small numbers are quicker to take apart
    low = [_PAIRS[value >> shift & 1023] for shift in _LOW_SHIFTS]
    return "".join([*[_PAIRS[high >> shift & 1023] for shift in _HIGH_SHIFTS], *low])


_source = _Source()


class IdKind(Generic[T]):
    """One kind of id: its prefix and its static type.

    >>> RUN = IdKind("run", RequestId)
    >>> RUN.parse("run_01HZZZZZZZZZZZZZZZZZZZZZZZ")
    'run_01HZZZZZZZZZZZZZZZZZZZZZZZ'
    """

    __slots__ = ("_head", "_type", "prefix")

    def __init__(self, prefix: str, type_: Callable[[str], T]) -> None:
        self.prefix = prefix
        self._head = prefix + "_"
        self._type = type_

    def new(self, clock: Clock) -> T:
        """A fresh id, born now; ids of one process sort by birth."""
        return self._type(self._head + _source.draw(clock.now_ms()))

    def parse(self, text: str) -> T:
        """`text` as an id of this kind.

        Raises:
            InvalidInput: the text has another prefix or shape.
        """
        body = text.removeprefix(self._head)
        if len(body) != _LENGTH or len(text) == len(body) or not _VALID.issuperset(body):
            raise InvalidInput(f"{text[:60]!r} is not a {self.prefix} id; one looks like {self._head}01J9ZQ3V7W…")
        return self._type(text)


EVENT = IdKind("ev", EventId)
REQUEST = IdKind("req", RequestId)
ACTOR = IdKind("actor", ActorId)
