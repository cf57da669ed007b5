"""Upkeep: small files are folded, old versions let go under a rule, faults found and mended; no row changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import Gone, NotFound
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Fault, Lake, Retention, VersionsExpired
from modelyard.lake.model.retention import due, kept
from modelyard.testing import Bench
from tests.lake.stand import lake_service, read


def ids(lake: Lake, at: str | None = None) -> list[object]:
    return sorted(row["id"] for row in read(lake, "t", at=at))  # type: ignore[type-var]  # integers


def files(bench: Bench) -> set[str]:
    return {p.name for p in (bench.home / "lake" / "tables" / "t").glob("*.parquet")}


def load(lake: Lake, *numbers: int, branch: str | None = None) -> None:
    for number in numbers:
        lake.load("t", [b"id\n%d\n" % number], source=f"{number}.csv", branch=branch)


def test_folding_changes_no_row_and_no_place_of_a_row(lake: Lake, bench: Bench) -> None:
    load(lake, *range(6))
    places = sorted((row["_load"], row["_row"], row["id"]) for row in read(lake, "t", provenance=True))
    done = lake.compact("t")
    assert (done.version, done.files_before, done.files_after) == (7, 6, 1)
    assert sorted((row["_load"], row["_row"], row["id"]) for row in read(lake, "t", provenance=True)) == places
    newest = lake.history("t").items[0]
    assert (newest.operation, newest.rows, newest.rows_added, newest.rows_removed) == ("compact", 6, 0, 0)
    assert ids(lake, "3") == [0, 1, 2]
    assert DeltaTable(str(bench.home / "lake" / "tables" / "t")).count() == 6
    assert lake.compact("t").version is None


def test_folding_leaves_large_files_and_other_branches_alone(lake: Lake) -> None:
    load(lake, 1, 2)
    lake.create_branch("dev")
    load(lake, 3, branch="dev")
    assert lake.compact("t", branch="dev").files_after == 1
    assert (ids(lake), ids(lake, "dev")) == ([1, 2], [1, 2, 3])
    assert len(lake.whereabouts("t").files) == 2
    with pytest.raises(NotFound):
        lake.compact("t", branch="nowhere")


def test_a_running_yard_folds_a_table_once_it_has_many_small_files(bench: Bench) -> None:
    with lake_service(bench) as service:
        made = bench.open(Lake, service)
        load(made, *range(48))
        bench.call(lambda: service.tidy("t", "main"), Effect.WORK)
        assert made.history("t", limit=1).items[0].operation == "compact"
        assert len(made.whereabouts("t").files) == 1
        bench.call(lambda: service.tidy("t", "main"), Effect.WORK)
        assert made.history("t", limit=1).items[0].version == 49


def test_without_a_rule_everything_stays_for_ever(lake: Lake, bench: Bench) -> None:
    load(lake, *range(4))
    bench.clock.advance(timedelta(days=4000))
    assert lake.retention("t").keep_days is None
    done = lake.vacuum("t")
    assert (done.expired, done.files) == ((), 0)


def test_versions_beyond_the_rule_go_and_their_files_with_them(lake: Lake, bench: Bench) -> None:
    load(lake, *range(4))
    lake.compact("t")
    bench.clock.advance(timedelta(days=8))
    load(lake, 4)
    lake.retain("t", keep_days=7, keep_versions=1)
    trial = lake.vacuum("t", dry_run=True)
    assert (trial.dry_run, trial.expired, trial.files) == (True, (1, 2, 3, 4), 4)
    assert ids(lake, "3") == [0, 1, 2]
    done = lake.vacuum("t")
    assert (done.expired, done.files, done.size_bytes) == ((1, 2, 3, 4), 4, trial.size_bytes)
    assert done.size_bytes > 0
    assert len(files(bench)) == 2
    assert ids(lake) == [0, 1, 2, 3, 4]
    assert ids(lake, "5") == [0, 1, 2, 3]
    with pytest.raises(Gone, match="let go by the table's retention"):
        lake.table("t", at="3")
    assert [v.version for v in lake.history("t").items if v.expired_ms is not None] == [4, 3, 2, 1]
    assert [e.decode(VersionsExpired).versions for e in bench.events(VersionsExpired)] == [(1, 2, 3, 4)]
    assert lake.examine(deep=True).findings == ()


def test_what_a_tag_a_branch_or_a_model_stands_on_stays(bench: Bench) -> None:
    class Standing:
        def holders(self, ref: Ref) -> Sequence[Ref]:
            return (Ref("model:tips@1"),) if ref == "table:t@3" else ()

    with lake_service(bench, holders=Standing()) as service:
        lake = bench.open(Lake, service)
        load(lake, *range(5))
        lake.tag("t", "golden", version=2)
        bench.clock.advance(timedelta(days=2))
        load(lake, 5)
        bench.clock.advance(timedelta(days=2))
        lake.retain("t", keep_days=1)
        done = lake.vacuum("t")
        assert done.expired == (1, 4, 5)
        assert done.held == {"2": "tag golden names it", "3": "model:tips@1 was made from it"}
        assert ids(lake, "golden") == [0, 1]
        assert ids(lake, "3") == [0, 1, 2]


def test_an_open_branch_keeps_what_its_merge_needs(lake: Lake, bench: Bench) -> None:
    load(lake, 1, 2)
    lake.create_branch("dev")
    load(lake, 3, branch="dev")
    load(lake, 4, 5)
    bench.clock.advance(timedelta(days=3))
    load(lake, 6)
    bench.clock.advance(timedelta(days=3))
    lake.retain("t", keep_days=1)
    done = lake.vacuum("t")
    assert done.expired == (1,)
    assert all("branch" in why for why in done.held.values())
    assert ids(lake, "dev") == [1, 2, 3]
    lake.discard("dev")
    assert set(lake.vacuum("t").expired) >= {2, 4, 5}
    assert ids(lake) == [1, 2, 4, 5, 6]


def test_an_erasure_after_a_vacuum_still_reaches_every_version(lake: Lake, bench: Bench) -> None:
    lake.load("t", [b"id,who\n1,ann\n2,bob\n"])
    lake.load("t", [b"id,who\n3,ann\n"])
    lake.compact("t")
    bench.clock.advance(timedelta(days=3))
    lake.load("t", [b"id,who\n4,eve\n"])
    lake.retain("t", keep_days=1)
    lake.vacuum("t")
    lake.erase("t", "who", ("ann",))
    assert ids(lake) == [2, 4]
    assert ids(lake, "3") == [2]
    assert lake.examine(deep=True).findings == ()


def test_a_sound_lake_has_no_findings(lake: Lake) -> None:
    load(lake, 1, 2)
    lake.create_branch("dev")
    load(lake, 3, branch="dev")
    found = lake.examine(deep=True)
    assert (found.findings, found.tables, found.versions, found.files) == ((), 1, 3, 3)


def test_lost_and_damaged_files_are_named_with_the_versions_they_were_in(lake: Lake, bench: Bench) -> None:
    load(lake, 1, 2, 3)
    folder = bench.home / "lake" / "tables" / "t"
    first, second, third = (Path(uri) for uri in lake.whereabouts("t").files)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-3])
    whole = bytearray(third.read_bytes())
    whole[len(whole) // 3] ^= 0xFF
    third.write_bytes(whole)
    assert folder.is_dir()
    found = {(f.fault, f.mended) for f in lake.examine(deep=True, mend=True).findings}
    assert {(Fault.MISSING, False), (Fault.SIZE, False), (Fault.DAMAGED, False)} <= found
    (missing,) = (f for f in lake.examine().findings if f.fault is Fault.MISSING)
    assert first.name in missing.detail
    assert 3 in missing.versions


def test_what_is_untidy_is_found_and_mended(lake: Lake, bench: Bench) -> None:
    load(lake, 1)
    folder = bench.home / "lake" / "tables"
    (folder / "t" / "stray-000.parquet").write_bytes(b"PAR1")
    (folder / "ghost" / "_delta_log").mkdir(parents=True)
    (folder / "ghost" / "_delta_log" / f"{0:020d}.json").write_text("{}")
    (bench.home / "lake" / "staging" / "load_dead").mkdir(parents=True)
    found = lake.examine()
    assert {f.fault for f in found.findings} == {Fault.STRAY, Fault.ORPHAN, Fault.UNFINISHED}
    assert not any(f.mended for f in found.findings)
    assert all(f.mended for f in lake.examine(mend=True).findings)
    assert lake.examine(deep=True).findings == ()
    assert ids(lake) == [1]


RULES = st.builds(
    Retention, table=st.just("t"), keep_days=st.none() | st.floats(0, 50), keep_versions=st.integers(1, 5),
    author=st.just(ActorId("a")), at_ms=st.just(0),
)  # fmt: skip
STANDING = st.lists(st.tuples(st.sampled_from(["main", "dev"]), st.integers(0, 4_000_000_000)), max_size=12).map(
    lambda made: [(n, branch, at) for n, (branch, at) in enumerate(sorted(made, key=lambda m: m[1]), start=1)]
)


@given(RULES, STANDING, st.integers(0, 9_000_000_000))
def test_a_rule_never_lets_the_newest_of_a_branch_go(
    rule: Retention, standing: list[tuple[int, str, int]], now: int
) -> None:
    gone = set(due(rule, standing, now))
    for branch in ("main", "dev"):
        of_branch = [version for version, at, _ in standing if at == branch]
        assert not of_branch or of_branch[-1] not in gone
    assert not gone & {version for version, _, _ in standing[-rule.keep_versions :]}
    if rule.keep_days is None:
        assert gone == set()


@given(
    st.sets(st.integers(1, 20)),
    st.sets(st.integers(1, 20)),
    st.sets(st.integers(1, 20)),
    st.none() | st.integers(1, 20),
)
def test_whatever_is_held_is_kept(wanted: set[int], heads: set[int], tags: set[int], since: int | None) -> None:
    found = kept(sorted(wanted), heads=dict.fromkeys(heads, "main"), tags=dict.fromkeys(tags, "gold"), since=since)
    later = {version for version in wanted if since is not None and version >= since}
    assert set(found) == wanted & (heads | tags | later)
