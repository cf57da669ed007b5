"""Values kept in memory under a bound: the ones that were asked for longest ago go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """A mapping that forgets, for any number of threads.

    Args:
        most: what all values together may weigh; one that weighs more by itself is not kept.
        weigh: what a value weighs, always the same for one value.
    """

    def __init__(self, most: int, weigh: Callable[[V], int]) -> None:
        self._most = most
        self._weigh = weigh
        self._held = 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    @property
    def held(self) -> int:
        """What all values together weigh."""
        return self._held

    def get(self, key: K) -> V | None:
        """The value of a key, which from now on was asked for last; None if it is not kept."""
        with self._lock:
            if (found := self._values.get(key)) is not None:
                self._values.move_to_end(key)
            return found

    def put(self, key: K, value: V) -> None:
        """Keep a value, in the place of the one that the key had."""
        weight = self._weigh(value)
        with self._lock:
            if (old := self._values.pop(key, None)) is not None:
                self._held -= self._weigh(old)
            if weight > self._most:
                return
            self._values[key] = value
            self._held += weight
            while self._held > self._most:
                self._held -= self._weigh(self._values.popitem(last=False)[1])
