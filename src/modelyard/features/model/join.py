"""The offline engine: what a view's features were at the moment of each label, over Arrow columns.

The source becomes a log sorted by (key, event, created, arrival). Key and time fold into one integer, so that a label
finds its row by one binary search and a window its two ends by two. No label row is lost, doubled or moved. The rules
are those of `semantics`; this module only makes them fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modelyard.features.api import Aggregate, FeatureType
from modelyard.features.model.semantics import Output, Plan
from modelyard.features.model.windows import over_ranges

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_ROOM = 1 << 62
PRESENT, MISSING, EXPIRED = 0, 1, 2


@dataclass(frozen=True)
class Rows:
    """A source as it was read.

    Attributes:
        keys: one array for each key of the entity, typed as the entity says.
        event_us, created_us: int64; `created_us` is None if the view names no such column.
        arrival: grows in the order in which rows came; None if they are in that order.
        values: one array for each expression of the plan.
    """

    keys: list[pa.Array]
    event_us: pa.Array
    created_us: pa.Array | None
    arrival: Ints | None
    values: list[pa.Array]


@dataclass(frozen=True)
class Joined:
    """What the features were.

    Attributes:
        columns: one array for each output of the plan, as long as the labels.
        status: 0 present, 1 missing, 2 expired.
    """

    columns: list[pa.Array]
    status: NDArray[np.int8]


@dataclass(frozen=True)
class Newest:
    """What is to stand online of each entity.

    Attributes:
        places: of its newest row, in the source as it was read.
        first, end: the range of its rows within reach, in `event_us` and `tails`.
        event_us: when each row of the log happened.
        tails: the log's values for each of the plan's `windowed`.
    """

    places: Ints
    first: Ints
    end: Ints
    event_us: Ints
    tails: list[NDArray[np.float64]]


class Log:
    """A source sorted for a plan, against which labels are joined.

    Args:
        labels_keys, moments_us: the labels, known here so that keys and times can be numbered for both.
    """

    def __init__(self, plan: Plan, rows: Rows, labels_keys: list[pa.Array], moments_us: pa.Array) -> None:
        self._plan = plan
        self._rows = rows
        codes, self._label_codes, many = _codes(rows.keys, labels_keys)
        counts, dated = _numbers(rows.event_us)
        counts += plan.delay_us
        self._moments, timed = _numbers(moments_us)
        self._label_codes[~timed] = -1
        mine = np.flatnonzero((codes >= 0) & dated)
        codes, counts = codes[mine], counts[mine]
        self._scale = _Scale(counts, many)
        folded = self._scale.fold(codes, counts)
        order = self._order(folded, mine)
        self._folded = folded[order]
        self._codes = codes[order]
        self._counts = counts[order]
        self._place = mine[order]

    def join(self) -> Joined:
        """The plan's outputs at every label."""
        wanted = self._scale.fold(self._label_codes, self._moments)
        end = _search(self._folded, wanted)
        newest = end - 1
        has = (newest >= 0) & (self._label_codes >= 0)
        newest = np.where(has, newest, 0)
        if len(self._codes):
            has &= self._codes[newest] == self._label_codes
        else:
            has[:] = False
        status = np.where(has, PRESENT, MISSING).astype(np.int8)
        if self._plan.ttl_us is not None and len(self._counts):
            late = has & (self._moments - self._counts[newest] > self._plan.ttl_us)
            status[late] = EXPIRED
        present = status == PRESENT
        return Joined(self._outputs(present, newest, end), status)

    def newest(self, up_to_us: int) -> Newest:
        """For each entity with a row that counts by a moment: its newest such row and those within reach of it."""
        codes = np.unique(self._codes)
        end = _search(self._folded, self._scale.fold(codes, np.full(len(codes), up_to_us)))
        begin = np.searchsorted(self._codes, codes, side="left")
        has = end > begin
        codes, end = codes[has], end[has]
        opens = self._scale.fold(codes, self._counts[end - 1] - self._plan.longest_us)
        first = _search(self._folded, opens) if self._plan.longest_us else end
        tails = [_floats(self._rows.values[place])[self._place] for place in self._plan.windowed]
        event = self._counts - self._plan.delay_us
        return Newest(places=self._place[end - 1], first=first, end=end, event_us=event, tails=tails)

    def _outputs(self, present: Mask, newest: Ints, end: Ints) -> list[pa.Array]:
        taken = pa.array(self._place[newest] if len(self._place) else newest, mask=~present)
        at = np.flatnonzero(present)
        firsts: dict[int, Ints] = {}
        values: dict[int, NDArray[np.float64]] = {}
        columns = []
        for output in self._plan.outputs:
            if output.window_us is None or output.aggregate is None:
                columns.append(_known(self._rows.values[output.place].take(taken)))
                continue
            if output.window_us not in firsts:
                firsts[output.window_us] = self._first(at, output.window_us)
            if output.place not in values:
                values[output.place] = _floats(self._rows.values[output.place])[self._place]
            columns.append(
                _windowed(output, values[output.place], (firsts[output.window_us], end[at]), at, len(present))
            )
        return columns

    def _first(self, at: Ints, window_us: int) -> Ints:
        """For the labels `at`, where their window begins: after the last row that counts at its open end."""
        opens = self._scale.fold(self._label_codes[at], self._moments[at] - window_us)
        return _search(self._folded, opens)

    def _order(self, folded: Ints, mine: Ints) -> Ints:
        """Places of the rows in the order of (key, event, created, arrival)."""
        keys: list[Any] = []
        if self._rows.arrival is not None:
            arrival = self._rows.arrival[mine]
            if np.any(arrival[1:] < arrival[:-1]):
                keys.append(arrival)
        if self._rows.created_us is not None:
            created, known = _numbers(self._rows.created_us)
            keys.append(np.where(known, created, np.iinfo(np.int64).min)[mine])
        if not keys:
            return np.argsort(folded, kind="stable")
        return np.lexsort((*keys, folded))


