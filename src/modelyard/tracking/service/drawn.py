"""What charts drew last, kept in memory while the series it was drawn from stands as it stood then."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from modelyard.kernel.kept import Kept

MOST_BYTES = 16 << 20


class Drawn:
    """Packed series by a mark that says all they were drawn from; beyond `most_bytes` the longest unused ones go.

    It judges nobody: whoever asks has passed the guard, and names the runs anew each time.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._blocks = Kept[Hashable, bytes](most_bytes, len)

    @property
    def held_bytes(self) -> int:
        """How much is kept."""
        return self._blocks.held

    def block(self, mark: Hashable, draw: Callable[[], bytes]) -> bytes:
        """What is kept under the mark, or what `draw` draws, kept from now on."""
        if (found := self._blocks.get(mark)) is not None:
            return found
        made = draw()  # outside any lock: two who ask at once may both draw, and draw the same
        self._blocks.put(mark, made)
        return made
