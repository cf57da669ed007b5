"""What every adapter of the sources port must do. Derive a test class and give it a `stand` fixture.

A `RowStand` is a system with one stream of rows that have a number `id`; a `FileStand` is a place with files. Each test
needs a fresh one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound, YardError
from modelyard.ports.sources import Ask, Batch, FileEntry, FileSource, RowSource, StreamKind


class RowStand(Protocol):
    """A system to read rows from.

    Attributes:
        stream: the stream that holds the rows.
        cursor: a column to read on by, whose values grow with `id`; empty where the source has an order of its own.
        secret: a password that must not come out anywhere; empty if there is none.
    """

    stream: str
    cursor: str
    secret: str

    def open(self) -> RowSource:
        """A new connection."""
        ...

    def add(self, ids: Sequence[int]) -> None:
        """Put rows with these ids into the stream."""
        ...

    def ids(self, batch: Batch) -> list[int]:
        """The ids of a batch's rows."""
        ...


class RowSourceContract:
    """The suite for sources of rows."""

    def test_what_can_be_read_is_listed_in_order(self, stand: RowStand) -> None:
        stand.add([1])
        with closing(stand.open()) as source:
            found = list(source.streams())
        assert isinstance(source, RowSource)
        names = [each.name for each in found]
        assert stand.stream in names
        assert names == sorted(names)
        assert all(isinstance(each.kind, StreamKind) for each in found)

    def test_every_row_comes_once_in_batches_of_the_shape(self, stand: RowStand) -> None:
        stand.add(range(1, 101))
        with closing(stand.open()) as source:
            ask = Ask(stream=stand.stream, batch_rows=7)
            shape = source.shape(ask)
            batches = list(source.read(ask))
        assert sorted(n for batch in batches for n in stand.ids(batch)) == list(range(1, 101))
        for batch in batches:
            assert batch.rows.schema == shape.schema
            assert batch.rows.num_rows <= 7
            assert batch.positions is None or len(batch.positions) == batch.rows.num_rows
        assert set(shape.hints) <= set(shape.schema.names)
        assert shape.rows is None or shape.rows >= 0

    def test_reading_goes_on_from_a_position_and_misses_nothing(self, stand: RowStand) -> None:
        stand.add(range(1, 51))
        ask = Ask(stream=stand.stream, cursor=stand.cursor, batch_rows=10)
        with closing(stand.open()) as source:
            first = list(source.read(ask))
        assert first[-1].position
        stand.add(range(51, 61))
        with closing(stand.open()) as source:
            again = Ask(stream=stand.stream, cursor=stand.cursor, after=first[-1].position)
            second = list(source.read(again))
            exact = source.abilities.exact
        ids = [n for batch in second for n in stand.ids(batch)]
        assert set(range(51, 61)) <= set(ids)
        assert set(ids) <= set(range(51 if exact else 50, 61))
        assert len(ids) == len(set(ids))

    def test_a_reader_that_breaks_off_goes_on_from_the_batch_it_kept(self, stand: RowStand) -> None:
        stand.add(range(1, 101))
        kept, position = set[int](), ""
        for _ in range(60):
            with closing(stand.open()) as source:
                ask = Ask(stream=stand.stream, cursor=stand.cursor, after=position, batch_rows=31)
                batch = next(source.read(ask), None)
            if batch is None:
                break
            fresh = set(stand.ids(batch)) - kept
            kept |= fresh
            position = batch.position or position
            if not fresh:
                break
        assert kept == set(range(1, 101))

    def test_reading_again_from_a_position_gives_nothing_new(self, stand: RowStand) -> None:
        stand.add(range(1, 21))
        ask = Ask(stream=stand.stream, cursor=stand.cursor)
        with closing(stand.open()) as source:
            last = list(source.read(ask))[-1]
            again = [
                n
                for batch in source.read(Ask(stream=stand.stream, cursor=stand.cursor, after=last.position))
                for n in stand.ids(batch)
            ]
        assert set(again) <= ({20} if not source.abilities.exact else set())

    def test_a_stream_that_is_not_there_is_named(self, stand: RowStand) -> None:
        stand.add([1])
        with closing(stand.open()) as source, pytest.raises(NotFound):
            source.shape(Ask(stream="no_such_stream"))

    def test_a_position_is_text_that_holds_no_secret(self, stand: RowStand) -> None:
        stand.add(range(1, 11))
        with closing(stand.open()) as source:
            for batch in source.read(Ask(stream=stand.stream, cursor=stand.cursor)):
                assert isinstance(batch.position, str)
                assert not stand.secret or stand.secret not in batch.position
                assert not stand.secret or stand.secret not in repr(batch.positions)

    def test_a_source_shows_no_secret_and_closes_twice(self, stand: RowStand) -> None:
        stand.add([1])
        source = stand.open()
        list(source.streams())
        assert not stand.secret or stand.secret not in repr(source)
        source.close()
        source.close()

    def test_a_range_is_read_with_its_low_end_and_without_its_high_end(self, stand: RowStand) -> None:
        stand.add(range(1, 31))
        with closing(stand.open()) as source:
            if not source.abilities.ranges:
                return
            ask = Ask(stream=stand.stream, cursor=stand.cursor, low="10", high="20")
            assert sorted(n for b in source.read(ask) for n in stand.ids(b)) == list(range(10, 20))

    def test_a_look_back_reads_what_came_late(self, stand: RowStand) -> None:
        stand.add(range(1, 31))
        with closing(stand.open()) as source:
            if not source.abilities.columns_as_cursor:
                return
            ask = Ask(stream=stand.stream, cursor=stand.cursor)
            last = list(source.read(ask))[-1].position
            back = Ask(stream=stand.stream, cursor=stand.cursor, after=last, look_back=5)
            assert sorted(n for b in source.read(back) for n in stand.ids(b)) == list(range(25, 31))

    def test_a_query_is_read_like_a_stream_and_one_that_is_wrong_is_refused(self, stand: RowStand) -> None:
        stand.add(range(1, 31))
        with closing(stand.open()) as source:
            if not source.abilities.queries:
                with pytest.raises(InvalidInput):
                    source.shape(Ask(query="select 1"))
                return
            text = f"SELECT * FROM {stand.stream} WHERE {stand.cursor} <= 12"
            ask = Ask(query=text, cursor=stand.cursor, batch_rows=5)
            batches = list(source.read(ask))
            assert sorted(n for b in batches for n in stand.ids(b)) == list(range(1, 13))
            assert all(b.rows.schema == source.shape(ask).schema for b in batches)
            with pytest.raises(YardError):
                source.shape(Ask(query="selec nonsense"))


