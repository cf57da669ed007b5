"""Whatever is in a CSV, each of its records ends in the table or in the quarantine, once, with its content."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.lake.api import Column, Declared, Lake, Reading
from modelyard.lake.model.dialect import split_record
from modelyard.lake.store import MIGRATIONS
from modelyard.testing import Bench
from tests.lake.stand import open_lake, read

COLUMNS = (
    Column(name="n", type="int64", nullable=False),
    Column(name="x", type="float64"),
    Column(name="s", type="string"),
)
_names = count()

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
numbers = st.integers(-(2**63), 2**63 - 1).map(str)
fields = st.one_of(st.none(), numbers, st.floats(allow_nan=False, allow_infinity=False).map(repr), texts)
records = st.one_of(st.tuples(numbers, fields, fields), st.lists(fields, min_size=2, max_size=5).map(tuple))


def written(field: str | None, *, quote: bool) -> str:
    if field is None:
        return ""
    if quote or field == "" or any(c in field for c in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    with Bench(MIGRATIONS) as bench, open_lake(bench) as made:
        yield made


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records, max_size=40), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_each_record_is_in_exactly_one_place(
    lake: Lake, given_records: list[tuple[str | None, ...]], quote: bool, end: str
) -> None:
    lines = ["n,x,s", *(",".join(written(f, quote=quote) for f in record) for record in given_records)]
    name = f"t{next(_names)}"
    text = (end.join(lines) + end).encode()
    load = lake.load(name, [text], schema=Declared(columns=COLUMNS), reading=Reading(delimiter=",", header=True))
    assert load.rows_in == len(given_records) == load.rows_loaded + load.rows_quarantined
    taken = {int(str(row["_row"])): row for row in read(lake, name, provenance=True)}
    held = {row.row: row.raw for row in lake.quarantine(load.id, limit=1000).items}
    assert not taken.keys() & held.keys()
    assert sorted([*taken, *held]) == list(range(1, len(given_records) + 1))
    for place, raw in held.items():
        assert tuple(split_record(raw, ",")) == given_records[place - 1]
    for place, row in taken.items():
        n, x, s = given_records[place - 1]
        assert row["n"] == int(Decimal(str(n)))
        assert (row["x"] is None) == (x is None)
        assert row["s"] == s


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(lake: Lake, data: bytes) -> None:
    from modelyard.kernel.errors import YardError

    name = f"t{next(_names)}"
    try:
        load = lake.load(name, [data])
    except YardError as err:
        assert len(err.detail) > 10
    else:
        assert load.rows_in == load.rows_loaded + load.rows_quarantined
