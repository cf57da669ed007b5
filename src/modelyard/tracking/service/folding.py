"""Folding: packed calls in the tail become chunks, outside the writer's turn.

A run is folded when its tail is long, when it is over, or when it has rested for a minute; the few points of a small
run that is over stay as they came, which is quicker to read and smaller than a chunk for each name. The slow part
(reading, sorting out what is twice there, packing) uses a snapshot; then one short unit swaps rows for chunks, unless
somebody else folded that run meanwhile.
"""

from __future__ import annotations

from functools import partial

from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.hot import HotLog, Waiting
from modelyard.tracking.model.series import CHUNK, Series, encode, joined, span
from modelyard.tracking.store import series as store

CALLS = 512
POINTS = 65_536
REST_MS = 60_000
FEW_CALLS = 16
FEW_POINTS = 256
_RUNS_A_ROUND = 50


class Folding:
    """The duty that folds."""

    def __init__(self, log: HotLog) -> None:
        self._log = log
        self._looked = False

    def round(self) -> int:
        """Fold what is due; how many runs were folded."""
        call = calls.current()
        if not self._looked:
            self._recall(call.tx, call.now_ms)
        if self._log.unproven:
            self._log.prove(call.tx)
        due: list[int] = []
        for run, w in list(self._log.waiting.items()):
            if w.is_over and _is_short(w.calls, w.points):
                self._log.waiting.pop(run, None)
            elif _is_due(w, call.now_ms):
                due.append(run)
        return sum(self._fold(run) for run in due[:_RUNS_A_ROUND])

    def fold_all(self) -> int:
        """Fold every tail there is; for tests, backups and before measuring sizes."""
        tails = [run for run, _, _ in store.tail_sizes(calls.current().tx)]
        return sum(self._fold(run) for run in tails)

    def _recall(self, tx: Transaction, now_ms: int) -> None:
        for run, count, points in store.tail_sizes(tx):
            if not _is_short(count, points):
                self._log.hint(run, calls=count, points=points, now_ms=now_ms)
        self._looked = True

    def _fold(self, run: int) -> bool:
        call = calls.current()
        self._log.waiting.pop(run, None)
        folds = store.folds_of(call.tx, run)
        identity = store.identity_of(call.tx, run)
        rows = store.tail_of(call.tx, run)
        if not rows or folds is None or identity is None:
            return False
        parts = joined(row.body for row in rows)
        chunks = [chunk for key, part in parts.items() for chunk in _chunks(call.tx, run, key, part)]
        return call.unit(partial(_swap, (run, identity), folds, rows, chunks))


def _swap(run: tuple[int, str], folds: int, rows: list[store.TailRow], chunks: list[store.Chunk]) -> bool:
    number, identity = run
    return store.put_folded(calls.current().tx, number, identity=identity, folds=folds, rows=rows, chunks=chunks)


def _is_short(count: int, points: int) -> bool:
    return count <= FEW_CALLS and points <= FEW_POINTS


def _is_due(waiting: Waiting, now_ms: int) -> bool:
    return (
        waiting.is_over or waiting.calls >= CALLS or waiting.points >= POINTS or now_ms - waiting.touched_ms >= REST_MS
    )


def _chunks(tx: Transaction, run: int, key: int, part: Series) -> list[store.Chunk]:
    spans = store.spans_of(tx, run, key)
    new = store.unfolded(tx, run, key, part, spans=spans)
    if not len(new):
        return []
    seq = spans[-1][0] + 1 if spans else 0
    if spans and spans[-1][1].points < CHUNK:  # fill up the last one, which is not full
        seq = spans[-1][0]
        whole = store.chunk(tx, run, key, seq)
        whole.extend(new)
        new = whole
    pieces = [new.slice(start, start + CHUNK) for start in range(0, len(new), CHUNK)]
    return [store.Chunk(key, seq + i, span(piece), encode(piece)) for i, piece in enumerate(pieces)]
