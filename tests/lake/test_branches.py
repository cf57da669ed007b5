"""Branches: made without copying, written with every verb, seen by nobody else, given up without a trace."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from modelyard.kernel.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from modelyard.lake.api import Branch, BranchDiscarded, BranchMade, BranchState, Lake, Mode, RowState
from modelyard.testing import Bench
from tests.lake.stand import read
from tests.lake.test_erasure import SUBJECT, holding


def ids(lake: Lake, name: str, at: str | None = None) -> list[object]:
    return sorted(row["id"] for row in read(lake, name, at=at))  # type: ignore[type-var]  # integers


def files(bench: Bench, table: str) -> set[str]:
    return {p.name for p in (bench.home / "lake" / "tables" / table).glob("*.parquet")}


def foreign(bench: Bench, table: str) -> list[object]:
    rows = DeltaTable(str(bench.home / "lake" / "tables" / table)).to_pyarrow_table()
    return sorted(rows.column("id").to_pylist())


def test_a_branch_shows_what_its_source_shows_and_copies_nothing(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id\n1\n"])
    before = files(bench, "t")
    made = lake.create_branch("dev", description="try it")
    assert (made.name, made.ref, made.source, made.tables, made.protected) == ("dev", "branch:dev", "main", 1, False)
    assert ids(lake, "t", "dev") == [1]
    assert files(bench, "t") == before
    assert [b.name for b in lake.branches().items] == ["main", "dev"]
    (event,) = bench.events(BranchMade)
    assert event.writes == ("branch:dev",)


def test_what_is_written_on_a_branch_is_seen_there_alone(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id\n1\n"])
    lake.create_branch("dev")
    made = lake.load("t", [b"id\n2\nx,y\n"], branch="dev")
    assert (made.branch, made.rows_quarantined) == ("dev", 1)
    assert (ids(lake, "t"), ids(lake, "t", "dev"), ids(lake, "t", str(made.version))) == ([1], [1, 2], [1, 2])
    assert foreign(bench, "t") == [1]
    again = lake.load("t", [b"id\n3\n"])
    assert (again.version or 0) > (made.version or 0)
    assert (ids(lake, "t"), ids(lake, "t", "dev")) == ([1, 3], [1, 2])
    assert foreign(bench, "t") == [1, 3]
    stream = b"".join(lake.sql('select a.id from t a anti join "t@dev" b using (id)'))
    assert pa.ipc.open_stream(stream).read_all().to_pylist() == [{"id": 3}]
    assert len(pa.ipc.open_stream(b"".join(lake.sql("select id from t", at="dev"))).read_all()) == 2


def test_a_branch_merges_overwrites_and_replays_on_its_own(lake: Lake) -> None:
    from modelyard.lake.api import Declared, Mend

    lake.load("t", [b"id,v\n1,1\n2,2\n"], schema=Declared(keys=("id",)))
    lake.create_branch("dev")
    held = lake.load("t", [b"id,v\n2,20\n3,x\n"], mode=Mode.MERGE, branch="dev")
    assert sorted(int(str(r["v"])) for r in read(lake, "t", at="dev")) == [1, 20]
    lake.replay(held.id, mends=(Mend(row=2, raw="3,30"),))
    assert sorted(int(str(r["v"])) for r in read(lake, "t", at="dev")) == [1, 20, 30]
    assert sorted(int(str(r["v"])) for r in read(lake, "t")) == [1, 2]
    lake.load("t", [b"id,v\n9,9\n"], mode=Mode.OVERWRITE, branch="dev")
    assert [r["v"] for r in read(lake, "t", at="dev")] == [9]


def test_histories_part_where_the_branch_was_made(lake: Lake) -> None:
    lake.load("t", [b"id\n1\n"])
    lake.create_branch("dev")
    for n in range(3):
        lake.load("t", [b"id\n%d\n" % (10 + n)], branch="dev")
        lake.load("t", [b"id\n%d\n" % (20 + n)])
    assert [v.version for v in lake.history("t").items] == [7, 5, 3, 1]
    assert [(v.version, v.branch, v.parent) for v in lake.history("t", branch="dev").items] == [
        (6, "dev", 4), (4, "dev", 2), (2, "dev", 1), (1, "main", None),
    ]  # fmt: skip
    page = lake.history("t", branch="dev", limit=2)
    assert [v.version for v in lake.history("t", branch="dev", limit=2, cursor=page.next).items] == [2, 1]
    assert [v.version for v in lake.history("t", every=True).items] == [7, 6, 5, 4, 3, 2, 1]


def test_a_table_born_on_a_branch_is_empty_elsewhere(lake: Lake, bench: Bench) -> None:
    lake.create_branch("dev")
    lake.load("t", [b"id\n1\n"], branch="dev")
    assert foreign(bench, "t") == []
    with pytest.raises(NotFound, match="t@dev"):
        lake.table("t")
    assert lake.tables().items == []
    assert [t.name for t in lake.tables(branch="dev").items] == ["t"]
    assert [t.name for t in lake.tables(every=True).items] == ["t"]
    lake.load("t", [b"id\n7\n"])
    assert (ids(lake, "t"), ids(lake, "t", "dev"), foreign(bench, "t")) == ([7], [1], [7])


def test_names_stay_clear(lake: Lake) -> None:
    lake.load("t", [b"id\n1\n"])
    lake.tag("t", "gold")
    lake.create_branch("dev")
    with pytest.raises(AlreadyExists):
        lake.create_branch("dev")
    with pytest.raises(AlreadyExists):
        lake.create_branch("gold")
    with pytest.raises(AlreadyExists):
        lake.tag("t", "dev")
    for wrong in ("main", "12", "v3", "2026-11-01"):
        with pytest.raises(InvalidInput):
            lake.create_branch(wrong)
    with pytest.raises(NotFound):
        lake.create_branch("b", source="nowhere")
    with pytest.raises(NotFound):
        lake.load("t", [b"id\n1\n"], branch="nowhere")


def test_a_discarded_branch_takes_its_files_and_held_rows_along(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id\n1\n"])
    kept = files(bench, "t")
    lake.create_branch("dev")
    mine = lake.load("t", [b"id\n2\nbad\n"], branch="dev")
    lake.load("born", [b"id\n1\n"], branch="dev")
    lake.load("t", [b"id\n3\n"])
    gone = lake.discard("dev")
    assert isinstance(gone, Branch)
    assert (gone.state, gone.tables) == (BranchState.DISCARDED, 0)
    assert kept < files(bench, "t")
    assert len(files(bench, "t")) == 2
    assert not (bench.home / "lake" / "tables" / "born").exists()
    assert [v.version for v in lake.history("t", every=True).items] == [3, 1]
    (dropped,) = lake.quarantine(mine.id, state=RowState.DROPPED).items
    assert dropped.note == "branch dev was discarded"
    assert lake.table("t").quarantined == 0
    assert bench.events(BranchDiscarded)[0].decode(BranchDiscarded).versions == 2
    with pytest.raises(NotFound, match="discarded"):
        lake.load("t", [b"id\n2\n"], branch="dev")
    assert lake.create_branch("dev").tables == 1


def test_versions_that_a_tag_or_another_branch_holds_outlive_their_branch(lake: Lake) -> None:
    lake.load("t", [b"id\n1\n"])
    lake.create_branch("dev")
    first = lake.load("t", [b"id\n2\n"], branch="dev")
    lake.create_branch("later", source="dev")
    lake.load("t", [b"id\n3\n"], branch="dev")
    lake.tag("t", "gold", version=first.version)
    lake.discard("dev")
    assert (ids(lake, "t", "later"), ids(lake, "t", "gold")) == ([1, 2], [1, 2])
    assert [v.version for v in lake.history("t", every=True).items] == [2, 1]


def test_a_branch_lets_go_of_a_table_alone(lake: Lake) -> None:
    lake.load("t", [b"id\n1\n"])
    lake.create_branch("dev")
    lake.drop("t", branch="dev")
    with pytest.raises(NotFound):
        lake.table("t", at="dev")
    assert ids(lake, "t") == [1]
    lake.load("t", [b"id\n5\n"], branch="dev")
    assert ids(lake, "t", "dev") == [5]
    with pytest.raises(Conflict, match="branch dev holds versions of t"):
        lake.drop("t")
    lake.discard("dev")
    lake.drop("t")
    assert lake.tables(every=True).items == []


def test_erasure_reaches_versions_that_stand_on_branches_alone(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id,who\n1,bob@example.org\n"])
    lake.create_branch("dev")
    lake.load("t", [b"id,who\n2,ada@example.org\n3,eve@example.org\n"], branch="dev")
    lake.load("born", [b"id,who\n4,ada@example.org\n5,joe@example.org\n"], branch="dev")
    done = lake.erase("t", "who", (SUBJECT,))
    assert done.versions == (2,)
    assert lake.erase("born", "who", (SUBJECT,)).rows == 1
    assert [f for f in holding(bench.home, SUBJECT) if "yard.db" not in f] == []
    assert (lake.table("t", at="dev").rows, lake.table("born", at="dev").rows) == (2, 1)
    sizes = sum((bench.home / "lake" / "tables" / "t" / name).stat().st_size for name in files(bench, "t"))
    assert lake.table("t", at="dev").size_bytes == sizes
    lake.load("t", [b"id,who\n6,zoe@example.org\n"], branch="dev")
    assert ids(lake, "t", "dev") == [1, 3, 6]


def test_a_sweep_leaves_branches_alone(lake: Lake, bench: Bench) -> None:
    lake.create_branch("dev")
    lake.load("born", [b"id\n1\n"], branch="dev")
    lake.load("t", [b"id\n1\n"])
    lake.load("t", [b"id\n2\n"], branch="dev")
    lost: Path = bench.home / "lake" / "staging" / "load_lost"
    lost.mkdir(parents=True)
    stray = bench.home / "lake" / "tables" / "t" / "load_lost-000.parquet"
    stray.write_bytes(b"x")
    torn = stray.with_name("_delta_log") / f".{3:020d}.json.0f0f.tmp"  # an entry of the log that was never linked
    torn.write_bytes(b"")
    swept = lake.sweep()
    assert (swept.staged, swept.files, swept.tables, swept.undone) == (1, 2, (), ())
    assert not torn.exists() and not stray.exists()
    assert (ids(lake, "born", "dev"), ids(lake, "t", "dev"), ids(lake, "t")) == ([1], [2], [1])
