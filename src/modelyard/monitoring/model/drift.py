"""The verdict on a window: column by column against the reference's sketch, with false discoveries held down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.monitoring.model import sketches
from modelyard.monitoring.model.discovery import false_discovery_rates
from modelyard.monitoring.model.samples import Categories, Counts, Numbers, Sample, moments
from modelyard.monitoring.model.sketches import Kind, Measure, Sketch


@dataclass(frozen=True, slots=True)
class Finding:
    """One column's judgement; attributes as in the api's `ColumnVerdict`."""

    name: str
    kind: Kind
    measure: Measure
    distance: float
    threshold: float
    p_value: float
    q_value: float
    drifted: bool
    null_share: float
    reference_null_share: float
    null_drifted: bool
    unseen: tuple[str, ...]
    unseen_share: float
    mean: float | None
    reference_mean: float | None
    shift: float | None
    stability: float


@dataclass(frozen=True, slots=True)
class _Test:
    known: Sketch
    sample: Sample
    counts: Counts
    squared: float
    p_values: float
    p_nulls: float


def judge(
    reference: Sequence[Sketch], window: Mapping[str, Sample], *, alpha: float, least_distance: float
) -> list[Finding]:
    """Judge every column of the reference that the window has.

    A column has drifted if its adjusted p-value is at most `alpha` and it moved at least `least_distance`: large
    windows make the smallest difference certain, which does not make it matter.

    Args:
        least_distance: on the scale of the column's own measure; for the null share it is a difference of shares.
    """
    tests = [_test(known, window[known.name]) for known in reference if known.name in window]
    # two questions a column, values and nulls: both stand in the list, so the rate holds over all of them
    q = false_discovery_rates([p for each in tests for p in (each.p_values, each.p_nulls)])
    return [_finding(each, q[2 * i], q[2 * i + 1], alpha=alpha, least=least_distance) for i, each in enumerate(tests)]


def _test(known: Sketch, sample: Sample) -> _Test:
    counts = sketches.counts_in(known, sample)
    squared = sketches.distance(known, known.measure, counts)
    present, rows = int(counts[:-1].sum()), int(counts.sum())
    reference_present = sum(known.counts[:-1])
    gap = (_share(counts[-1], rows) - _share(known.counts[-1], known.rows)) ** 2
    p_values = known.values_null.p_value(squared, present, reference_present) if present and reference_present else 1.0
    p_nulls = known.nulls_null.p_value(gap, rows, known.rows) if rows and known.rows else 1.0
    return _Test(known, sample, counts, squared, p_values, p_nulls)


def _share(part: int | np.int64, whole: int) -> float:
    return float(part) / whole if whole else 0.0


def _finding(test: _Test, q_values: float, q_nulls: float, *, alpha: float, least: float) -> Finding:
    known, counts = test.known, test.counts
    present, rows = int(counts[:-1].sum()), int(counts.sum())
    moved = sketches.plain(known.measure, test.squared)
    null_share, before = _share(counts[-1], rows), _share(known.counts[-1], known.rows)
    null_drifted = q_nulls <= alpha and abs(null_share - before) >= least
    limit = known.values_null.quantile(1 - alpha, present, sum(known.counts[:-1]))
    unseen, unseen_share = _unseen(known, test.sample, present)
    mean = _mean(test.sample)
    numeric = known.kind is Kind.NUMBER
    shift = (mean - known.mean) / known.scale if mean is not None and numeric and known.scale > 0 else None
    return Finding(
        name=known.name, kind=known.kind, measure=known.measure, distance=moved,
        threshold=max(sketches.plain(known.measure, limit), least), p_value=min(test.p_values, test.p_nulls),
        q_value=min(q_values, q_nulls), drifted=(q_values <= alpha and moved >= least) or null_drifted,
        null_share=null_share, reference_null_share=before, null_drifted=null_drifted,
        unseen=unseen, unseen_share=unseen_share, mean=mean, reference_mean=known.mean if numeric else None,
        shift=shift, stability=sketches.distance(known, Measure.PSI, counts),
    )  # fmt: skip


def _mean(sample: Sample) -> float | None:
    if isinstance(sample, Categories):
        return None
    found = moments(sample.values)
    return None if found is None else found[0]


def _unseen(known: Sketch, sample: Sample, present: int) -> tuple[tuple[str, ...], float]:
    """Categories that the reference never held, most frequent first, at most 20; and their share of the rows.

    Empty where the reference has more categories than a sketch keeps: then nobody knows.
    """
    if isinstance(sample, Numbers) or known.kind is Kind.NUMBER or len(known.labels) >= sketches.MOST_CATEGORIES:
        return (), 0.0
    seen = np.bincount(sample.codes + 1, minlength=len(sample.labels) + 1)[1:]
    held = set(known.labels)
    new = sorted((-int(n), label) for n, label in zip(seen, sample.labels, strict=True) if n and label not in held)
    return tuple(label for _, label in new[:20]), _share(-sum(n for n, _ in new), present)
