"""Reading: rows as an Arrow stream, a window for the screen, and users' SELECTs, all at one catalogue version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Cell, Preview
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.store import catalogue, scans
from modelyard.ports import calls
from modelyard.ports.queries import Session

_WORD = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][\w.\-]*)')
_LONGEST_QUERY = 100_000
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def stream(
    desk: Desk, entry: catalogue.Entry, *, columns: Sequence[str], where: str | None, limit: int | None,
    provenance: bool,
) -> Iterator[bytes]:  # fmt: skip
    """Rows of a table's version as an Arrow IPC stream."""
    names = _chosen(entry, columns)
    uris = desk.uris(entry)
    query = scans.rows(uris, names, entry.columns, where=where, limit=limit, provenance=provenance)
    return _answer(desk, {}, uris, query, timeout_s=600.0)


def _chosen(entry: catalogue.Entry, columns: Sequence[str]) -> list[str]:
    known = [c.name for c in entry.columns]
    if unknown := [name for name in columns if name not in known]:
        raise InvalidInput(f"table {entry.name} has no column {unknown[0]!r}; it has {', '.join(known)[:300]}")
    return list(columns) or known


def preview(
    desk: Desk, entry: catalogue.Entry, *, offset: int, limit: int, sort: str | None, descending: bool,
    where: str | None,
) -> Preview:  # fmt: skip
    """A window of rows for a screen."""
    if sort is not None:
        _chosen(entry, [sort])
    if offset < 0:
        raise InvalidInput("offset counts rows from 0 on")
    uris = desk.uris(entry)
    total, rows = entry.rows, list[list[Cell]]()
    with desk.queries().confined(views={}, extra=uris) as session:
        if where:
            counting = scans.count(uris, entry.columns, where)
            _only_select(desk, counting)
            total = int(session.rows(counting)[0][0] or 0)
        window = scans.window(uris, entry.columns, where=where, sort=sort, descending=descending, span=(offset, limit))
        _only_select(desk, window)
        table = session.reader(window).read_all()
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            rows.append([cell(value) for value in row])
    return Preview(
        table=entry.name, version=entry.version, columns=entry.columns, rows=rows, total=total, offset=offset
    )


def cell(value: Any) -> Cell:
    """A value as JSON shows it."""
    if isinstance(value, float):
        return value if value - value == 0 else None if value != value else str(value)  # noqa: PLR0124 - NaN alone
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def sql(desk: Desk, query: str, *, timeout_s: float) -> Iterator[bytes]:
    """The answer of a user's SELECT as an Arrow IPC stream."""
    if len(query) > _LONGEST_QUERY:
        raise InvalidInput(f"a query has at most {_LONGEST_QUERY:,} characters")
    if not 0 < timeout_s <= 600:
        raise InvalidInput("timeout_s lies between 0 and 600")
    _only_select(desk, query)
    views: dict[str, Sequence[str]] = {}
    for name, entry in _named(query).items():
        uris = desk.uris(entry)
        views[name] = (scans.rows(uris, [c.name for c in entry.columns], entry.columns), *uris)
    return _answer(desk, views, [], query, timeout_s=timeout_s)


def _only_select(desk: Desk, query: str) -> None:
    if not desk.queries().is_select(query):
        raise InvalidInput("only one SELECT is answered here; change tables through load, write and erase")


def _named(query: str) -> dict[str, catalogue.Entry]:
    """The tables whose name, or `name@version`, stands in the query."""
    tx = calls.current().tx
    found: dict[str, catalogue.Entry] = {}
    for quoted, plain in dict.fromkeys(_WORD.findall(query)):
        text = quoted.replace('""', '"') or plain
        name, _, at = text.partition("@")
        if text in found or not name or catalogue.entry(tx, name) is None:
            continue
        found[text] = resolve(name, at or None)
    return found


def _answer(
    desk: Desk, views: dict[str, Sequence[str]], extra: Sequence[str], query: str, *, timeout_s: float
) -> Iterator[bytes]:
    """Start the query, so that its errors come at once; then stream it."""
    _only_select(desk, query)
    stack = ExitStack()
    try:
        session = stack.enter_context(desk.queries().confined(views=views, extra=extra, timeout_s=timeout_s))
        return _flow(stack, session, query)
    except BaseException:
        stack.close()
        raise


def _flow(stack: ExitStack, session: Session, query: str) -> Iterator[bytes]:
    reader = session.reader(query)
    first = next(reader, None)

    def flow() -> Iterator[bytes]:
        with stack:
            yield reader.schema.serialize().to_pybytes()
            batch = first
            while batch is not None:
                yield batch.serialize().to_pybytes()
                batch = next(reader, None)
            yield _END_OF_STREAM

    return flow()
