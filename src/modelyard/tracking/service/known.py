"""Runs as they were read last, kept in memory while their rows stand as they stood then."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.kernel.kept import Kept
from modelyard.ports.database import Row, Transaction
from modelyard.tracking.api import Run
from modelyard.tracking.store import runs as store

MOST_ENTRIES = 50_000
"""Last points, params and tags of all kept runs together: some 12 MB."""


class Known:
    """Runs by their numbers; beyond `most_entries` the longest unasked ones go.

    Each time a run's row is read with its document and with what its series stand at: if any of it changed, all is read
    anew. So it holds beside other processes too, and judges nobody.
    """

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self._runs = Kept[int, tuple[Row, Run]](most_entries, _entries)

    @property
    def held_entries(self) -> int:
        """How much is kept."""
        return self._runs.held

    def several(self, tx: Transaction, numbers: Sequence[int]) -> list[Run]:
        """Runs by their numbers, in the order given, as the transaction sees them."""
        rows = store.marked(tx, numbers)
        kept = {row[0]: held[1] for row in rows if (held := self._runs.get(row[0])) and held[0] == row}
        found = store.hydrate(tx, rows, kept)
        for row, run in zip(rows, found, strict=True):
            if kept.get(row[0]) is not run:
                self._runs.put(row[0], (row, run))
        return found


def _entries(held: tuple[Row, Run]) -> int:
    _, run = held
    return 1 + len(run.metrics) + len(run.params) + len(run.tags)
