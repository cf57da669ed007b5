"""The bootstrap: figures over a thousand resamples of the same rows, at a cost that hardly grows with the rows.

Few rows are drawn one by one. Of many, less is drawn instead, from the same distribution:

- Counts of cells. To draw rows with replacement and count those of each cell is to draw the counts from a multinomial
  (Efron & Tibshirani 1993, ch. 6). Rows are put into cells by how far each moves the figure (its influence: Hampel
  1974), so rows that move it alike share a cell and the few that move it far have one of their own. Where all rows of
  a cell are alike (hits and misses, labels, few distinct scores) that is the bootstrap of rows itself; where they are
  not, the mean of what differs inside cells, many small parts, is drawn from the normal distribution of that variance.
- For the time that a share of answers took: counts of the rows near that share by themselves, all others as below or
  above it. A resample's share falls among the near rows but for one in 10^11.
- For rates of groups: how many of each group said yes, again a multinomial.

The same rows give the same resamples. Two models are resampled together: the figure is their difference on one draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelyard.registry.api import Metric
from modelyard.registry.model import scoring
from modelyard.registry.model.scoring import Answers, Floats, Moments

RESAMPLES = 1000
_FEWEST = 200
_PLAIN_ROWS = 2000
"""Up to so many rows each row is drawn by itself where a figure is more than a function of means."""
_PLAIN_ROWS_OF_MEANS = 250
_CELLS = 128
_NEAR = 7.0
"""How many standard deviations of a resample's count rows may lie from the share and still be near."""
_CHUNK_CELLS = 500_000
_MOST_CELLS = 20_000_000
_NOTHING = 1e-12
"""Parts of a variance below this are rounding."""


def spread(
    metrics: Sequence[Metric], candidate: Answers, champion: Answers | None = None, *, seed: int = 0
) -> list[Floats]:
    """Each metric over all resamples, (resamples,) each: of one model, or how far it is ahead of another."""
    few = [m for m in metrics if len(candidate) <= _most_plain(m)]
    found = dict(zip(few, plain(few, candidate, champion, seed=seed), strict=True)) if few else {}
    for metric in metrics:
        if metric not in found:
            found[metric] = _drawn(metric, candidate, champion, np.random.default_rng(seed))
    return [found[metric] for metric in metrics]


def _most_plain(metric: Metric) -> int:
    return _PLAIN_ROWS if metric is Metric.AUC or metric.is_time else _PLAIN_ROWS_OF_MEANS


def plain(
    metrics: Sequence[Metric], candidate: Answers, champion: Answers | None = None, *, seed: int = 0
) -> list[Floats]:
    """The same with each row drawn by itself: every metric by the same resamples, at a cost of rows times resamples."""
    figures: list[Callable[[Floats], Floats]] = [
        partial(scoring.measure, m, candidate)
        if champion is None
        else partial(scoring.advantage, m, candidate, champion)
        for m in metrics
    ]
    found: list[list[Floats]] = [[] for _ in figures]
    for weights in resamples(len(candidate), seed):
        for each, figure in zip(found, figures, strict=True):
            each.append(figure(weights))
    return [np.concatenate(each) for each in found]


