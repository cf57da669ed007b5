"""What differs between two versions: rows by key, columns, and a feed of what each version did."""

from __future__ import annotations

import pyarrow as pa
import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import NEXT, CellChange, Column, Declared, Lake, Mode, RowFate
from tests.lake.stand import read


def feed(lake: Lake, name: str, since: int = 0, **how: object) -> tuple[list[dict[str, object]], int]:
    """The rows of a change feed, and where to go on."""
    stream = b"".join(lake.changes(name, since=since, **how))  # type: ignore[arg-type]  # the options of changes, passed through
    table = pa.ipc.open_stream(stream).read_all()
    rows: list[dict[str, object]] = table.to_pylist()
    return rows, int((table.schema.metadata or {})[NEXT.encode()])


@pytest.fixture
def merged(lake: Lake) -> Lake:
    """Version 1: rows 1, 2, 3; version 2: row 2 changed, row 4 added."""
    lake.load("t", [b"id,v,w\n1,a,x\n2,b,x\n3,c,x\n"], schema=Declared(keys=("id",)))
    lake.load("t", [b"id,v,w\n2,B,x\n4,d,x\n"], mode=Mode.MERGE)
    return lake


def test_rows_are_paired_by_key_and_show_what_changed(merged: Lake) -> None:
    found = merged.diff("t", "1")
    assert (found.added, found.removed, found.changed, found.by) == (1, 0, 1, ("id",))
    changed, added = found.rows
    assert (changed.fate, changed.key, changed.row) == (RowFate.CHANGED, {"id": 2}, {})
    assert changed.cells == (CellChange(column="v", old="b", new="B"),)
    assert (added.fate, added.key, added.row) == (RowFate.ADDED, {"id": 4}, {"id": 4, "v": "d", "w": "x"})
    back = merged.diff("t", "2", "1")
    assert (back.added, back.removed, back.changed) == (0, 1, 1)
    assert merged.diff("t", "2").rows == []


def test_pages_follow_each_other_and_end(lake: Lake) -> None:
    lake.load("t", [b"id,v\n0,a\n"], schema=Declared(keys=("id",)))
    lake.load("t", [b"id,v\n" + b"".join(b"%d,b\n" % n for n in range(1, 26))])
    seen, cursor = list[object](), None
    while True:
        page = lake.diff("t", "1", cursor=cursor, limit=10)
        seen += [row.key["id"] for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
    assert seen == list(range(1, 26))


def test_a_table_without_keys_is_paired_by_where_its_rows_came_from(lake: Lake) -> None:
    lake.load("t", [b"v\na\na\n"])
    lake.load("t", [b"v\na\n"])
    found = lake.diff("t", "1", "2")
    assert (found.added, found.removed, found.changed, found.by) == (1, 0, 0, ("_load", "_row"))
    assert list(found.rows[0].key) == ["_load", "_row"]


def test_rows_that_share_a_key_are_all_told(lake: Lake) -> None:
    lake.load("t", [b"id,v\n1,a\n"], schema=Declared(keys=("id",)))
    lake.load("t", [b"id,v\n1,a\n1,b\n,c\n"])
    assert lake.diff("t", "1").added == 3
    lake.load("t", [b"id,v\n1,a\n"], mode=Mode.OVERWRITE)
    last = lake.diff("t", "2", "3")
    assert (last.added, last.removed, last.changed) == (0, 3, 0)


def test_columns_of_one_side_only_are_null_on_the_other(lake: Lake) -> None:
    lake.load("t", [b"id,v\n1,a\n2,b\n"], schema=Declared(keys=("id",)))
    columns = (Column(name="id", type="int64"), Column(name="w", type="int64"))
    lake.load("t", [b"id,w\n1,7\n2,\n"], mode=Mode.OVERWRITE, schema=Declared(columns=columns))
    shape = lake.schema_diff("t", "1")
    assert [c.name for c in shape.added] == ["w"]
    assert [c.name for c in shape.removed] == ["v"]
    found = lake.diff("t", "1")
    cells = {row.key["id"]: {c.column: (c.old, c.new) for c in row.cells} for row in found.rows}
    assert cells == {1: {"w": (None, 7), "v": ("a", None)}, 2: {"v": ("b", None)}}
    assert lake.diff("t", "1", columns=("id",)).rows == []


def test_the_feed_tells_each_version_and_where_to_go_on(merged: Lake) -> None:
    rows, place = feed(merged, "t")
    assert place == 2
    assert [(r["_version"], r["_change"], r["id"], r["v"]) for r in rows[:3]] == [
        (1, "insert", 1, "a"), (1, "insert", 2, "b"), (1, "insert", 3, "c"),
    ]  # fmt: skip
    assert sorted((r["_change"], r["id"], r["v"]) for r in rows[3:]) == [
        ("insert", 4, "d"), ("update_after", 2, "B"), ("update_before", 2, "b"),
    ]  # fmt: skip
    merged.load("t", [b"id,v,w\n9,z,z\n"])
    rows, place = feed(merged, "t", place, columns=("v",))
    assert (rows, place) == ([{"v": "z", "_change": "insert", "_version": 3}], 3)
    assert feed(merged, "t", 3) == ([], 3)
    assert len(feed(merged, "t", at="1")[0]) == 3


def test_what_is_no_version_and_no_column_is_refused(merged: Lake) -> None:
    with pytest.raises(NotFound, match="no version 7"):
        feed(merged, "t", 7)
    with pytest.raises(NotFound):
        merged.diff("t", "nowhere")
    with pytest.raises(InvalidInput, match="no column 'x'"):
        merged.diff("t", "1", columns=("x",))
    with pytest.raises(InvalidInput, match="cursor"):
        merged.diff("t", "1", cursor="!")
    assert len(read(merged, "t")) == 4
