"""The quarantine of a table across its loads: counted by load and reason, listed row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modelyard.kernel.pages import Page, decode_cursor, page_of
from modelyard.lake.api import HeldLoad, HeldReason, LoadId, QuarantinedRow, RowState, TableQuarantine
from modelyard.lake.model.reasons import kind_of
from modelyard.lake.service import quarantine
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import loads
from modelyard.ports import calls

_NONE = "\x7f"


def summary(desk: Desk, table: str) -> TableQuarantine:
    """What the quarantine holds; each held row is looked at once."""
    rows, holding, examples = Counter[str](), dict[str, set[str]](), dict[str, str]()
    found = loads.holding(calls.current().tx, table)
    for load in found:
        for row in quarantine.every(desk, load):
            if row.state is not RowState.HELD:
                continue
            kinds = {kind_of(reason): reason for reason in row.reasons}
            rows.update(kinds.keys())
            for kind, reason in kinds.items():
                holding.setdefault(kind, set()).add(load.id)
                examples.setdefault(kind, reason)
    return TableQuarantine(
        table=table, held=sum(load.held for load in found),
        loads=tuple(HeldLoad(load=one.id, source=one.source, at_ms=one.started_ms, held=one.held) for one in found),
        reasons=tuple(
            HeldReason(reason=kind, rows=count, loads=len(holding[kind]), example=examples[kind])
            for kind, count in sorted(rows.items(), key=lambda each: (-each[1], each[0]))
        ),
    )  # fmt: skip


def listed(desk: Desk, table: str, *, reason: str | None, cursor: str | None, limit: int) -> Page[QuarantinedRow]:
    """Rows that are held, newest load first, each load's in order of place."""
    newest, after = _place(cursor)
    rows: list[QuarantinedRow] = []
    for load in loads.holding(calls.current().tx, table):
        if load.id > newest:
            continue
        fitting = (row for row in _held(desk, load.id, after if load.id == newest else 0) if _fits(row, reason))
        rows += sorted(fitting, key=lambda row: row.row)[: limit + 1 - len(rows)]
        if len(rows) > limit:
            break
    return page_of(rows, limit, lambda row: (row.load, row.row))


def _place(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return _NONE, 0
    load, row = decode_cursor(cursor, 2)
    return str(load), int(row or 0)


def _held(desk: Desk, load: LoadId, after: int) -> Iterator[QuarantinedRow]:
    found = loads.get(calls.current().tx, load)
    rows = () if found is None else quarantine.every(desk, found, after=after)
    return (row for row in rows if row.state is RowState.HELD)


def _fits(row: QuarantinedRow, reason: str | None) -> bool:
    return reason is None or any(reason in (each, kind_of(each)) for each in row.reasons)
