"""What every adapter of the online port must do. Derive a test class and give it an `online` fixture.

Each test needs a store without rows; `again` opens the same rows a second time, as another process would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from modelyard.kernel.errors import InvalidInput
from modelyard.ports.online import KEY_BYTES, Online

Opener = Callable[[], Online]
VIEW = "trips_by_company"


class OnlineContract:
    """The suite."""

    def test_rows_come_back_in_the_order_asked_with_none_for_the_unknown(self, online: Online) -> None:
        online.put(VIEW, 1, {b"a": b"1", b"b": b"2"})
        assert online.get(VIEW, 1, [b"b", b"?", b"a", b"b"]) == [b"2", None, b"1", b"2"]
        assert online.get(VIEW, 1, []) == []

    def test_a_row_is_replaced(self, online: Online) -> None:
        online.put(VIEW, 1, {b"a": b"old"})
        online.put(VIEW, 1, {b"a": b"new"})
        assert online.get(VIEW, 1, [b"a"]) == [b"new"]

    def test_views_and_versions_do_not_touch_each_other(self, online: Online) -> None:
        for number, (view, version) in enumerate([("v", 1), ("v", 2), ("v", 11), ("v2", 1), ("w", 1), ("v@1", 1)]):
            online.put(view, version, {b"k": str(number).encode()})
        assert online.get("v", 1, [b"k"]) == [b"0"]
        assert list(online.rows("v", 1)) == [(b"k", b"0")]
        assert online.drop("v", 1) == 1
        assert online.get("v", 1, [b"k"]) == [None]
        assert [online.get(*at, [b"k"]) for at in [("v", 2), ("v", 11), ("v2", 1), ("w", 1), ("v@1", 1)]] == [
            [b"1"], [b"2"], [b"3"], [b"4"], [b"5"],
        ]  # fmt: skip

    @pytest.mark.parametrize("key", [b"\0", b"*", b"a:b", b"[x]", b"\xff\xfe", b"k" * KEY_BYTES, b"a\nb"])
    def test_any_bytes_are_a_key(self, online: Online, key: bytes) -> None:
        online.put(VIEW, 1, {key: b"row"})
        assert online.get(VIEW, 1, [key]) == [b"row"]
        assert list(online.rows(VIEW, 1)) == [(key, b"row")]
        assert online.delete(VIEW, 1, [key]) == 1

    @pytest.mark.parametrize("row", [b"", b"\0" * 9, b"x" * 100_000])
    def test_any_bytes_are_a_row(self, online: Online, row: bytes) -> None:
        online.put(VIEW, 1, {b"k": row})
        assert online.get(VIEW, 1, [b"k"]) == [row]

    @pytest.mark.parametrize("key", [b"", b"k" * (KEY_BYTES + 1)])
    def test_a_key_of_no_use_is_refused_and_nothing_is_written(self, online: Online, key: bytes) -> None:
        rows = {b"fine": b"1", key: b"2"}
        with pytest.raises(InvalidInput, match="bytes"):
            online.put(VIEW, 1, rows)
        with pytest.raises(InvalidInput, match="bytes"):
            online.merge(VIEW, 1, rows, lambda _old, new: new)
        assert online.get(VIEW, 1, [b"fine"]) == [None]

    def test_a_merge_sees_what_stands_there(self, online: Online) -> None:
        online.put(VIEW, 1, {b"a": b"1"})
        online.merge(VIEW, 1, {b"a": b"2", b"b": b"3"}, lambda old, new: (old or b"-") + new)
        assert online.get(VIEW, 1, [b"a", b"b"]) == [b"12", b"-3"]

    def test_merges_from_several_sides_lose_nothing(self, online: Online, again: Opener) -> None:
        def add(old: bytes | None, new: bytes) -> bytes:
            return str(int(old or b"0") + int(new)).encode()

        def work(side: Online) -> None:
            for _ in range(25):
                side.merge(VIEW, 1, {b"a": b"1", b"b": b"2"}, add)

        threads = [threading.Thread(target=work, args=(side,)) for side in (online, online, again())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert online.get(VIEW, 1, [b"a", b"b"]) == [b"75", b"150"]

    def test_a_merge_that_fails_writes_nothing(self, online: Online) -> None:
        def broken(_old: bytes | None, new: bytes) -> bytes:
            if new == b"bad":
                raise ValueError("cannot combine")
            return new

        with pytest.raises(ValueError, match="cannot combine"):
            online.merge(VIEW, 1, {b"a": b"1", b"b": b"bad"}, broken)
        assert online.get(VIEW, 1, [b"a", b"b"]) == [None, None]
        online.put(VIEW, 1, {b"a": b"2"})
        assert online.get(VIEW, 1, [b"a"]) == [b"2"]

    def test_deleted_rows_are_gone_and_counted(self, online: Online) -> None:
        online.put(VIEW, 1, {b"a": b"1", b"b": b"2", b"c": b"3"})
        assert online.delete(VIEW, 1, [b"a", b"c", b"?"]) == 2
        assert online.delete(VIEW, 1, []) == 0
        assert online.get(VIEW, 1, [b"a", b"b", b"c"]) == [None, b"2", None]

    def test_many_rows_are_walked_through_once_each(self, online: Online) -> None:
        rows = {f"key{n:05}".encode(): str(n).encode() * 20 for n in range(3456)}
        online.put(VIEW, 1, rows)
        walked = list(online.rows(VIEW, 1))
        assert len(walked) == len(rows)
        assert dict(walked) == rows
        assert online.drop(VIEW, 1) == len(rows)
        assert list(online.rows(VIEW, 1)) == []

    def test_another_side_sees_what_was_written(self, online: Online, again: Opener) -> None:
        other = again()
        online.put(VIEW, 1, {b"a": b"1"})
        assert other.get(VIEW, 1, [b"a"]) == [b"1"]
        other.put(VIEW, 1, {b"a": b"2"})
        assert online.get(VIEW, 1, [b"a"]) == [b"2"]

    def test_a_scrub_keeps_what_lives(self, online: Online, again: Opener) -> None:
        other = again()
        online.put(VIEW, 1, {b"a": b"1", b"b": b"2"})
        online.delete(VIEW, 1, [b"b"])
        online.scrub()
        assert online.get(VIEW, 1, [b"a", b"b"]) == [b"1", None]
        assert other.get(VIEW, 1, [b"a", b"b"]) == [b"1", None]
        other.put(VIEW, 1, {b"c": b"3"})
        assert online.get(VIEW, 1, [b"c"]) == [b"3"]
