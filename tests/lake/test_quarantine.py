"""The quarantine: rows are mended, replayed or given up; each keeps the place it came from."""

from __future__ import annotations

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import Column, Declared, Lake, Load, Mend, QuarantineDropped, RowState
from modelyard.testing import Bench
from tests.lake.stand import read

COLUMNS = (Column(name="id", type="int64", nullable=False), Column(name="note", type="string"))


@pytest.fixture
def load(lake: Lake) -> Load:
    text = b'id,note\n1,a\nx,b\n3,c,d\n,"e, ""f"""\n5,g\n'
    return lake.load("t", [text], source="n.csv", schema=Declared(columns=COLUMNS))


def test_mended_rows_join_the_table_at_their_old_place(lake: Lake, load: Load) -> None:
    again = lake.replay(load.id, mends=(Mend(row=2, raw="2,b"), Mend(row=4, raw='4,"e, ""f"""')))
    assert (again.rows_in, again.rows_loaded, again.rows_quarantined, again.replays) == (2, 2, 0, load.id)
    rows = read(lake, "t", provenance=True)
    assert [(r["id"], r["note"], r["_row"]) for r in rows] == [(1, "a", 1), (5, "g", 5), (2, "b", 2), (4, 'e, "f"', 4)]
    assert {r["_load"] for r in rows} == {load.id}
    assert lake.load_record(load.id).held == 1
    assert [r.row for r in lake.quarantine(load.id).items] == [3]
    done = lake.quarantine(load.id, state=RowState.REPLAYED).items
    assert [(r.row, r.note) for r in done] == [(2, again.id), (4, again.id)]


def test_a_row_that_fails_again_stays_held(lake: Lake, load: Load) -> None:
    again = lake.replay(load.id, mends=(Mend(row=2, raw="still no,b"), Mend(row=3, raw="3,c\n9,z")))
    assert (again.rows_loaded, again.rows_quarantined) == (0, 2)
    assert again.version is None
    assert "id: 'still no' is not int64" in " ".join(again.notes)
    assert lake.load_record(load.id).held == 3


def test_rows_are_given_up_with_a_reason(lake: Lake, load: Load, bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="why"):
        lake.drop_rows(load.id, " ")
    assert lake.drop_rows(load.id, "test rows", rows=(2,)).held == 2
    assert lake.drop_rows(load.id, "all of it").held == 0
    assert [r.note for r in lake.quarantine(load.id, state=None).items] == ["test rows", "all of it", "all of it"]
    assert len(bench.events(QuarantineDropped)) == 2
    with pytest.raises(NotFound, match="holds no"):
        lake.replay(load.id)


def test_a_row_is_never_taken_twice(lake: Lake, load: Load) -> None:
    lake.replay(load.id, mends=(Mend(row=2, raw="2,b"),))
    with pytest.raises(NotFound, match="holds no row 2"):
        lake.replay(load.id, rows=(2,))
    assert lake.table("t").rows == 3


def test_the_quarantine_pages_through_all_rows(lake: Lake) -> None:
    text = b"id\n" + b"x\n" * 250
    load = lake.load("many", [text], schema=Declared(columns=COLUMNS[:1]))
    seen, cursor = list[int](), None
    while True:
        page = lake.quarantine(load.id, cursor=cursor, limit=100)
        seen += [row.row for row in page.items]
        if (cursor := page.next) is None:
            break
    assert seen == list(range(1, 251))
    assert lake.table("many").quarantined == 250
