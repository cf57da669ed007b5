"""The sketch of a column: what a check needs to know of the reference, in a few kilobytes instead of its rows.

Numbers fall into at most 128 bins of about equal reference share, categories into one bin each; every sketch ends with
a bin for nulls. Counts are exact. A window is sketched into the same bins and compared; rows are not kept.
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from msgspec import Struct

from modelyard.monitoring.model import distances, nulls
from modelyard.monitoring.model.nulls import Null
from modelyard.monitoring.model.samples import BOUND, Categories, Counts, Floats, Numbers, Sample, moments

BINS = 128
BLOCKS = 200
MOST_CATEGORIES = 1_000
_SAMPLED = 1 << 16
_PSI_BINS = 10


class Kind(StrEnum):
    """What a column's values are."""

    NUMBER = "number"
    CATEGORY = "category"


class Measure(StrEnum):
    """The distance that decides."""

    KS = "ks"
    WASSERSTEIN = "wasserstein"
    PSI = "psi"
    JS = "js"


class Sketch(Struct, frozen=True, kw_only=True):
    """One column of the reference.

    Attributes:
        edges: upper ends of the number bins but the last, which is open.
        labels: the categories, most frequent first; a further bin holds all others.
        counts: rows in each bin; the last bin holds nulls.
        scale: standard deviation of the numbers.
        values_null, nulls_null: what the two statistics do when nothing has changed.
    """

    name: str
    kind: Kind
    measure: Measure
    rows: int
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 0.0
    values_null: Null
    nulls_null: Null


def sketch(
    name: str, sample: Sample, *, numbers: Measure, categories: Measure, window_rows: int, seed: int, ordered: bool
) -> Sketch:
    """Sketch a column of the reference and learn its null for windows of about `window_rows` rows.

    Args:
        numbers: the measure for numbers: ks, wasserstein or psi.
        categories: the measure for categories: js or psi.
        ordered: True if the rows stand in order of time, so that successive windows mean something.
    """
    labels: tuple[str, ...] = ()
    if isinstance(sample, Numbers):
        edges = _edges(sample.values)
        blocks = _number_blocks(sample.values, edges)
        about = moments(sample.values) or (0.0, 0.0)
        kind, measure = Kind.NUMBER, numbers
    else:
        labels, about, edges = _top(sample), (0.0, 0.0), np.empty(0)
        blocks = _category_blocks(sample, labels)
        kind, measure = Kind.CATEGORY, categories
    counts = blocks.sum(axis=0)
    values, absent = _split(blocks)
    moving = _statistic(measure, counts[:-1], widths=np.diff(edges), scale=about[1], rows=window_rows)
    reference_absent = float(absent.sum(axis=0)[1] / max(len(sample), 1))

    def missing(shares: Floats) -> Floats:
        return np.asarray((shares[..., 1] - reference_absent) ** 2, dtype=np.float64)

    present = max(1, round(window_rows * counts[:-1].sum() / max(len(sample), 1)))
    return Sketch(
        name=name, kind=kind, measure=measure, rows=len(sample), counts=tuple(int(c) for c in counts),
        edges=tuple(float(e) for e in edges), labels=labels, mean=about[0], scale=about[1],
        values_null=nulls.learn(
            moving, counts[:-1], rows=present, blocks=values if ordered else None, seed=seed
        ),
        nulls_null=nulls.learn(
            missing, absent.sum(axis=0), rows=window_rows, blocks=absent if ordered else None, seed=seed + 1
        ),
    )  # fmt: skip


def counts_in(known: Sketch, sample: Sample) -> Counts:
    """A window's rows in the bins of the sketch, `(bins,)`; a column that changed its kind is all "other"."""
    if known.kind is Kind.NUMBER and isinstance(sample, Numbers):
        return _sorted_counts(np.sort(sample.values), np.asarray(known.edges))
    if known.kind is Kind.CATEGORY and isinstance(sample, Categories):
        return np.asarray(_category_counts(sample, known.labels))
    if isinstance(sample, Numbers) and set(known.labels) <= {"true", "false"}:
        codes = np.where(
            np.isnan(sample.values), -1, np.where(sample.values == 0, 0, np.where(sample.values == 1, 1, 2))
        )
        return _category_counts(Categories(codes.astype(np.int64), ("false", "true", "")), known.labels)
    changed = np.zeros(len(known.counts), dtype=np.int64)
    changed[-2] = len(sample)
    return changed


