"""Publishing and merging: all tables in one moment or none, rows joined by key, conflicts told and nothing changed."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable

from modelyard.kernel.errors import AlreadyExists, Conflict, NotFound
from modelyard.lake.api import (
    BranchMerged,
    BranchState,
    Column,
    Declared,
    Fate,
    Lake,
    Mode,
    Resolve,
    TableCommitted,
)
from modelyard.testing import Bench
from tests.lake.stand import read

KEYED = Declared(keys=("id",))


def rows(lake: Lake, name: str, at: str | None = None) -> dict[object, object]:
    return {row["id"]: row["v"] for row in read(lake, name, at=at)}


def upsert(lake: Lake, name: str, values: dict[int, int], branch: str | None = None) -> None:
    text = b"id,v\n" + b"".join(b"%d,%d\n" % pair for pair in values.items())
    lake.load(name, [text], mode=Mode.MERGE, schema=KEYED, branch=branch)


def test_publishing_moves_all_tables_in_one_commit_and_ends_the_branch(lake: Lake, bench: Bench) -> None:
    upsert(lake, "a", {1: 1})
    lake.create_branch("dev")
    upsert(lake, "a", {1: 10, 2: 20}, branch="dev")
    upsert(lake, "b", {7: 70}, branch="dev")
    done = lake.publish("dev", message="november")
    assert {m.table: m.fate for m in done.tables} == {"a": Fate.FORWARD, "b": Fate.CREATED}
    assert (rows(lake, "a"), rows(lake, "b")) == ({1: 10, 2: 20}, {7: 70})
    commit = lake.commits().items[0]
    assert (commit.id, commit.branch, commit.message) == (done.commit, "main", "november")
    assert {m.table: m.version for m in commit.tables} == {m.table: m.version for m in done.tables}
    assert lake.branch_record("dev").state is BranchState.PUBLISHED
    assert DeltaTable(str(bench.home / "lake" / "tables" / "a")).to_pyarrow_table().num_rows == 2
    (news,) = bench.events(BranchMerged)
    assert news.decode(BranchMerged).published
    made = [e for e in bench.events(TableCommitted) if e.decode(TableCommitted).operation == "publish"]
    assert {(e.reads, e.writes) for e in made} == {((m.source,), (m.version,)) for m in done.tables}
    newest = lake.history("a").items[0]
    assert (newest.operation, newest.branch, f"table:a@{newest.merged}") == ("publish", "main", done.tables[0].source)
    with pytest.raises(NotFound, match="published"):
        lake.publish("dev")


def test_what_both_sides_changed_is_joined_by_key(lake: Lake) -> None:
    upsert(lake, "t", {1: 1, 2: 2, 3: 3})
    lake.create_branch("dev")
    upsert(lake, "t", {1: 10, 4: 40}, branch="dev")
    upsert(lake, "t", {2: 20, 5: 50})
    (move,) = lake.compare("dev").tables
    assert (move.fate, move.by, move.added, move.removed, move.changed) == (Fate.MERGED, ("id",), 1, 0, 1)
    done = lake.merge("dev")
    assert done.tables[0].fate is Fate.MERGED
    assert rows(lake, "t") == {1: 10, 2: 20, 3: 3, 4: 40, 5: 50}
    assert rows(lake, "t", "dev") == {1: 10, 2: 2, 3: 3, 4: 40}
    assert lake.merge("dev").tables == ()
    assert lake.merge("main", into="dev").tables[0].fate is Fate.FORWARD
    assert rows(lake, "t", "dev") == rows(lake, "t")
    upsert(lake, "t", {6: 60}, branch="dev")
    assert lake.publish("dev").tables[0].fate is Fate.FORWARD
    assert len(rows(lake, "t")) == 6


def test_a_conflict_changes_nothing_and_is_told_row_by_row(lake: Lake, bench: Bench) -> None:
    upsert(lake, "t", {1: 1, 2: 2, 3: 3})
    upsert(lake, "u", {1: 1})
    lake.create_branch("dev")
    upsert(lake, "t", {1: 10, 2: 5, 9: 9}, branch="dev")
    upsert(lake, "u", {2: 2}, branch="dev")
    upsert(lake, "t", {1: 11, 2: 5, 8: 8})
    before = (lake.table("t").version, lake.table("u").version)
    done = lake.merge("dev")
    assert done.commit is None
    assert {m.table: (m.fate, m.conflicts) for m in done.tables} == {
        "t": (Fate.CONFLICT, 1), "u": (Fate.FORWARD, 0),
    }  # fmt: skip
    (row,) = done.conflicts
    assert (row.key, row.base, row.ours, row.theirs) == (
        {"id": 1}, {"id": 1, "v": 1}, {"id": 1, "v": 11}, {"id": 1, "v": 10},
    )  # fmt: skip
    assert lake.conflicts("dev", "t").items == [row]
    with pytest.raises(Conflict, match="t; nothing was changed"):
        lake.publish("dev")
    assert (lake.table("t").version, lake.table("u").version) == before
    assert bench.events(BranchMerged) == []
    lake.merge("dev", resolve=Resolve.OURS)
    assert rows(lake, "t") == {1: 11, 2: 5, 3: 3, 8: 8, 9: 9}


def test_theirs_takes_the_rows_of_the_branch(lake: Lake) -> None:
    upsert(lake, "t", {1: 1, 2: 2})
    lake.create_branch("dev")
    upsert(lake, "t", {1: 10}, branch="dev")
    upsert(lake, "t", {1: 11, 3: 3})
    lake.publish("dev", resolve=Resolve.THEIRS)
    assert rows(lake, "t") == {1: 10, 2: 2, 3: 3}


def test_conflicts_come_in_pages(lake: Lake) -> None:
    upsert(lake, "t", {0: 0})
    lake.create_branch("dev")
    upsert(lake, "t", dict.fromkeys(range(30), 1), branch="dev")
    upsert(lake, "t", dict.fromkeys(range(30), 2))
    page = lake.conflicts("dev", "t", limit=20)
    rest = lake.conflicts("dev", "t", limit=20, cursor=page.next)
    assert [r.key["id"] for r in (*page.items, *rest.items)] == list(range(30))
    assert rest.next is None


def test_tables_without_keys_are_joined_by_where_rows_came_from(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id,v\n1,1\n1,1\n"])
    lake.create_branch("dev")
    lake.load("t", [b"id,v\n2,2\n"], branch="dev")
    lake.load("t", [b"id,v\n1,1\n3,3\n"])
    files = len(list((bench.home / "lake" / "tables" / "t").glob("*.parquet")))
    (move,) = lake.publish("dev").tables
    assert (move.by, move.fate) == (("_load", "_row"), Fate.MERGED)
    assert sorted(int(str(r["id"])) for r in read(lake, "t")) == [1, 1, 1, 2, 3]
    assert len(list((bench.home / "lake" / "tables" / "t").glob("*.parquet"))) == files


def test_keys_that_come_twice_fall_back_to_provenance(lake: Lake) -> None:
    lake.load("t", [b"id,v\n1,1\n1,2\n"], schema=KEYED)
    lake.create_branch("dev")
    lake.load("t", [b"id,v\n2,2\n"], branch="dev")
    lake.load("t", [b"id,v\n1,3\n"])
    assert lake.publish("dev").tables[0].by in (("id",), ("_load", "_row"))
    assert sorted(int(str(r["v"])) for r in read(lake, "t")) == [1, 2, 2, 3]


def test_columns_follow_the_side_that_changed_them(lake: Lake) -> None:
    wide = Declared(columns=tuple(Column(name=n, type="int64") for n in ("id", "v", "w")), keys=("id",))
    upsert(lake, "t", {1: 1, 2: 2})
    lake.create_branch("dev")
    lake.load("t", [b"id,v,w\n1,1,5\n2,2,\n"], mode=Mode.OVERWRITE, schema=wide, branch="dev")
    upsert(lake, "t", {2: 20, 3: 3})
    (move,) = lake.publish("dev").tables
    assert move.columns == ("w",)
    assert sorted((r["id"], r["v"], r["w"]) for r in read(lake, "t")) == [(1, 1, 5), (2, 20, None), (3, 3, None)]


def test_columns_that_both_sides_changed_are_a_conflict(lake: Lake) -> None:
    upsert(lake, "t", {1: 1})
    lake.create_branch("dev")
    for name, branch in (("w", "dev"), ("x", None)):
        columns = tuple(Column(name=n, type="int64") for n in ("id", name))
        lake.load("t", [b"id\n1\n"], mode=Mode.OVERWRITE, schema=Declared(columns=columns), branch=branch)
    done = lake.merge("dev")
    assert (done.commit, done.tables[0].conflict) == (None, "both sides changed its columns")
    lake.publish("dev", resolve=Resolve.THEIRS)
    assert [c.name for c in lake.table("t").columns] == ["id", "w"]


def test_a_dropped_table_goes_when_it_is_published(lake: Lake) -> None:
    upsert(lake, "t", {1: 1})
    upsert(lake, "u", {1: 1})
    lake.create_branch("dev")
    lake.drop("t", branch="dev")
    lake.drop("u", branch="dev")
    upsert(lake, "u", {2: 2})
    done = lake.merge("dev")
    assert {m.table: m.fate for m in done.tables} == {"t": Fate.DROPPED, "u": Fate.CONFLICT}
    assert [t.name for t in lake.tables().items] == ["t", "u"]
    lake.publish("dev", resolve=Resolve.OURS)
    assert [t.name for t in lake.tables().items] == ["u"]
    upsert(lake, "t", {5: 5})
    assert rows(lake, "t") == {5: 5}


def test_a_branch_of_a_branch_merges_into_it(lake: Lake) -> None:
    upsert(lake, "t", {1: 1})
    lake.create_branch("dev")
    lake.create_branch("feature", source="dev")
    upsert(lake, "t", {2: 2}, branch="feature")
    upsert(lake, "t", {3: 3}, branch="dev")
    lake.publish("feature", into="dev")
    assert (rows(lake, "t", "dev"), rows(lake, "t")) == ({1: 1, 2: 2, 3: 3}, {1: 1})
    lake.publish("dev")
    assert rows(lake, "t") == {1: 1, 2: 2, 3: 3}


def test_a_tag_of_the_lake_names_all_tables_and_can_be_gone_back_to(lake: Lake) -> None:
    upsert(lake, "a", {1: 1})
    upsert(lake, "b", {1: 1})
    tag = lake.tag_lake("gold", message="trained on")
    assert tag.tables == {"a": 1, "b": 1}
    upsert(lake, "a", {1: 2})
    upsert(lake, "c", {1: 1})
    assert (rows(lake, "a", "gold"), rows(lake, "a")) == ({1: 1}, {1: 2})
    with pytest.raises(AlreadyExists):
        lake.tag_lake("gold")
    with pytest.raises(AlreadyExists):
        lake.create_branch("gold")
    lake.create_branch("again", source="gold")
    assert [t.name for t in lake.tables(branch="again").items] == ["a", "b"]
    made = lake.roll_back("main", "gold")
    assert {m.table: m.version is None for m in made.tables} == {"a": False, "c": True}
    assert (rows(lake, "a"), [t.name for t in lake.tables().items]) == ({1: 1}, ["a", "b"])
    with pytest.raises(Conflict, match="already"):
        lake.roll_back("main", "gold")
    assert [t.tag for t in lake.lake_tags().items] == ["gold"]
    lake.untag_lake("gold")
    with pytest.raises(NotFound):
        lake.untag_lake("gold")


def test_a_protected_branch_takes_rows_by_publishing_alone(lake: Lake) -> None:
    upsert(lake, "t", {1: 1})
    assert lake.protect("main").protected
    with pytest.raises(Conflict, match="write to a branch of it, then publish"):
        upsert(lake, "t", {2: 2})
    with pytest.raises(Conflict, match="protected"):
        lake.drop("t")
    lake.create_branch("dev")
    upsert(lake, "t", {2: 2}, branch="dev")
    lake.publish("dev")
    assert rows(lake, "t") == {1: 1, 2: 2}
    assert lake.erase("t", "id", ("1",)).rows == 1
    assert not lake.protect("main", protected=False).protected
    upsert(lake, "t", {3: 3})


def test_commits_are_listed_for_a_branch(lake: Lake) -> None:
    for n in range(3):
        upsert(lake, "t", {n: n})
    lake.create_branch("dev")
    upsert(lake, "t", {9: 9}, branch="dev")
    assert [c.branch for c in lake.commits().items] == ["dev", "main", "main", "main"]
    page = lake.commits(branch="main", limit=2)
    assert len(lake.commits(branch="main", limit=2, cursor=page.next).items) == 1
    (moved,) = lake.commits(branch="dev").items[0].tables
    assert (moved.version, moved.before) == ("table:t@4", "table:t@3")


def test_what_was_published_is_counted_by_rows_and_not_by_files(lake: Lake) -> None:
    lake.load("t", [b"id,v\n1,1\n2,2\n3,3\n4,4\n"], schema=Declared(keys=("id",)))
    lake.create_branch("dev")
    lake.load("t", [b"id,v\n2,20\n5,5\n"], mode=Mode.MERGE, branch="dev")
    lake.delete_where("t", "id = 1", branch="dev")
    expected = [(move.added, move.removed, move.changed) for move in lake.compare("dev").tables]
    (move,) = lake.publish("dev").tables
    assert expected == [(move.added, move.removed, move.changed)] == [(1, 1, 1)]
    newest = lake.history("t").items[0]
    assert (newest.rows, newest.rows_added, newest.rows_removed) == (4, 1, 1)
