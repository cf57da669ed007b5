"""Which predictions change between two versions on the same rows, and whether for better; pure arithmetic."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelyard.kernel.refs import Ref
from modelyard.registry.api import EvaluationRows, FlippedRow, Flips, Portion, SliceFlips, Task, Turn
from modelyard.registry.model.evaluating import answers_of, parts_of
from modelyard.registry.model.scoring import Answers, Floats

_Z = 1.959963984540054
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_TOLERANCE = 0.1
_MOST_SLICES = 20
_MOST_EXAMPLES = 50
Flags = NDArray[np.bool_]


def portion(rows: int, of: int) -> Portion:
    """A share with its 95 % interval (Wilson 1927); of no rows the interval is all there is.

    >>> portion(0, 100).low, round(portion(0, 100).high, 4)
    (0.0, 0.037)
    """
    if of == 0:
        return Portion(rows=0, share=0.0, low=0.0, high=1.0)
    share, room = rows / of, _Z * _Z / of
    middle = (share + room / 2) / (1 + room)
    reach = _Z * sqrt(share * (1 - share) / of + room / of / 4) / (1 + room)
    low = 0.0 if rows == 0 else max(0.0, middle - reach)
    high = 1.0 if rows == of else min(1.0, middle + reach)
    return Portion(rows=rows, share=share, low=low, high=high)


def flips(
    dataset: str, task: Task, candidate: tuple[EvaluationRows, float], champion: tuple[EvaluationRows, float], *,
    data: Ref | None = None,
) -> Flips:  # fmt: skip
    """What changes where two versions answered the same rows (rows and threshold of each)."""
    rows, ours, theirs = candidate[0], answers_of(*candidate), answers_of(*champion)
    move = ours.scores - theirs.scores
    if task is Task.BINARY:
        changed, better, worse = _turned(ours, theirs)
        tolerance = None
    else:
        tolerance = float(_TOLERANCE * ours.labels.std())
        changed, better, worse = _moved(ours, theirs, move, tolerance)
    count = len(ours)
    return Flips(
        dataset=dataset, task=task, rows=count, thresholds=(theirs.threshold, ours.threshold),
        changed=portion(int(changed.sum()), count), better=portion(int(better.sum()), count),
        worse=portion(int(worse.sum()), count), turns=_turns(ours, theirs) if task is Task.BINARY else (),
        tolerance=tolerance, data=data, slices=_slices(rows, changed, better, worse),
        quantiles={} if task is Task.BINARY else {f"{q:g}": float(np.quantile(move, q)) for q in _QUANTILES},
        examples=_examples(rows, ours, theirs, changed, np.where(worse, 2.0, 0.0) + _ranked(move)),
    )  # fmt: skip


def _turned(ours: Answers, theirs: Answers) -> tuple[Flags, Flags, Flags]:
    after, before, truth = _yes(ours), _yes(theirs), ours.labels > 0.5
    changed = after != before
    return changed, changed & (after == truth), changed & (after != truth)


def _moved(ours: Answers, theirs: Answers, move: Floats, tolerance: float) -> tuple[Flags, Flags, Flags]:
    changed = np.abs(move) > tolerance
    nearer = np.abs(theirs.scores - ours.labels) - np.abs(ours.scores - ours.labels)
    return changed, changed & (nearer > 0), changed & (nearer < 0)


def _yes(answers: Answers) -> Flags:
    return np.asarray(answers.scores >= answers.threshold, dtype=np.bool_)


def _turns(ours: Answers, theirs: Answers) -> tuple[Turn, ...]:
    after, before, truth = _yes(ours), _yes(theirs), ours.labels > 0.5
    cells = ((a, b, (before == bool(a)) & (after == bool(b))) for a in (0, 1) for b in (0, 1))
    return tuple(Turn(before=a, after=b, rows=int(c.sum()), true_rows=int((c & truth).sum())) for a, b, c in cells)


def _slices(rows: EvaluationRows, changed: Flags, better: Flags, worse: Flags) -> tuple[SliceFlips, ...]:
    made = [
        SliceFlips(
            group=name, rows=len(inside), changed=portion(int(changed[inside].sum()), len(inside)),
            better=int(better[inside].sum()), worse=int(worse[inside].sum()),
        )
        for name, inside in parts_of(rows)
    ]  # fmt: skip
    found = sorted((s for s in made if s.changed.rows), key=lambda s: (-s.changed.low, s.group))
    return tuple(found[:_MOST_SLICES])


def _ranked(move: Floats) -> Floats:
    """How far each score moved, as a part of the farthest."""
    farthest = float(np.abs(move).max())
    return np.abs(move) / farthest if farthest > 0 else np.abs(move)


def _examples(
    rows: EvaluationRows, ours: Answers, theirs: Answers, changed: Flags, rank: Floats
) -> tuple[FlippedRow, ...]:  # fmt: skip
    places = np.flatnonzero(changed)
    places = places[np.argsort(-rank[places], kind="stable")][:_MOST_EXAMPLES]
    return tuple(
        FlippedRow(
            row=int(at), id=rows.ids[at] if rows.ids else "", truth=float(ours.labels[at]),
            before=float(theirs.scores[at]), after=float(ours.scores[at]),
            groups={column: values[at] for column, values in rows.groups.items()},
        )
        for at in places
    )  # fmt: skip
