"""A merge replaces rows of equal key, adds the rest, and loses none."""

from __future__ import annotations

import pytest

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Declared, Lake, Mode
from tests.lake.stand import read


def test_rows_of_equal_key_are_replaced(lake: Lake) -> None:
    lake.load("t", [b"id,v\n1,a\n2,b\n"], schema=Declared(keys=("id",)))
    lake.load("t", [b"id,v\n3,c\n"])
    before = lake.table("t").version
    load = lake.load("t", [b"id,v\n2,B\n4,d\n,x\n4,D\n"], mode=Mode.MERGE)
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (4, 2, 2)
    assert {r["id"]: r["v"] for r in read(lake, "t")} == {1: "a", 2: "B", 3: "c", 4: "D"}
    held = {r.row: r.reasons for r in lake.quarantine(load.id).items}
    assert held == {2: ("a later row of the load has the same key",), 3: ("a part of the key is missing",)}
    newest = lake.history("t").items[0]
    assert (newest.rows, newest.rows_added, newest.rows_removed) == (4, 2, 1)
    assert {r["id"]: r["v"] for r in read(lake, "t", at=str(before))} == {1: "a", 2: "b", 3: "c"}


def test_merging_the_same_again_changes_no_value(lake: Lake) -> None:
    text = b"a,b,v\n" + b"".join(b"%d,%d,%d\n" % (n, n % 3, n) for n in range(500))
    lake.load("t", [text], mode=Mode.MERGE, schema=Declared(keys=("a", "b")))
    first = sorted(read(lake, "t"), key=str)
    lake.load("t", [text], mode=Mode.MERGE)
    assert sorted(read(lake, "t"), key=str) == first


def test_a_table_without_a_key_cannot_be_merged_into(lake: Lake) -> None:
    lake.load("t", [b"id\n1\n"])
    with pytest.raises(InvalidInput, match="no key"):
        lake.load("t", [b"id\n1\n"], mode=Mode.MERGE)