def distance(known: Sketch, measure: Measure, counts: Counts) -> float:
    """How far a window's values lie from the reference's, on the squared scale that nulls are learnt on."""
    reference = np.asarray(known.counts, dtype=np.int64)
    rows = int(counts[:-1].sum())
    if rows == 0 or reference[:-1].sum() == 0:
        return 0.0
    widths = np.diff(np.asarray(known.edges))
    statistic = _statistic(measure, reference[:-1], widths=widths, scale=known.scale, rows=rows)
    return float(statistic((counts[:-1] / rows)[None, :])[0])


def plain(measure: Measure, squared: float) -> float:
    """The distance as people read it: the square root, but for the stability index, which is a square by nature."""
    return squared if measure is Measure.PSI else math.sqrt(max(squared, 0.0))


def _statistic(measure: Measure, counts: Counts, *, widths: Floats, scale: float, rows: int) -> nulls.Statistic:
    total = max(int(counts.sum()), 1)
    reference = counts / total

    def statistic(shares: Floats) -> Floats:
        match measure:
            case Measure.KS:
                return distances.kolmogorov_smirnov(shares, reference) ** 2
            case Measure.WASSERSTEIN:
                return distances.wasserstein(shares, reference, widths, scale) ** 2
            case Measure.JS:
                return distances.jensen_shannon(shares, reference)
            case Measure.PSI:
                new, old = distances.coarse(shares, reference, _PSI_BINS) if len(widths) else (shares, reference)
                return distances.population_stability(new, old, rows=rows, reference_rows=total)

    return statistic


def _edges(values: Floats) -> Floats:
    step = max(1, len(values) // _SAMPLED)
    some = values[::step]
    some = np.sort(np.clip(some[np.isfinite(some)], -BOUND, BOUND))
    if len(some) == 0:
        return np.zeros(1)
    unique = np.unique(some)
    if len(unique) < BINS:
        return unique
    at = (np.arange(1, BINS) * len(some)) // BINS
    return np.unique(some[at])


def _sorted_counts(values: Floats, edges: Floats) -> Counts:
    """Rows in each bin of sorted values, whose NaN stand last, and the nulls behind them."""
    ends = np.searchsorted(values, edges, side="right")
    present = int(np.searchsorted(values, np.inf, side="right"))
    return np.diff(ends, prepend=0, append=[present, len(values)]).astype(np.int64)


def _cut(rows: int) -> tuple[int, int]:
    """How many blocks, and of how many rows each; the last takes the rest."""
    blocks = max(1, min(BLOCKS, rows // 20))
    return blocks, rows // blocks


def _number_blocks(values: Floats, edges: Floats) -> Counts:
    blocks, size = _cut(len(values))
    whole = np.sort(values[: blocks * size].reshape(blocks, size), axis=1)
    found = np.stack([_sorted_counts(row, edges) for row in whole])
    if len(values) > blocks * size:
        found[-1] += _sorted_counts(np.sort(values[blocks * size :]), edges)
    return found


def _top(sample: Categories) -> tuple[str, ...]:
    seen = np.bincount(sample.codes + 1, minlength=len(sample.labels) + 1)[1:]
    order = np.argsort(-seen, kind="stable")[:MOST_CATEGORIES]
    return tuple(sample.labels[i] for i in order)


def _places(sample: Categories, labels: tuple[str, ...]) -> Counts:
    """The bin of each row: its category's, the one for all others, or the one for nulls."""
    known = {label: i for i, label in enumerate(labels)}
    table = np.array([*(known.get(label, len(labels)) for label in sample.labels), len(labels) + 1], dtype=np.int64)
    return np.asarray(table[sample.codes])


def _category_counts(sample: Categories, labels: tuple[str, ...]) -> Counts:
    return np.bincount(_places(sample, labels), minlength=len(labels) + 2)


def _category_blocks(sample: Categories, labels: tuple[str, ...]) -> Counts:
    blocks, size = _cut(len(sample))
    bins = len(labels) + 2
    block = np.minimum(np.arange(len(sample)) // max(size, 1), blocks - 1)
    flat = np.bincount(block * bins + _places(sample, labels), minlength=blocks * bins)
    return flat.reshape(blocks, bins)


def _split(blocks: Counts) -> tuple[Counts, Counts]:
    """Counts by values alone, and by present and absent."""
    absent = np.stack((blocks[:, :-1].sum(axis=1), blocks[:, -1]), axis=1)
    return blocks[:, :-1], absent
