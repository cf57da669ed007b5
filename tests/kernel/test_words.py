"""Ids, refs, errors, pages, units and clocks keep their promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel import actors, ids, pages, refs, units
from modelyard.kernel.clock import FrozenClock, from_ms, to_ms
from modelyard.kernel.errors import Internal, InvalidInput, NotFound, by_code, every_error
from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


def test_ids_of_one_kind_sort_by_birth() -> None:
    clock = FrozenClock(NOON)
    born = []
    for _ in range(50):
        born += [ids.EVENT.new(clock), ids.EVENT.new(clock)]
        clock.advance(timedelta(milliseconds=1))
    assert born == sorted(set(born))
    assert all(ids.EVENT.parse(i) == i for i in born)


def test_ids_go_on_where_the_last_digits_are_used_up() -> None:
    source = ids._Source()
    first = source.draw(1)
    source._random |= ids._LOW - 1
    bodies = [first, *(source.draw(now_ms) for now_ms in (1, 1, 1, 0, 2, 2))]
    assert bodies == sorted(set(bodies))
    assert [body[:10] for body in bodies] == ["0000000001"] * 5 + ["0000000002"] * 2
    values = [sum(ids._ALPHABET.index(c) << 5 * i for i, c in enumerate(reversed(body))) for body in bodies[1:5]]
    assert [value - values[0] for value in values] == [0, 1, 2, 3]


@pytest.mark.parametrize("text", ["", "ev_", "run_01J9ZQ3V7W01J9ZQ3V7W01J9ZQ", "ev_" + "U" * 26, "ev_" + "0" * 25])
def test_a_foreign_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a ev id"):
        ids.EVENT.parse(text)


@given(st.text(min_size=1, max_size=80).filter(lambda t: t.isprintable()), st.none() | st.integers(0, 10**9))
def test_a_ref_survives_being_written_and_read(name: str, version: int | None) -> None:
    made = refs.ref("table", name, version)
    assert refs.parts(made) == ("table", name, None if version is None else str(version))


@pytest.mark.parametrize("text", ["", "table", "Table:x", "table:", "table:x@", ":x", "table:x@1@2", "table:a\nb"])
def test_a_broken_ref_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a ref"):
        refs.parts(text)


def test_every_error_maps_to_one_status_and_is_found_by_its_code() -> None:
    codes = [cls.code for cls in every_error() if cls is not Internal]
    assert len(codes) == len(set(codes))
    for cls in every_error():
        assert 400 <= cls.status < 600
        assert 1 <= cls.exit_code <= 8
        assert by_code(cls.code).status == cls.status
    assert by_code("from_a_later_version") is Internal
    assert by_code("not_found") is NotFound


def test_scopes_cover_by_wildcard_and_confine_by_resource() -> None:
    assert actors.allows(frozenset({"lake:*"}), "lake:write")
    assert not actors.allows(frozenset({"lake:read"}), "lake:write")
    assert not actors.allows(frozenset({"lakes:*"}), "lake:write")
    keeper = actors.Actor(
        id=ActorId("a"), name="a", scopes=frozenset({"lake:read"}), resources=("table:trips", "model:t*")
    )
    may = actors.ScopeAuthority().may
    assert may(keeper, "lake:read", refs.Ref("table:trips@12"))
    assert not may(keeper, "lake:read", refs.Ref("table:trips2"))
    assert may(keeper, "lake:read", refs.Ref("model:tips"))
    assert not may(keeper, "lake:read", None)


def test_news_are_named_after_their_slice() -> None:
    class TableCommitted(News, frozen=True, kw_only=True):
        table: str

    assert TableCommitted.kind.endswith(".table_committed")


@given(st.lists(st.integers(), max_size=40), st.integers(1, 10))
def test_pages_give_every_row_once(rows: list[int], limit: int) -> None:
    rows = sorted(set(rows))
    seen: list[int] = []
    cursor: str | None = None
    while True:
        after = rows if cursor is None else [r for r in rows if r > int(str(pages.decode_cursor(cursor, 1)[0]))]
        page = pages.page_of(after[: limit + 1], limit, lambda r: (r,))
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
    assert seen == rows


@pytest.mark.parametrize("cursor", ["", "%%%", "WzFd" * 3, "é", "W10", pages.encode_cursor(1, 2)])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="start again"):
        pages.decode_cursor(cursor, 1)


def test_quantities_read_and_write_with_their_unit() -> None:
    assert units.parse_bytes("64 MB") == 64_000_000
    assert units.parse_bytes("2GiB") == 2**31
    assert units.parse_duration("500ms") == timedelta(milliseconds=500)
    assert units.format_bytes(1_234_567) == "1.2 MB"
    assert units.format_duration(250) == "4 min 10 s"
    assert units.format_duration(0.0038) == "3.8 ms"
    assert units.format_duration(7500) == "2 h 5 min"
    assert str(units.Money(1_234_560_000)) == "$1,234.56"
    assert str(units.Money(2_900)) == "$0.0029"
    assert str(units.Money(12)) == "$0.000012"
    for bad in ("", "x", "-1 MB", "5 parsec"):
        with pytest.raises(InvalidInput):
            units.parse_bytes(bad)


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_survive_the_calendar(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds


def test_a_cursor_gives_back_the_key_of_the_kind_that_the_list_sorts_by() -> None:
    assert pages.place_of(None, "first") == "first"
    assert pages.place_of(pages.encode_cursor("b"), "") == "b"
    assert pages.place_of(pages.encode_cursor(3), 0) == 3


@pytest.mark.parametrize("key", ["3", 3.0, None, True])
def test_a_cursor_of_a_list_with_another_kind_of_key_is_refused(key: str | float | None) -> None:
    with pytest.raises(InvalidInput, match="start again"):
        pages.place_of(pages.encode_cursor(key), 0)
