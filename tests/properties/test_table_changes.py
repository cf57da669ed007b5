"""Properties of differences and of the change feed: applied to one version they give the other, whatever was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.lake.api import NEXT, Column, Declared, Difference, Lake, Mode, RowFate
from modelyard.lake.store import MIGRATIONS
from modelyard.testing import Bench
from tests.lake.stand import open_lake, read

Rows = Counter[tuple[tuple[str, object], ...]]
KEYS, VALUES = st.integers(0, 6), st.sampled_from(["a", "b", "ü\n'\"", "", None])
ROWS = st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=5)
STEP = st.one_of(
    st.tuples(st.sampled_from([Mode.APPEND, Mode.MERGE, Mode.OVERWRITE]), ROWS),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("column"), st.booleans()),
    st.tuples(st.just("restore"), st.integers(1, 4)),
)
_number = count(1)


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    with Bench(MIGRATIONS) as bench, open_lake(bench) as made:
        yield made


def arrow(rows: list[tuple[int, str | None]]) -> list[bytes]:
    table = pa.table(
        {"id": [r[0] for r in rows], "v": [r[1] for r in rows]},
        schema=pa.schema([("id", pa.int64()), ("v", pa.string())]),
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return [bytes(sink.getvalue())]


def carry_out(lake: Lake, name: str, steps: list[tuple[object, object]], *, keyed: bool) -> int:
    """Do what the steps say; the newest version."""
    columns = (Column(name="id", type="int64"), Column(name="v", type="string"))
    version = lake.create(name, Declared(columns=columns, keys=("id",) if keyed else ())).version
    for what, how in steps:
        if isinstance(what, Mode):
            mode = Mode.APPEND if what is Mode.MERGE and not keyed else what
            version = lake.write(name, arrow(how), mode=mode).version  # type: ignore[arg-type]  # rows, as the strategy gives them
        elif what == "delete":
            version = lake.delete_where(name, f"id <= {how}").version
        elif what == "column":
            fresh = f"c{version}"
            version = lake.add_column(
                name, Column(name=fresh, type="int64"), expression="id * 2" if how else None
            ).version  # fmt: skip
        else:
            version = lake.restore(name, str(min(int(str(how)), version))).version
    return version


def seen(lake: Lake, name: str, at: int, columns: list[str]) -> Rows:
    rows = read(lake, name, at=str(at), provenance=True)
    return Counter(tuple((c, row.get(c)) for c in columns) for row in rows)


def differences(lake: Lake, name: str, base: int, target: int) -> Difference:
    """All pages as one."""
    first = found = lake.diff(name, str(base), str(target), limit=3)
    rows = list(found.rows)
    while found.next is not None:
        found = lake.diff(name, str(base), str(target), cursor=found.next, limit=3)
        rows += found.rows
    fates = Counter(row.fate for row in rows)
    assert (fates[RowFate.ADDED], fates[RowFate.REMOVED], fates[RowFate.CHANGED]) == (
        first.added,
        first.removed,
        first.changed,
    )
    return Difference(**{**{f: getattr(first, f) for f in first.__struct_fields__}, "rows": rows})


def applied(rows: Rows, found: Difference, columns: list[str]) -> Rows:
    """What a difference makes of rows, paired by what it says it paired them by."""
    result = Counter(rows)
    for change in found.rows:
        if change.fate is RowFate.CHANGED:
            old = {cell.column: cell.old for cell in change.cells} | change.key
            fresh = {cell.column: cell.new for cell in change.cells}
            row = next(r for r in result if result[r] and all((k, v) in r for k, v in old.items()))
            result[row] -= 1
            result[tuple((c, fresh.get(c, dict(row)[c])) for c in columns)] += 1
            continue
        row = tuple((c, (change.row | change.key).get(c)) for c in columns)
        result[row] += 1 if change.fate is RowFate.ADDED else -1
        assert result[row] >= 0
    return +result


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=4), keyed=st.booleans(), pick=st.randoms(use_true_random=False))
def test_a_difference_applied_to_the_one_version_gives_the_other(
    lake: Lake, steps: list[tuple[object, object]], keyed: bool, pick: object
) -> None:
    name = f"d{next(_number)}"
    last = carry_out(lake, name, steps, keyed=keyed)
    base, target = (pick.randint(1, last) for _ in range(2))  # type: ignore[attr-defined]  # a random.Random
    found = differences(lake, name, base, target)
    columns = list(dict.fromkeys(c.name for v in (base, target) for c in lake.table(name, at=str(v)).columns))
    columns += [c for c in found.by if c not in columns]
    assert applied(seen(lake, name, base, columns), found, columns) == +seen(lake, name, target, columns)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=4), keyed=st.booleans())
def test_the_feed_followed_from_any_version_leads_to_the_newest(
    lake: Lake, steps: list[tuple[object, object]], keyed: bool
) -> None:
    name = f"f{next(_number)}"
    last = carry_out(lake, name, steps, keyed=keyed)
    columns = [c.name for c in lake.table(name).columns]
    for since in {0, 1, last}:
        feed = pa.ipc.open_stream(b"".join(lake.changes(name, since=since))).read_all()
        assert int((feed.schema.metadata or {})[NEXT.encode()]) == last
        state = seen(lake, name, since, columns) if since else Counter()
        for row in feed.to_pylist():
            change = row.pop("_change")
            assert since < row.pop("_version") <= last
            state[tuple((c, row[c]) for c in columns)] += 1 if change in ("insert", "update_after") else -1
        assert +state == +seen(lake, name, last, columns)
        assert not -state
