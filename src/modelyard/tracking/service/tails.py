"""Runs that go on: what came since a mark.

A mark is how often the run was folded, and the last row of its tail. Rows of a tail that is gone cannot be told one by
one: another number of folds means that the series are to be read anew.
"""

from __future__ import annotations

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.ports import calls
from modelyard.tracking.api import Real, RunStatus, Tail, real
from modelyard.tracking.api.tails import TailOperations
from modelyard.tracking.model.series import unpack
from modelyard.tracking.store import runs, series

MOST = 5000
"""Points told one by one; above that a reader is better served by the thinned series."""


class Tails(TailOperations):
    """The operations about runs that go on."""

    def tail(self, run: str, after: str = "") -> Tail:
        """Tell what a run has logged since a mark."""
        tx = calls.current().tx
        head = runs.head(tx, run)
        if head is None:
            raise NotFound(f"Run with id={run[:80]} not found")
        folds, last = series.folds_of(tx, head.id) or 0, 0
        if after:
            before, last = _read(after)
        end, points = series.tail_bounds(tx, head.id, last)
        mark, status = f"{folds}.{max(end, last if after and before == folds else 0)}", RunStatus(head.status)
        if not after:
            return Tail(run=run, mark=mark, status=status)
        if before != folds or points > MOST:
            return Tail(run=run, mark=f"{folds}.{end}", status=status, again=True)
        found: dict[int, list[tuple[int, int, Real]]] = {}
        for row in series.tail_after(tx, head.id, last) if points else ():
            for key, part in unpack(row.body).items():
                rows = zip(part.steps, part.times, map(real, part.values), strict=True)
                found.setdefault(key, []).extend(rows)
        names = series.names_of(tx, list(found))
        return Tail(run=run, mark=mark, status=status, points={names[key]: rows for key, rows in found.items()})

    def pulse(self) -> int:
        """Give a number that is another one whenever some run has logged a metric."""
        return series.pulse(calls.current().tx)


def _read(mark: str) -> tuple[int, int]:
    folds, dot, last = mark.partition(".")
    if not (dot and folds.isascii() and folds.isdigit() and last.isascii() and last.isdigit() and len(mark) < 40):
        raise InvalidInput("that is no mark of a tail; begin without one")
    return int(folds), int(last)