class FileStand(Protocol):
    """A place to read files from."""

    secret: str

    def open(self, pattern: str = "") -> FileSource:
        """The place, or what a pattern below it names."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Put a file there, whole at once."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...


def _content(source: FileSource, entry: FileEntry) -> bytes:
    return b"".join(source.read(entry))


class FileSourceContract:
    """The suite for places that hold files."""

    def test_files_are_listed_by_name_and_read_whole(self, stand: FileStand) -> None:
        big = bytes(range(256)) * 20_000
        for name, content in {"b.csv": b"b", "a.csv": big, "sub/c.csv": b"c"}.items():
            stand.put(name, content)
        with closing(stand.open("**")) as source:
            assert isinstance(source, FileSource)
            entries = list(source.entries())
            assert [e.name for e in entries] == ["a.csv", "b.csv", "sub/c.csv"]
            assert [e.size_bytes for e in entries] in ([len(big), 1, 1], [None] * 3)
            assert [_content(source, e) for e in entries] == [big, b"b", b"c"]

    def test_a_pattern_chooses(self, stand: FileStand) -> None:
        for name in ("a.csv", "b.csv", "c.json", "sub/d.csv"):
            stand.put(name, name.encode())
        with closing(stand.open("*.csv")) as source:
            assert [e.name for e in source.entries()] == ["a.csv", "b.csv"]

    def test_a_mark_changes_with_the_content(self, stand: FileStand) -> None:
        stand.put("a.csv", b"one")
        with closing(stand.open("*.csv")) as source:
            (first,) = source.entries()
            (same,) = source.entries()
            stand.put("a.csv", b"other")
            (second,) = source.entries()
        assert first.mark == same.mark
        assert first.mark != second.mark

    def test_a_file_that_is_gone_is_named(self, stand: FileStand) -> None:
        stand.put("a.csv", b"one")
        with closing(stand.open("*.csv")) as source:
            (entry,) = source.entries()
            stand.remove("a.csv")
            with pytest.raises(NotFound):
                _content(source, entry)

    def test_one_file_is_read_by_its_own_name(self, stand: FileStand) -> None:
        stand.put("a.csv", b"one")
        stand.put("b.csv", b"two")
        with closing(stand.open("b.csv")) as source:
            (entry,) = source.entries()
            assert entry.name.endswith("b.csv")
            assert _content(source, entry) == b"two"
        with closing(stand.open("no.csv")) as source, pytest.raises(NotFound):
            list(source.entries())

    def test_a_place_shows_no_secret_and_closes_twice(self, stand: FileStand) -> None:
        source = stand.open("*")
        assert not stand.secret or stand.secret not in repr(source)
        source.close()
        source.close()
