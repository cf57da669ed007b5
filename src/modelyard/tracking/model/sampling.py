"""Choosing which points of a series to show: evenly many of them, or the extremes of each bucket.

Both keep the ends. Neither reads or stores anything.
"""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from modelyard.tracking.model.series import Series

_BLOCK = struct.Struct("<IId")


def evenly(series: Series, limit: int) -> Series:
    """At most `limit` points of a sorted series: the first of each of `limit` equal groups, and the last point.

    Groups are as SQL's NTILE makes them: the first ones are larger by one where the count does not divide.
    """
    count = len(series)
    if count <= limit:
        return series
    size, larger = divmod(count, limit)
    places = [i * size + min(i, larger) for i in range(limit)]
    places[-1] = count - 1
    return series.chosen(places)


def between(xs: Sequence[float], first: float, last: float) -> slice:
    """Where the points from `first` to `last` stand, both ends and one more on each side included; x must be sorted."""
    return slice(max(0, bisect_left(xs, first) - 1), bisect_right(xs, last) + 1)


def extremes(xs: Sequence[float], ys: array[float], buckets: int) -> tuple[Sequence[float], array[float]]:
    """The lowest and the highest point of each of `buckets` equal stretches of x, in x order; x must be sorted.

    Points whose y is not a number are left out. The first and the last point stay.
    """
    if any(map(math.isnan, ys)):
        kept = [i for i, y in enumerate(ys) if not math.isnan(y)]
        xs, ys = [xs[i] for i in kept], array("d", [ys[i] for i in kept])
    count = len(xs)
    if count <= 2 * buckets:
        return xs, ys
    first, width = xs[0], (xs[-1] - xs[0]) or 1.0
    places: list[int] = []
    start = 0
    for bucket in range(buckets):
        bound = first + width * (bucket + 1) / buckets
        stop = bisect_left(xs, bound, start) if bucket < buckets - 1 else count
        if stop > start:
            part = ys[start:stop]
            low, high = start + part.index(min(part)), start + part.index(max(part))
            places += (low, high)
        start = stop
    places = sorted({0, count - 1, *places})
    return [xs[i] for i in places], array("d", [ys[i] for i in places])


def smoothed(ys: array[float], half: int) -> array[float]:
    """The mean of each value with up to `half` before and after it; what is not a finite number counts for nothing."""
    count = len(ys)
    plain = array("d", [y if math.isfinite(y) else 0.0 for y in ys])
    sums = array("d", accumulate(plain, initial=0.0))
    if plain == ys:
        known: Sequence[int] = range(count + 1)
    else:
        known = array("q", accumulate(map(int, map(math.isfinite, ys)), initial=0))
    found = array("d")
    for i in range(count):
        low, high = max(0, i - half), min(count, i + half + 1)
        many = known[high] - known[low]
        found.append((sums[high] - sums[low]) / many if many else math.nan)
    return found


def block(xs: Sequence[float], ys: array[float]) -> bytes:
    """One series of a chart: count, zero, where x begins (float64), then x after that and y, both float32 (an
    infinity where that is too narrow).
    """
    origin = xs[0] if xs else 0
    return _BLOCK.pack(len(xs), 0, origin) + array("f", [x - origin for x in xs]).tobytes() + array("f", ys).tobytes()
