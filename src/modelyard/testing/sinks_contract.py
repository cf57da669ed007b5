"""What every adapter of the sinks port must do. Derive a test class and give it a `stand` fixture.

A `SinkStand` is a system that rows are written to, and a way to see what is there afterwards. Each test needs a target
of its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import pyarrow as pa
import pytest

from modelyard.kernel.errors import YardError
from modelyard.ports.sinks import Parcel, Target, Way

SCHEMA = pa.schema(
    [("id", pa.int64()), ("name", pa.string()), ("at", pa.timestamp("us", "UTC")), ("price", pa.decimal128(8, 2))]
)
TYPES = ("int64", "string", "timestamp", "decimal(8, 2)")
Held = list[tuple[int, str | None]]


class SinkStand(Protocol):
    """A system to write rows to.

    Attributes:
        ways: those that it takes rows by.
        whole: True if nothing is seen of a delivery that breaks off.
        secret: a password that must not come out anywhere; empty if there is none.
    """

    ways: frozenset[Way]
    whole: bool
    secret: str

    def open(self, way: Way) -> Target:
        """A new connection."""
        ...

    def held(self, target: str) -> Held:
        """Id and name of every row that whoever reads there finds, in order of id."""
        ...


class TornError(Exception):
    """The rows ended in the middle, as they do where a process dies."""


def rows(*ids: int, name: str = "n") -> Held:
    """Rows with these ids; every third has no name."""
    return [(n, None if n % 3 == 0 else f"{name}{n}") for n in ids]


def parcel(
    way: Way, puts: Held, *, since: int, upto: int, gone: Sequence[int] = (), torn: bool = False
) -> Parcel:  # fmt: skip
    """A delivery of these rows into the target `shop`; where `torn`, it breaks off behind half of them."""

    def batches() -> Iterator[pa.RecordBatch]:
        if not torn:
            yield from _batches(puts)
            return
        yield from _batches(puts[: len(puts) // 2])
        raise TornError

    keys = pa.schema([SCHEMA.field("id")])
    return Parcel(
        sink="sink_01", since=since, upto=upto, target="shop", way=way, keys=("id",) if way is Way.MERGE else (),
        schema=SCHEMA, types=TYPES, puts=lambda: pa.RecordBatchReader.from_batches(SCHEMA, batches()),
        gone=lambda: pa.RecordBatchReader.from_batches(
            keys, [pa.RecordBatch.from_arrays([pa.array(gone, pa.int64())], schema=keys)]
        ),
    )  # fmt: skip


def _batches(found: Held) -> Iterator[pa.RecordBatch]:
    moment, price = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), Decimal("1.50")
    for start in range(0, len(found), 700):
        some = found[start : start + 700]
        columns = [[n for n, _ in some], [name for _, name in some], [moment] * len(some), [price] * len(some)]
        yield pa.RecordBatch.from_arrays(
            [pa.array(each, field.type) for each, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )


def _take(stand: SinkStand, what: Parcel) -> bool:
    with closing(stand.open(what.way)) as target:
        return target.take(what)


class SinkContract:
    """The suite."""

    def test_every_row_arrives_once_and_the_next_delivery_goes_on(self, stand: SinkStand) -> None:
        way = sorted(stand.ways - {Way.OVERWRITE})[0]
        assert _take(stand, parcel(way, rows(*range(1, 1601)), since=0, upto=4))
        assert stand.held("shop") == rows(*range(1, 1601))
        assert _take(stand, parcel(way, rows(5001, 5002), since=4, upto=7))
        assert stand.held("shop") == rows(*range(1, 1601), 5001, 5002)

    def test_a_repeated_delivery_comes_to_the_same_rows(self, stand: SinkStand) -> None:
        for way in sorted(stand.ways):
            what = parcel(way, rows(1, 2, 3), since=0, upto=1)
            for _ in range(3):
                _take(stand, what)
            assert stand.held("shop") == rows(1, 2, 3)
            return

    def test_rows_of_equal_key_are_replaced_and_those_that_left_leave(self, stand: SinkStand) -> None:
        if Way.MERGE not in stand.ways:
            return
        _take(stand, parcel(Way.MERGE, rows(1, 2, 4), since=0, upto=1))
        _take(stand, parcel(Way.MERGE, rows(2, 5, name="new"), since=1, upto=2, gone=[4, 99]))
        assert stand.held("shop") == [(1, "n1"), (2, "new2"), (5, "new5")]

    def test_what_is_delivered_whole_takes_the_place_of_what_was_there(self, stand: SinkStand) -> None:
        if Way.OVERWRITE not in stand.ways:
            return
        _take(stand, parcel(Way.OVERWRITE, rows(1, 2, 3), since=0, upto=1))
        _take(stand, parcel(Way.OVERWRITE, rows(3, 4), since=1, upto=2))
        assert stand.held("shop") == rows(3, 4)
        assert not _take(stand, parcel(Way.OVERWRITE, rows(1), since=0, upto=1)), "an older one came late"
        _take(stand, parcel(Way.OVERWRITE, [], since=2, upto=3))
        assert stand.held("shop") == []

    def test_a_delivery_that_breaks_off_is_made_good_by_its_repetition(self, stand: SinkStand) -> None:
        for way in sorted(stand.ways):
            what = parcel(way, rows(*range(1, 1501)), since=0, upto=1)
            for _ in range(2):
                with pytest.raises((TornError, YardError)):
                    _take(stand, parcel(way, rows(*range(1, 1501)), since=0, upto=1, torn=True))
                assert not stand.whole or stand.held("shop") == []
            _take(stand, what)
            assert stand.held("shop") == rows(*range(1, 1501))
            return

    def test_what_is_added_is_never_added_twice(self, stand: SinkStand) -> None:
        if Way.APPEND not in stand.ways:
            return
        with closing(stand.open(Way.APPEND)) as target:
            assert target.reached("sink_01", "shop") == 0
            assert target.take(parcel(Way.APPEND, rows(1, 2), since=0, upto=5))
            if target.by_parts:
                return
            assert target.reached("sink_01", "shop") == 5
            assert target.reached("sink_02", "shop") == 0
            assert not target.take(parcel(Way.APPEND, rows(1, 2), since=0, upto=5))

    def test_a_delivery_by_parts_goes_on_behind_those_that_arrived(self, stand: SinkStand) -> None:
        way = sorted(stand.ways)[0]
        with closing(stand.open(way)) as target:
            if not target.by_parts:
                return
            arrived = list[int]()

            def note(parts: int) -> None:
                arrived.append(parts)
                if parts == 2:
                    raise TornError

            what = parcel(way, rows(*range(1, 1701)), since=0, upto=1)
            with pytest.raises(TornError):
                target.take(replace(what, arrived=note))
            assert target.take(replace(what, sent=2, arrived=arrived.append))
        assert arrived == [1, 2, 3, 4]
        assert stand.held("shop") == rows(*range(1, 1701))

    def test_a_target_shows_no_secret_and_closes_twice(self, stand: SinkStand) -> None:
        target = stand.open(sorted(stand.ways)[0])
        assert not stand.secret or stand.secret not in repr(target)
        target.close()
        target.close()
