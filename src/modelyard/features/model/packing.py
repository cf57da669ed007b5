"""Online rows and keys as bytes, and what is made of a row at a moment by the rules of `semantics`.

A row holds its entity's newest values and, for windows, the times and values of all rows that the longest window can
still reach. Nothing is finalised when it is written: status and windows are decided at the moment of reading.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from struct import Struct as Layout

import msgspec
from msgspec import Struct

from modelyard.features.api import Cell, Key, KeyType, OnlineRow, Status
from modelyard.features.model.semantics import SECOND_US, Plan, aggregated, precedes, status_of
from modelyard.kernel.errors import InvalidInput

LONGEST_PART = 64
_LONG, _DOUBLE = Layout("<q"), Layout("<d")


class Row(Struct, frozen=True, array_like=True):
    """One entity's online row.

    Attributes:
        event_us: the event time of its newest row; the row counts from `delay_us` after it.
        values: the newest row's values, in the order of the plan's `newest`.
        times: when each row within reach happened, int64 little-endian, sorted.
        tails: for each of the plan's `windowed`, their values, float64 little-endian, NaN where unknown.
    """

    event_us: int
    created_us: int | None
    values: tuple[Cell, ...]
    times: bytes = b""
    tails: tuple[bytes, ...] = ()


pack: Callable[[Row], bytes] = msgspec.msgpack.Encoder().encode
unpack: Callable[[bytes], Row] = msgspec.msgpack.Decoder(Row).decode
_encode_key: Callable[[tuple[str | int, ...]], bytes] = msgspec.msgpack.Encoder().encode
_decode_key: Callable[[bytes], list[str | int]] = msgspec.msgpack.Decoder(list[str | int]).decode


def key_part(key: Key, value: Cell) -> str | int:
    """A key's value as it is compared; long texts by their hash.

    Raises:
        InvalidInput: the value is unknown or of another type.
    """
    if key.type is KeyType.INT64:
        if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
    elif isinstance(value, str):
        if len(value) <= LONGEST_PART and len(value.encode("utf-8", "surrogatepass")) <= LONGEST_PART:
            return value
        return "\0" + sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:62]
    raise InvalidInput(f"key {key.name} is a {key.type} and never null, not {str(value)[:60]!r}")


def key_of(keys: Sequence[Key], given: Mapping[str, Cell]) -> bytes:
    """The key under which an entity's row is kept.

    Raises:
        InvalidInput: a part is missing or of another type.
    """
    try:
        return _encode_key(tuple(key_part(key, given[key.name]) for key in keys))
    except KeyError as err:
        raise InvalidInput(f"the key {err.args[0]} is missing; give {', '.join(k.name for k in keys)}") from None
    except UnicodeEncodeError:
        raise InvalidInput("a key holds a lone surrogate, which is no text; mend it and repeat") from None


def tail_of(value: Cell) -> bytes:
    """One value as a tail: a number, or 1 for what is none."""
    if value is None:
        return _DOUBLE.pack(float("nan"))
    return _DOUBLE.pack(float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 1.0)


def parts_of(key: bytes) -> list[str | int]:
    """A packed key taken apart; long texts stay hashes."""
    return _decode_key(key)


def online_row(plans: Sequence[Plan], packed: Sequence[bytes | None], moment_us: int) -> OnlineRow:
    """An entity's features at a moment, one packed row for each plan."""
    values: dict[str, Cell] = {}
    statuses: dict[str, Status] = {}
    ages: dict[str, float | None] = {}
    for plan, content in zip(plans, packed, strict=True):
        row = None if content is None else unpack(content)
        counts = None if row is None else row.event_us + plan.delay_us
        status = statuses[plan.view] = status_of(counts, moment_us, plan.ttl_us)
        known = row is not None and counts is not None and counts <= moment_us
        ages[plan.view] = (moment_us - counts) / SECOND_US if known and counts is not None else None
        if status is Status.PRESENT and row is not None:
            _finalise(plan, row, moment_us, values)
        else:
            for output in plan.outputs:
                values[output.name] = None
    return OnlineRow(values=values, status=statuses, age_s=ages)