def resamples(rows: int, seed: int) -> Iterator[Floats]:
    """Chunks of weights, a thousand resamples in all, the same for a seed."""
    rng = np.random.default_rng(seed)
    size = max(1, _CHUNK_CELLS // max(rows, 1))
    for start in range(0, RESAMPLES, size):
        chunk = np.empty((min(size, RESAMPLES - start), rows))
        for row in chunk:
            row[:] = np.bincount(rng.integers(0, rows, rows), minlength=rows)
        yield chunk


def counts(sizes: NDArray[np.intp], rng: np.random.Generator) -> Iterator[Floats]:
    """Chunks of how many rows of each cell a resample holds, (resamples, cells); fewer resamples of very many cells."""
    left = int(min(RESAMPLES, max(_FEWEST, _MOST_CELLS // len(sizes))))
    size = max(1, _CHUNK_CELLS // len(sizes))
    rows = int(sizes.sum())
    while left > 0:
        chunk = min(size, left)
        yield np.asarray(rng.multinomial(rows, sizes / rows, size=chunk), dtype=np.float64)
        left -= chunk


def _drawn(metric: Metric, candidate: Answers, champion: Answers | None, rng: np.random.Generator) -> Floats:
    both = [candidate] if champion is None else [candidate, champion]
    if metric in scoring.SHARES:
        timed = all(a.latencies is not None for a in both)
        found = _times(scoring.SHARES[metric], both, rng) if timed else np.full(1, np.nan)
        return found if champion is None or metric.more_is_better else -found
    ours = scoring.moments(metric, candidate)
    if champion is None:
        return _figures(ours, len(candidate), rng)
    ahead = _figures(_difference(ours, scoring.moments(metric, champion)), len(candidate), rng)
    return ahead if metric.more_is_better else -ahead


def _difference(ours: Moments, theirs: Moments) -> Moments:
    """One figure less the other; what differs has columns of its own, so that two equal models differ by nothing."""

    def columns(at: slice) -> Floats:
        one = ours.columns(at)
        return np.concatenate([one, one - theirs.columns(at)], axis=1)

    def figure(means: Floats) -> Floats:
        one, apart = np.split(means, 2, axis=1)
        return ours.figure(one) - theirs.figure(one - apart)

    return Moments(columns, figure, ours.kinds)


def _figures(known: Moments, rows: int, rng: np.random.Generator) -> Floats:
    """A figure over resamples, from counts of cells and the variance inside them; NaN if all rows do not allow it."""
    known = known.held(rows)
    centre, scale = _centre(known, rows)
    if not np.isfinite(known.figure(centre[None])).all():
        return np.full(1, np.nan)
    cells = _cells(known, rows, centre, scale)
    width = len(centre)
    sums, squares = np.zeros((len(cells.sizes), width)), np.zeros((width, width))
    for at, columns in known.slices(rows):
        away = (columns - centre) / scale
        squares += away.T @ away
        for column in range(width):
            sums[:, column] += np.bincount(cells.of[at], weights=away[:, column], minlength=len(cells.sizes))
    means = sums / cells.sizes[:, None]
    inside = (squares - means.T @ sums) / rows
    parts, axes = np.linalg.eigh((inside + inside.T) / 2)
    reach = axes * np.sqrt(np.where(parts > _NOTHING, parts, 0.0) / rows)
    found: list[Floats] = []
    for chunk in counts(cells.sizes, rng):
        noise = rng.standard_normal((len(chunk), width)) @ reach.T * np.sqrt(chunk @ cells.unrest)[:, None]
        found.append(known.figure(centre + (chunk @ means / rows + noise) * scale))
    return np.concatenate(found)


def _centre(known: Moments, rows: int) -> tuple[Floats, Floats]:
    """The mean of each column and its standard deviation; 1 in place of one that rounding alone has made."""
    _, first = next(known.slices(rows))
    near = first.mean(axis=0)
    total, squares = np.zeros(len(near)), np.zeros(len(near))
    for _, columns in known.slices(rows):
        total += (columns - near).sum(axis=0)
        squares += np.square(columns - near).sum(axis=0)
    away = total / rows
    variance = squares / rows - np.square(away)
    alive = variance > _NOTHING * np.square(near)
    return near + away, np.where(alive, np.sqrt(np.maximum(variance, 0.0)), 1.0)


class _Cells(NamedTuple):
    """Rows in cells.

    Attributes:
        of: the cell of each row, numbered from 0 without gaps, (rows,).
        sizes: how many rows are in each, (cells,).
        unrest: the part that one row of a cell has in all variance inside cells, (cells,).
    """

    of: NDArray[np.intp]
    sizes: NDArray[np.intp]
    unrest: Floats


def _cells(known: Moments, rows: int, centre: Floats, scale: Floats) -> _Cells:
    """Rows in cells by kind, and by equal steps of how far each moves the figure."""
    step = np.diag(scale / np.sqrt(rows))
    slope = (known.figure(centre + step) - known.figure(centre - step)) / 2
    moves = np.empty(rows)
    for at, columns in known.slices(rows):
        moves[at] = (columns - centre) / scale @ np.where(np.isfinite(slope), slope, 0.0)
    low, high = float(moves.min()), float(moves.max())
    steps = _CELLS / (high - low) if high > low else 0.0
    places = np.minimum(((moves - low) * steps).astype(np.intp), _CELLS - 1)
    if known.kinds is not None:
        places += known.kinds * _CELLS
    used = np.bincount(places) > 0
    of = np.asarray((np.cumsum(used) - 1)[places], dtype=np.intp)
    sizes = np.bincount(of)
    moves -= (np.bincount(of, weights=moves) / sizes)[of]
    inside = np.bincount(of, weights=np.square(moves))
    whole = float(inside.sum())
    unrest = inside / sizes / whole if whole > 0 else np.full(len(sizes), 1 / rows)
    return _Cells(of, sizes, np.asarray(unrest, dtype=np.float64))


def _times(share: float, both: Sequence[Answers], rng: np.random.Generator) -> Floats:
    """The least time within which a share of answers came; of two models, how much longer the first took."""
    rows = len(both[0])
    reach = _NEAR * np.sqrt(rows * share * (1 - share)) + 1
    first, end = max(0, int(share * rows - reach)), min(rows, int(share * rows + reach) + 1)
    near = np.unique(np.concatenate([answers.by_time[first:end] for answers in both]))
    corner = np.zeros(rows, dtype=np.int8)
    for number, answers in enumerate(both):
        corner[answers.by_time[end:]] += 1 << number
    far = np.bincount(np.delete(corner, near), minlength=4)
    views = [_View(answers, near, number) for number, answers in enumerate(both)]
    found = np.empty(RESAMPLES)
    drawn = rng.multinomial(rows, np.r_[far, len(near)] / rows, size=RESAMPLES)
    for number, (*beyond, within) in enumerate(drawn.tolist()):
        weights = np.bincount(rng.integers(0, len(near), within), minlength=len(near))
        values = [view.value(share * rows, weights, beyond) for view in views]
        found[number] = values[0] if len(values) == 1 else values[0] - values[1]
    return found


class _View:
    """One model's times over the rows near its share or near that of the other.

    Args:
        answers: of all rows.
        near: the rows that are counted by themselves.
        bit: which bit of a corner's number says that its rows lie above this model's near rows.
    """

    def __init__(self, answers: Answers, near: NDArray[np.intp], bit: int) -> None:
        ranks = np.empty(len(answers), dtype=np.intp)
        ranks[answers.by_time] = np.arange(len(answers))
        self._by = np.argsort(ranks[near])
        self._values = np.empty(0) if answers.latencies is None else answers.latencies[near[self._by]]
        self._below = [corner for corner in range(4) if not corner >> bit & 1]

    def value(self, wanted: float, weights: NDArray[np.intp], beyond: Sequence[int]) -> float:
        """The time of the first row up to which `wanted` rows are counted."""
        grown = np.cumsum(weights[self._by]) + sum(beyond[corner] for corner in self._below)
        return float(self._values[min(int(np.searchsorted(grown, wanted)), len(grown) - 1)])
