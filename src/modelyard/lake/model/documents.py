"""JSON documents as rows: which columns they have and of which types, from how their values are written.

A scalar keeps the type it is written in: `1` is int64, `1.0` is float64, `"1"` is text. Text that is an ISO 8601 date
or moment wherever it stands is a date or timestamp. What is nested is kept as JSON text in one column. Values of
different kinds in one column make it text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from modelyard.lake.api import Column

_DATE = re.compile(rb'"\d{4}-\d\d-\d\d"')
_MOMENT = re.compile(rb'"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?"')
_INT64 = 1 << 63
_TYPES = {
    frozenset({"int"}): "int64", frozenset({"float"}): "float64", frozenset({"int", "float"}): "float64",
    frozenset({"bool"}): "bool", frozenset({"date"}): "date", frozenset({"moment"}): "timestamp",
    frozenset({"date", "moment"}): "timestamp",
}  # fmt: skip

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def columns_of(lines: Iterable[bytes | str]) -> tuple[Column, ...]:
    """The columns of documents, in the order in which they come up.

    >>> [(c.name, c.type) for c in columns_of(['{"a": 1, "b": {"c": 2}}', '{"a": 1.5}'])]
    [('a', 'float64'), ('b', 'string')]
    """
    kinds: dict[str, set[str]] = {}
    for line in lines:
        for name, value in _decode(line).items():
            found = kinds.setdefault(name, set())
            if (kind := _kind(bytes(value))) != "null":
                found.add(kind)
    return tuple(Column(name=name, type=_TYPES.get(frozenset(found), "string")) for name, found in kinds.items())


def _kind(value: bytes) -> str:
    head = value[:1]
    if head == b'"':
        if _MOMENT.fullmatch(value):
            return "moment"
        return "date" if _DATE.fullmatch(value) else "text"
    if head in (b"{", b"["):
        return "nested"
    if head in (b"t", b"f"):
        return "bool"
    if head == b"n":
        return "null"
    if any(mark in value for mark in b".eE"):
        return "float"
    return "int" if -_INT64 <= int(value) < _INT64 else "big"