def _finalise(plan: Plan, row: Row, moment_us: int, values: dict[str, Cell]) -> None:
    newest = dict(zip(plan.newest, row.values, strict=True))
    moment = moment_us - plan.delay_us
    times = _whole(row.times) if row.event_us > moment - plan.longest_us else ()
    end = len(times) if row.event_us <= moment else bisect_right(times, moment)
    tails: dict[int, Sequence[float]] = {}
    known: dict[tuple[int, int], list[float]] = {}
    for output in plan.outputs:
        if output.window_us is None or output.aggregate is None:
            values[output.name] = newest[output.place]
            continue
        window = output.place, output.window_us
        if window not in known:
            first = bisect_right(times, moment - output.window_us, 0, end)
            if output.place not in tails:
                tails[output.place] = _fractions(row.tails[plan.windowed.index(output.place)])
            known[window] = [v for v in tails[output.place][first:end] if v == v]  # noqa: PLR0124  # NaN differs
        values[output.name] = aggregated(output.aggregate, known[window])


def _whole(packed: bytes) -> Sequence[int]:
    """Packed int64 without copying, where the machine keeps numbers as they are packed."""
    if sys.byteorder == "little":
        return memoryview(packed).cast("q")
    return [number for (number,) in _LONG.iter_unpack(packed)]


def _fractions(packed: bytes) -> Sequence[float]:
    """Packed float64 without copying, where the machine keeps numbers as they are packed."""
    if sys.byteorder == "little":
        return memoryview(packed).cast("d")
    return [number for (number,) in _DOUBLE.iter_unpack(packed)]


def pushed_onto(plan: Plan) -> Callable[[bytes | None, bytes], bytes]:
    """How a pushed row joins the one that stands there: the newer decides, the tails are put together."""

    def combine(old: bytes | None, new: bytes) -> bytes:
        if old is None:
            return new
        was, comes = unpack(old), unpack(new)
        keeps = precedes(was.event_us, was.created_us, comes.event_us, comes.created_us)
        times, tails = _united(plan, was, comes)
        newest = comes if keeps else was
        return pack(Row(newest.event_us, newest.created_us, newest.values, times, tails))

    return combine


def materialised_onto(plan: Plan, up_to_us: int) -> Callable[[bytes | None, bytes], bytes]:
    """How a materialised row joins the one that stands there: the table decides up to its moment, pushes after it."""

    def combine(old: bytes | None, new: bytes) -> bytes:
        if old is None:
            return new
        was, comes = unpack(old), unpack(new)
        if was.event_us + plan.delay_us <= up_to_us:
            return new
        times, tails = _united(plan, _after(was, up_to_us - plan.delay_us), comes)
        return pack(Row(was.event_us, was.created_us, was.values, times, tails))

    return combine


def _after(row: Row, event_us: int) -> Row:
    """The row with only that part of its tails that happened after a moment."""
    if not row.times:
        return row
    import numpy as np

    first = int(np.searchsorted(np.frombuffer(row.times, "<i8"), event_us, side="right")) * 8
    return Row(row.event_us, row.created_us, row.values, row.times[first:], tuple(t[first:] for t in row.tails))


def _united(plan: Plan, one: Row, other: Row) -> tuple[bytes, tuple[bytes, ...]]:
    """Both tails in order of time, cut to what the longest window can still reach from the newest row."""
    if not plan.windowed:
        return b"", ()
    import numpy as np

    times = np.frombuffer(one.times + other.times, "<i8")
    order = np.argsort(times, kind="stable")
    times = times[order]
    first = int(np.searchsorted(times, times[-1] - plan.longest_us, side="right")) if len(times) else 0
    kept = order[first:]
    tails = (np.frombuffer(a + b, "<f8")[kept].tobytes() for a, b in zip(one.tails, other.tails, strict=True))
    return times[first:].tobytes(), tuple(tails)
