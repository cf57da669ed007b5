"""A contract written down reads as the same record, whatever it says."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.quality.api import (
    BalanceRule,
    ColumnRule,
    Contract,
    Distance,
    DriftRule,
    QueryRule,
    ReferenceRule,
    RowsRule,
    Severity,
    SqlRule,
    UniqueRule,
    Value,
)
from modelyard.quality.model.texts import parse, written

T = TypeVar("T")
TRAPS = ["NO", "yes", "~", "null", "1e3", "010", "0x1f", "12:30:01", "2024-01-01", "- x", "a: b", "#", " ", ".inf"]


def some(each: st.SearchStrategy[T], most: int = 2) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(each, max_size=most).map(tuple)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12) | st.sampled_from(TRAPS)
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
values: st.SearchStrategy[Value] = st.one_of(st.booleans(), numbers, words)
severities = st.sampled_from(Severity)
names = st.lists(words, min_size=1, max_size=3).map(tuple)
columns = st.builds(
    ColumnRule, type=st.none() | words, nullable=st.booleans(), min=st.none() | numbers | words,
    above=st.none() | numbers, one_of=some(values, 4), pattern=st.none() | words,
    max_length=st.none() | st.integers(0, 9), severity=severities,
)  # fmt: skip
drifts = st.builds(
    DriftRule, column=words, at=words, distance=st.sampled_from(Distance), max=st.floats(0.01, 9)
)  # fmt: skip
contracts = st.builds(
    Contract, columns=st.dictionaries(words, columns, max_size=3),
    unique=some(st.builds(UniqueRule, columns=names, severity=severities)),
    references=some(st.builds(ReferenceRule, columns=names, table=words, at=st.none() | words)),
    rows=st.none() | st.builds(RowsRule, min=st.none() | st.integers(0, 9)), drift=some(drifts),
    balance=some(st.builds(BalanceRule, column=words, groups=some(values), positive=values)),
    checks=some(st.builds(SqlRule, name=words, sql=words)),
    queries=some(st.builds(QueryRule, name=words, sql=words, min=st.none() | numbers)), description=words,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(contracts)
def test_yaml_and_json_read_as_what_was_written(contract: Contract) -> None:
    assert parse(written(contract)) == contract
    assert parse(msgspec.json.encode(contract).decode()) == contract