class _Scale:
    """Folds (key, time) into one integer that sorts alike, by offset where that fits, else by rank."""

    def __init__(self, counts: Ints, many: int) -> None:
        low, high = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
        self._low = low
        self._span = high - low + 2
        self._ranks: Ints | None = None
        if self._span * (many + 1) >= _ROOM:
            self._ranks = np.unique(counts)
            self._span = len(self._ranks) + 1

    def fold(self, codes: Ints, times: Ints) -> Ints:
        """Times before the first row fold to 0 within their key, times after the last to the last row's."""
        if self._ranks is None:
            ticks = np.clip(times, self._low - 1, self._low + self._span - 2) - (self._low - 1)
        else:
            ticks = np.searchsorted(self._ranks, times, side="right")
        folded: Ints = codes * self._span + ticks
        return folded


def _search(sorted_values: Ints, wanted: Ints) -> Ints:
    """How many of the sorted values are at or below each wanted one; sought in order, which spares cache misses."""
    if len(wanted) < 10_000:
        return np.searchsorted(sorted_values, wanted, side="right")
    order = np.argsort(wanted)
    found = np.empty(len(wanted), dtype=np.int64)
    found[order] = np.searchsorted(sorted_values, wanted[order], side="right")
    return found


def _codes(source: list[pa.Array], labels: list[pa.Array]) -> tuple[Ints, Ints, int]:
    """Numbers for the keys of both sides, equal where the keys are; -1 for an unknown key and one without rows."""
    mine, theirs, many = np.zeros(len(source[0]), np.int64), np.zeros(len(labels[0]), np.int64), 1
    for part, asked in zip(source, labels, strict=True):
        known = part.unique().drop_null()
        here = _indices(pc.index_in(part, value_set=known, skip_nulls=True))
        there = _indices(pc.index_in(asked, value_set=known, skip_nulls=True))
        mine = np.where((mine < 0) | (here < 0), -1, mine * len(known) + here)
        theirs = np.where((theirs < 0) | (there < 0), -1, theirs * len(known) + there)
        many *= max(len(known), 1)
        if many > len(mine) + 1 and len(source) > 1:
            used = np.unique(mine[mine >= 0])
            mine, theirs, many = _renumber(used, mine), _renumber(used, theirs), max(len(used), 1)
    return mine, theirs, many


def _indices(found: pa.Array) -> Ints:
    filled: Ints = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return filled


def _renumber(used: Ints, codes: Ints) -> Ints:
    if not len(used):
        return np.full(len(codes), -1, np.int64)
    place = np.minimum(np.searchsorted(used, codes), len(used) - 1)
    return np.where((codes >= 0) & (used[place] == codes), place, -1)


def _numbers(times: pa.Array) -> tuple[Ints, Mask]:
    """An int64 column, 0 where unknown, and where it is known."""
    known: Mask = times.is_valid().to_numpy(zero_copy_only=False)
    return times.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64), known


def _floats(values: pa.Array) -> NDArray[np.float64]:
    """A column as float64, NaN where unknown; what is no number counts as 1."""
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        known: Mask = values.is_valid().to_numpy(zero_copy_only=False)
        return np.where(known, 1.0, np.nan)
    wide = values.cast(pa.float64(), safe=False)
    numbers: NDArray[np.float64] = wide.to_numpy(zero_copy_only=False)
    return numbers


def _known(values: pa.Array) -> pa.Array:
    """NaN is unknown."""
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _windowed(
    output: Output, values: NDArray[np.float64], ranges: tuple[Ints, Ints], at: Ints, length: int
) -> pa.Array:
    """One windowed feature for all labels, unknown where the view is not present."""
    folded, unknown = over_ranges(output.aggregate or Aggregate.COUNT, values, *ranges)
    out = np.zeros(length, np.int64 if output.type is FeatureType.INT64 else np.float64)
    mask = np.ones(length, dtype=bool)
    out[at] = np.where(unknown, 0, folded)
    mask[at] = unknown
    return pa.array(out, mask=mask)
