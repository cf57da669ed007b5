"""Runs as they were read last, kept in memory while their rows stand as they stood then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

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
        self._most_entries = most_entries
        self._held = 0
        self._runs: OrderedDict[int, tuple[Row, Run]] = OrderedDict()
        self._lock = Lock()

    @property
    def held_entries(self) -> int:
        """How much is kept."""
        return self._held

    def several(self, tx: Transaction, numbers: Sequence[int]) -> list[Run]:
        """Runs by their numbers, in the order given, as the transaction sees them."""
        rows = store.marked(tx, numbers)
        with self._lock:
            kept = {row[0]: held[1] for row in rows if (held := self._runs.get(row[0])) and held[0] == row}
        found = store.hydrate(tx, rows, kept)
        with self._lock:
            for row, run in zip(rows, found, strict=True):
                self._keep(row, run)
            while self._held > self._most_entries:
                self._held -= _entries(self._runs.popitem(last=False)[1][1])
        return found

    def _keep(self, row: Row, run: Run) -> None:
        old = self._runs.pop(row[0], None)
        self._held += _entries(run) - (_entries(old[1]) if old else 0)
        self._runs[row[0]] = (row, run)


def _entries(run: Run) -> int:
    return 1 + len(run.metrics) + len(run.params) + len(run.tags)
