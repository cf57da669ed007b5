"""Reading windows out of the lake: only the columns that are needed, by place, by time or by condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import Ref, parts
from modelyard.lake.api import SHAPE, Files, Lake, Table
from modelyard.monitoring.api import Monitor, Watch


@dataclass(frozen=True, slots=True)
class Span:
    """A window by its ends: rows in the order of loading, or milliseconds of the time column."""

    start: int
    end: int
    by_time: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """A window that was read."""

    ref: Ref
    span: Span
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads tables in this process."""

    lake: Lake
    files: Files

    def described(self, name: str, at: str | None = None) -> Table | None:
        """The table, or None if there is none yet."""
        try:
            return self.lake.table(name, at=at)
        except NotFound:
            if at is not None:
                raise
            return None

    def chosen(self, name: str, columns: Sequence[str], *, at: str | None, where: str | None) -> pa.Table:
        """Rows that fulfil a condition, in the order of loading."""
        content = b"".join(self.lake.rows(name, at=at, columns=tuple(columns), where=where))
        return pa.ipc.open_stream(pa.BufferReader(content)).read_all()

    def placed(self, name: str, columns: Sequence[str], *, at: str | None, start: int, end: int) -> pa.Table:
        """Rows from `start` up to `end` in the order of loading; files outside are not opened beyond their footer."""
        found = self.files.files(name, at=at)
        if found.paths and found.paths[0].endswith(SHAPE):
            return self.chosen(name, columns, at=at, where=None).slice(start, end - start)
        pieces, seen = [], 0
        for path in found.paths:
            with pq.ParquetFile(path) as file:
                rows = file.metadata.num_rows
                if seen < end and seen + rows > start:
                    whole = file.read(columns=list(columns))
                    first = max(0, start - seen)
                    pieces.append(whole.slice(first, min(rows, end - seen) - first))
            seen += rows
        if not pieces:
            return self.chosen(name, columns, at=at, where="1 = 0")
        return pa.concat_tables(pieces, promote_options="permissive")

    def window(self, watch: Watch, columns: Sequence[str], span: Span, *, at: str | None) -> pa.Table:
        """The rows of a span."""
        if span.by_time:
            name = watch.time or ""
            bounds = f"{moment(name)} >= {span.start} AND {moment(name)} < {span.end}"
            wanted = dict.fromkeys((*columns, name))
            return in_order(self.chosen(watch.table, list(wanted), at=at, where=both(watch.where, bounds)), name)
        if watch.where is None:
            return self.placed(watch.table, columns, at=at, start=span.start, end=span.end)
        return self.chosen(watch.table, columns, at=at, where=watch.where).slice(span.start, span.end - span.start)

    def total(self, watch: Watch, table: Table) -> int:
        """How many rows of a version are watched."""
        if watch.where is None:
            return table.rows
        return int(self.lake.preview(watch.table, at=str(table.version), limit=1, where=watch.where).total)

    def moments(self, name: str, column: str, *, at: str | None, where: str | None) -> npt.NDArray[np.int64]:
        """Every moment of a time column in milliseconds, nulls left out."""
        held = self.chosen(name, (column,), at=at, where=where).column(column)
        exact = held.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).drop_null()
        return np.asarray(exact.to_numpy(), dtype=np.int64)


def newest(reader: Reader, monitor: Monitor, table: Table) -> Span:
    """The last rows, or the last period up to the latest moment."""
    watch = monitor.watch
    if watch.window.period_s is not None:
        at = str(table.version)
        found = reader.moments(watch.table, watch.time or "", at=at, where=watch.where)
        last = int(found.max()) + 1 if len(found) else 0
        return Span(last - watch.window.period_s * 1000, last, by_time=True)
    total = reader.total(watch, table)
    return Span(max(0, total - (watch.window.rows or 0)), total, by_time=False)


def complete(reader: Reader, monitor: Monitor, table: Table, *, most: int) -> list[Span]:
    """Windows that are whole by now, hold rows and were not judged, oldest first."""
    watch = monitor.watch
    if (period := watch.window.period_s) is not None:
        size, name = period * 1000, watch.time or ""
        since = both(watch.where, f"{moment(name)} >= {monitor.seen}")
        times = reader.moments(watch.table, name, at=str(table.version), where=since)
        starts = np.unique(times // size) * size
        return [Span(int(s), int(s) + size, by_time=True) for s in starts[:-1]][:most]
    size, total = watch.window.rows or 1, reader.total(watch, table)
    return [Span(s, s + size, by_time=False) for s in range(monitor.seen, total - size + 1, size)][:most]


def beginning(reader: Reader, watch: Watch) -> int:
    """From where on windows are judged: after the reference if it is of the same table, else after what is there."""
    kind, name, at = parts(watch.reference)
    if kind != "table" or at is None:
        raise InvalidInput(f"the reference {watch.reference} is not of the form table:name@version; name the version")
    same = name == watch.table and watch.reference_where is None
    table = reader.described(watch.table, at if same else None)
    if table is None:
        return 0
    if watch.window.period_s is None:
        return reader.total(watch, table)
    size = watch.window.period_s * 1000
    found = reader.moments(watch.table, watch.time or "", at=str(table.version), where=watch.where)
    return (int(found.max()) // size + 1) * size if len(found) else 0


def in_order(table: pa.Table, time: str | None) -> pa.Table:
    """The rows by time, where there is one."""
    return table if time is None or time not in table.column_names else table.sort_by(time)


def moment(column: str) -> str:
    """A time column in milliseconds, as a condition says it."""
    return 'epoch_ms("' + column.replace('"', '""') + '")'


def both(one: str | None, other: str) -> str:
    """Both conditions."""
    return other if one is None else f"({one}\n) AND {other}"
