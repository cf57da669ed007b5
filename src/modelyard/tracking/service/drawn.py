"""What charts drew last, kept in memory while the series it was drawn from stands as it stood then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

MOST_BYTES = 16 << 20


class Drawn:
    """Packed series by a mark that says all they were drawn from; beyond `most_bytes` the longest unused ones go.

    It judges nobody: whoever asks has passed the guard, and names the runs anew each time.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held = 0
        self._blocks: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """How much is kept."""
        return self._held

    def block(self, mark: Hashable, draw: Callable[[], bytes]) -> bytes:
        """What is kept under the mark, or what `draw` draws, kept from now on."""
        with self._lock:
            if (found := self._blocks.get(mark)) is not None:
                self._blocks.move_to_end(mark)
                return found
        made = draw()  # outside the lock: two who ask at once may both draw, and draw the same
        with self._lock:
            if mark not in self._blocks and len(made) <= self._most_bytes:
                self._blocks[mark] = made
                self._held += len(made)
            while self._held > self._most_bytes:
                _, gone = self._blocks.popitem(last=False)
                self._held -= len(gone)
        return made
