"""A three-way merge does what a plain dictionary would, whatever both sides did."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.lake.api import Declared, Lake, Mode, Resolve
from modelyard.lake.store import MIGRATIONS
from modelyard.testing import Bench
from tests.lake.stand import open_lake, read

KEYED = Declared(keys=("id",))
Rows = dict[int, int]
SIDE = st.tuples(
    st.dictionaries(st.integers(0, 7), st.integers(0, 2), max_size=5), st.sets(st.integers(0, 7), max_size=3)
)


def write(lake: Lake, rows: Rows, branch: str | None, mode: Mode) -> None:
    text = b"id,v\n" + b"".join(b"%d,%d\n" % pair for pair in sorted(rows.items()))
    lake.load("t", [text], mode=mode, schema=KEYED, branch=branch)


def change(lake: Lake, base: Rows, side: tuple[Rows, set[int]], branch: str | None) -> Rows:
    """Upsert some rows and take some away; what the side has then."""
    fresh, gone = side
    if fresh:
        write(lake, fresh, branch, Mode.MERGE)
    after = {**base, **fresh}
    if gone & after.keys():
        after = {key: value for key, value in after.items() if key not in gone}
        write(lake, after or {99: 0}, branch, Mode.OVERWRITE)
        after = after or {99: 0}
    return after


def merged(base: Rows, ours: Rows, theirs: Rows, *, theirs_win: bool) -> tuple[Rows, set[int]]:
    """The dictionary's merge, and the keys in conflict."""
    result, disputed = dict(ours), set[int]()
    for key in base.keys() | ours.keys() | theirs.keys():
        was, mine, yours = base.get(key), ours.get(key), theirs.get(key)
        if yours in (was, mine):
            continue
        if mine != was:
            disputed.add(key)
            if not theirs_win:
                continue
        if yours is None:
            result.pop(key, None)
        else:
            result[key] = yours
    return result, disputed


@given(base=st.dictionaries(st.integers(0, 7), st.integers(0, 2), min_size=1, max_size=6), ours=SIDE, theirs=SIDE,
       theirs_win=st.booleans())  # fmt: skip
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_merge_is_the_merge_of_dictionaries(
    base: Rows, ours: tuple[Rows, set[int]], theirs: tuple[Rows, set[int]], theirs_win: bool
) -> None:
    with Bench(MIGRATIONS) as bench, open_lake(bench) as lake:
        write(lake, base, None, Mode.MERGE)
        lake.create_branch("dev")
        mine, yours = change(lake, base, ours, None), change(lake, base, theirs, "dev")
        wanted, disputed = merged(base, mine, yours, theirs_win=theirs_win)
        told = {row.key["id"] for row in lake.conflicts("dev", "t", limit=100).items}
        assert told == disputed
        lake.merge("dev")
        if disputed:
            assert {row["id"]: row["v"] for row in read(lake, "t")} == mine
            lake.merge("dev", resolve=Resolve.THEIRS if theirs_win else Resolve.OURS)
        assert {row["id"]: row["v"] for row in read(lake, "t")} == wanted
        assert lake.compare("dev").tables == ()
