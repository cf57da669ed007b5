"""Metric series as columns, and their packed forms: a batch in the tail, and a chunk of up to 4,096 points of one key.

A chunk holds steps and times as differences in the narrowest integer that takes them all (a constant difference takes
no room) and values as float64 with their bytes shuffled (all first bytes, then all second ones, ...), all of it under
zstd. Every bit of a value comes back, the payload of a not-a-number included. Little-endian. It never sorts or drops
a point unless told to.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise
from math import isnan
from operator import lt
from typing import NamedTuple

from backports import zstd

from modelyard.kernel.errors import Damaged
from modelyard.tracking.api.batches import HEAD

CHUNK = 4096
_VERSION = 1
_CHUNK_HEAD = struct.Struct("<BBBIqqqq")
"""Version, widths of the step and time differences, count, first step and time, their constant differences."""
_TYPES = {1: "b", 2: "h", 4: "i", 8: "q"}
_WRAP = 1 << 64
_HALF = 1 << 63


Key = tuple[int, int, float | None]
"""Time, step and value: what makes two points the same, as MLflow sees it; all not-a-numbers are one (None)."""


@dataclass(slots=True)
class Series:
    """Points of one key as columns."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        """The number of points."""
        return len(self.steps)

    def extend(self, other: Series) -> None:
        """Add the points of another series at the end."""
        self.steps.extend(other.steps)
        self.times.extend(other.times)
        self.values.extend(other.values)

    def add(self, step: int, at_ms: int, value: float) -> None:
        """Add one point at the end."""
        self.steps.append(step)
        self.times.append(at_ms)
        self.values.append(value)

    def slice(self, start: int, stop: int) -> Series:
        """The points from `start` up to `stop`."""
        return Series(self.steps[start:stop], self.times[start:stop], self.values[start:stop])

    def chosen(self, places: Iterable[int]) -> Series:
        """The points at these places, in this order."""
        order = list(places)
        return Series(
            array("q", [self.steps[i] for i in order]),
            array("q", [self.times[i] for i in order]),
            array("d", [self.values[i] for i in order]),
        )

    def keys(self) -> Iterator[Key]:
        """What tells each point from others."""
        for step, at, value in zip(self.steps, self.times, self.values, strict=True):
            yield at, step, None if isnan(value) else value

    def by_time(self) -> Series:
        """Sorted by time, then step, then value (a not-a-number counts as 0 and comes after it)."""
        return self._sorted(self.times, self.steps)

    def by_step(self) -> Series:
        """Sorted by step, then time, then value (a not-a-number counts as 0 and comes after it)."""
        return self._sorted(self.steps, self.times)

    def rises(self) -> bool:
        """True if each point is later than the one before it, so that none is there twice."""
        return _rises(self.times)

    def _sorted(self, first: array[int], second: array[int]) -> Series:
        if _rises(first):  # the common case
            return self
        keys = [(a, b, 0.0 if isnan(v) else v, isnan(v)) for a, b, v in zip(first, second, self.values, strict=True)]
        places = sorted(range(len(keys)), key=keys.__getitem__)
        return self if places == list(range(len(keys))) else self.chosen(places)


def _rises(numbers: array[int]) -> bool:
    return all(map(lt, numbers, islice(numbers, 1, None)))  # at the speed of C


class Span(NamedTuple):
    """What a chunk holds, without opening it; `low` and `high` are None where every value is not a number."""

    points: int
    first_step: int
    last_step: int
    first_ms: int
    last_ms: int
    low: float | None
    high: float | None


def span(series: Series) -> Span:
    """The bounds of a series that is not empty."""
    numbers = [v for v in series.values if not isnan(v)]
    return Span(
        len(series),
        min(series.steps),
        max(series.steps),
        min(series.times),
        max(series.times),
        min(numbers) if numbers else None,
        max(numbers) if numbers else None,
    )


def fresh(series: Series, known: set[Key]) -> Series:
    """The points that are not `known` and not given twice; `known` learns them."""
    places = []
    for i, key in enumerate(series.keys()):
        if key not in known:
            known.add(key)
            places.append(i)
    return series if len(places) == len(series) else series.chosen(places)


def unpack(body: bytes, wanted: int | None = None) -> dict[int, Series]:
    """The series of a packed batch by key number; with `wanted` that key alone.

    Raises:
        Damaged: the bytes are not a batch.
    """
    found: dict[int, Series] = {}
    place, end = 0, len(body)
    try:
        while place < end:
            number, count = HEAD.unpack_from(body, place)
            place += HEAD.size
            if wanted is None or number == wanted:
                at = [place + i * count * 8 for i in range(4)]
                one = Series()
                one.steps.frombytes(body[at[0] : at[1]])
                one.times.frombytes(body[at[1] : at[2]])
                one.values.frombytes(body[at[2] : at[3]])
                if len(one.values) != count:
                    raise Damaged("a batch of metric points is cut short")
                if number in found:
                    found[number].extend(one)
                else:
                    found[number] = one
            place += 24 * count
    except (struct.error, ValueError) as err:
        raise Damaged("a batch of metric points cannot be read") from err
    return found


def joined(bodies: Iterable[bytes]) -> dict[int, Series]:
    """The series of several packed batches by key number, in the order they came."""
    found: dict[int, Series] = {}
    for body in bodies:
        for key, part in unpack(body).items():
            found.setdefault(key, Series()).extend(part)
    return found


def encode(series: Series) -> bytes:
    """One key's points as a chunk."""
    step_width, step_by, steps = _differences(series.steps)
    time_width, time_by, times = _differences(series.times)
    raw = series.values.tobytes()
    shuffled = b"".join([raw[i::8] for i in range(8)])
    head = _CHUNK_HEAD.pack(
        _VERSION, step_width, time_width, len(series), series.steps[0], series.times[0], step_by, time_by
    )
    return head + zstd.compress(steps + times + shuffled, level=1)


