"""How far a column lies from a reference version: a sketch of the reference in bins, and three distances on it.

Numbers fall into at most 100 bins of about equal share of the reference, texts into one bin for each frequent value.
Counts are exact, so a distance between a version and itself is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from modelyard.quality.api import Distance

BINS = 100
CATEGORIES = 100
_COARSE = 10


class Sketch(Struct, frozen=True, kw_only=True):
    """A column of the reference.

    Attributes:
        edges: upper ends of the bins of numbers, themselves within; the last bin is open. None for texts.
        labels: the frequent values of texts; a last bin holds all others. None for numbers.
        counts: rows in each bin, one more than there are edges or labels.
        missing: rows without a value, or without a finite one.
    """

    edges: tuple[float, ...] | None
    labels: tuple[str, ...] | None
    counts: tuple[int, ...]
    missing: int


def distance(kind: Distance, sketch: Sketch, counts: Sequence[int], missing: int) -> float:
    """The distance of rows from the reference, from 0 on; missing values are a bin of their own for psi and tv.

    Sources: psi is the sum of (p - q) ln(p / q) over ten bins of about equal share (Siddiqi 2006), with half a row
    added to each bin so that an empty one stays finite. ks is the largest gap of the two cumulative shares (Smirnov
    1948), read at the edges of the sketch: up to one bin's share below the exact one. tv is half the sum of |p - q|.

    Args:
        counts: rows in the sketch's bins.
    """
    if kind is Distance.KS:
        return _gap(sketch.counts, counts)
    before, now = list(sketch.counts), list(counts)
    if sketch.edges is not None:
        before, now = _coarse(before, now)
    if sketch.missing or missing:
        before.append(sketch.missing)
        now.append(missing)
    if kind is Distance.TV:
        p, q = _shares(now), _shares(before)
        return sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
    p, q = _shares([n + 0.5 for n in now]), _shares([n + 0.5 for n in before])
    return sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))


def _shares(counts: Sequence[float]) -> list[float]:
    whole = sum(counts)
    return [count / whole if whole else 0.0 for count in counts]


def _gap(before: Sequence[int], now: Sequence[int]) -> float:
    largest = p = q = 0.0
    for a, b in zip(_shares(now), _shares(before), strict=True):
        p, q = p + a, q + b
        largest = max(largest, abs(p - q))
    return largest


def _coarse(before: Sequence[int], now: Sequence[int]) -> tuple[list[int], list[int]]:
    """Neighbouring bins put together until each holds about a tenth of the reference."""
    whole, known, fresh = sum(before), [0], [0]
    for a, b in zip(before, now, strict=True):
        if known[-1] * _COARSE >= whole and known[-1]:
            known.append(0)
            fresh.append(0)
        known[-1] += a
        fresh[-1] += b
    return known, fresh
