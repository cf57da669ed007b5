"""Reading: rows as an Arrow stream, a window for the screen, and users' SELECTs, all at one catalogue version."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Cell, Preview
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.policies import shown
from modelyard.lake.store import catalogue, reshaping, scans
from modelyard.ports.answers import answered


def stream(
    desk: Desk, entry: catalogue.Entry, *, columns: Sequence[str], where: str | None, limit: int | None,
    provenance: bool,
) -> Iterator[bytes]:  # fmt: skip
    """Rows of a table's version as an Arrow IPC stream."""
    names = chosen(entry, columns)
    _one_condition(desk, where)
    uris, _ = shown(desk, entry)
    query = scans.rows(uris, names, entry.columns, where=where, limit=limit, provenance=provenance)
    only_select(desk, query)
    stack = ExitStack()
    session = stack.enter_context(desk.queries().confined(views={}, extra=uris, timeout_s=600.0))
    return answered(stack, session, query)


def chosen(entry: catalogue.Entry, columns: Sequence[str]) -> list[str]:
    """The columns that are meant; all where none are named."""
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
        chosen(entry, [sort])
    if offset < 0:
        raise InvalidInput("offset counts rows from 0 on")
    _one_condition(desk, where)
    uris, total = shown(desk, entry)
    rows = list[list[Cell]]()
    with desk.queries().confined(views={}, extra=uris) as session:
        if where:
            counting = scans.count(uris, entry.columns, where)
            only_select(desk, counting)
            total = int(session.rows(counting)[0][0] or 0)
        window = scans.window(uris, entry.columns, where=where, sort=sort, descending=descending, span=(offset, limit))
        only_select(desk, window)
        table = session.reader(window).read_all()
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            rows.append([cell(value) for value in row])
    return Preview(
        table=entry.name, version=entry.version, columns=entry.columns, rows=rows, total=total, offset=offset
    )


def _one_condition(desk: Desk, where: str | None) -> None:
    if where:
        only_tables(desk, reshaping.alone(where)[0])


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


def only_select(desk: Desk, query: str) -> None:
    """Refuse a text that is not one SELECT."""
    if not desk.queries().is_select(query):
        raise InvalidInput("only one SELECT is answered here; change tables through load, write and erase")


def only_tables(desk: Desk, query: str, known: Container[str] = ()) -> None:
    """Refuse a user's SELECT that reads anything but tables, of which `known` are some."""
    if named := [name for name in desk.queries().outsiders(query) if name not in known]:
        raise InvalidInput(f"a query reads the lake's tables alone, and this one names {', '.join(named)[:300]}")
