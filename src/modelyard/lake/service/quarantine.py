"""The quarantine: rows that a table did not take, looked at, mended and loaded again, or given up with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest
from pathlib import Path

import pyarrow.parquet as pq

from modelyard.kernel.pages import Page, page_of
from modelyard.lake.api import Load, QuarantinedRow, RowState
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import loads
from modelyard.ports import calls

_BATCH = 10_000


def listed(desk: Desk, load: Load, *, state: RowState | None, after: int, limit: int) -> Page[QuarantinedRow]:
    """A load's rows after a place, in order."""
    wanted = (each for each in every(desk, load, after=after) if state in (None, each.state))
    first = nsmallest(limit + 1, wanted, key=lambda each: each.row)
    return page_of(first, limit, lambda each: (each.row,))


def every(desk: Desk, load: Load, *, after: int = 0) -> Iterator[QuarantinedRow]:
    """A load's rows after a place, as they were found, whatever became of them."""
    resolved = loads.resolved(calls.current().tx, load.id)
    for row, raw, reasons, position in placed(desk, load, after=after):
        became = resolved.get(row)
        yield QuarantinedRow(
            load=load.id, table=load.table, source=load.source, row=row, reasons=tuple(reasons), raw=raw,
            state=RowState.HELD if became is None else became.state, note="" if became is None else became.note,
            by=None if became is None else became.author, at_ms=None if became is None else became.at_ms,
            position=position,
        )  # fmt: skip


def kept(desk: Desk, load: Load, *, after: int = 0) -> Iterator[tuple[int, str, list[str]]]:
    """Every row that was refused: place, text, reasons; in the order they were found."""
    for row, raw, reasons, _ in placed(desk, load, after=after):
        yield row, raw, reasons


def placed(desk: Desk, load: Load, *, after: int = 0) -> Iterator[tuple[int, str, list[str], str]]:
    """As `kept`, and where each lies in the system it came from."""
    path = desk.quarantine_of(load.id)
    if load.replays is not None or not path.is_file():
        return
    yield from _rows_in(desk, path, after=after)


def refused(desk: Desk, path: Path, *, after: int = 0) -> Iterator[tuple[int, str, list[str]]]:
    """Place, text and reasons of the rows in one file of refused rows."""
    for row, raw, reasons, _ in _rows_in(desk, path, after=after):
        yield row, raw, reasons


def _rows_in(desk: Desk, path: Path, *, after: int) -> Iterator[tuple[int, str, list[str], str]]:
    with desk.seals.open(path) as opened, pq.ParquetFile(opened) as file:
        for batch in file.iter_batches(_BATCH):
            for row in batch.to_pylist():
                if row["row"] > after:
                    yield row["row"], row["raw"], row["reasons"], row.get("position") or ""