def decode(body: bytes) -> Series:
    """The points of a chunk.

    Raises:
        Damaged: the bytes are not a chunk of a version known here.
    """
    try:
        version, step_width, time_width, count, step, at, step_by, time_by = _CHUNK_HEAD.unpack_from(body)
        if version != _VERSION:
            raise Damaged(f"a metric chunk has version {version}, this program reads {_VERSION}; use a newer one")
        rest = max(count - 1, 0)
        steps_end = rest * step_width
        times_end = steps_end + rest * time_width
        whole = times_end + 8 * count
        raw = zstd.ZstdDecompressor().decompress(body[_CHUNK_HEAD.size :], max_length=whole + 1)
    except (struct.error, zstd.ZstdError, KeyError) as err:
        raise Damaged("a metric chunk cannot be read") from err
    if len(raw) != whole:
        raise Damaged("a metric chunk is cut short or longer than its head says")
    plain = bytearray(8 * count)
    for i in range(8):
        plain[i::8] = raw[times_end + i * count : times_end + (i + 1) * count]
    values = array("d")
    values.frombytes(bytes(plain))
    return Series(
        _summed(step, step_by, step_width, raw[:steps_end], count),
        _summed(at, time_by, time_width, raw[steps_end:times_end], count),
        values,
    )


def _differences(numbers: array[int]) -> tuple[int, int, bytes]:
    steps = [b - a for a, b in pairwise(numbers)]
    if not steps:
        return 0, 0, b""
    low, high = min(steps), max(steps)
    if low < -_HALF or high >= _HALF:  # the difference of two int64 may need 65 bits: wrap around
        steps = [(d + _HALF) % _WRAP - _HALF for d in steps]
        low, high = min(steps), max(steps)
    if low == high:
        return 0, low, b""
    width = next(w for w in (1, 2, 4, 8) if -(1 << (8 * w - 1)) <= low and high < 1 << (8 * w - 1))
    return width, 0, array(_TYPES[width], steps).tobytes()


def _summed(first: int, by: int, width: int, raw: bytes, count: int) -> array[int]:
    if width:
        steps: Sequence[int] = array(_TYPES[width])
        steps.frombytes(raw)  # type: ignore[attr-defined]  # an array here; a Sequence for accumulate's sake
    elif by == 0:
        return array("q", [first]) * count
    else:
        last = first + by * (count - 1)
        if -_HALF <= last < _HALF:
            return array("q", range(first, last + (1 if by > 0 else -1), by))
        steps = [by] * (count - 1)
    sums = accumulate(steps, initial=first)
    try:
        return array("q", sums)
    except OverflowError:
        return array("q", [(s + _HALF) % _WRAP - _HALF for s in accumulate(steps, initial=first)])
