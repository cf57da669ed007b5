"""Looking at a source: its first rows and the columns that they suggest; nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from modelyard.kernel.errors import NotFound
from modelyard.lake.api import LOAD, Cell, Format, Look, Reading, SourceStream
from modelyard.lake.model.columns import ROW_COLUMN
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.fitting import inferred
from modelyard.lake.service.pulling.declaring import found, opened
from modelyard.lake.service.reading import cell
from modelyard.lake.service.sources import PulledSource, Source, Spool
from modelyard.lake.service.spooling import drained, opened_spool, spooling
from modelyard.ports import calls
from modelyard.ports.sources import Ask, FileSource, RowSource

_MOST_STREAMS = 10_000
_SAMPLE_ROWS = 2_000
_SAMPLE_BYTES = 8 << 20
_WHOLE = (".parquet", ".arrow", ".feather", ".xlsx", ".xls", ".xlsb", ".ods", ".gz", ".zst")
"""Files whose first bytes say nothing without the rest."""


def streams(desk: Desk, name: str) -> tuple[SourceStream, ...]:
    """What a source can be read from."""
    with closing(opened(desk, found(name))) as source:
        if isinstance(source, FileSource):
            return tuple(
                SourceStream(name=each.name, kind="file", rows=None, size_bytes=each.size_bytes)
                for each in islice(source.entries(), _MOST_STREAMS)
            )
        return tuple(
            SourceStream(name=each.name, kind=each.kind.value, rows=each.rows, size_bytes=each.size_bytes)
            for each in islice(source.streams(), _MOST_STREAMS)
        )


def look(desk: Desk, name: str, *, stream: str, rows: int) -> Look:
    """The first rows and the columns that they suggest."""
    kept = found(name)
    with closing(opened(desk, kept)) as source, desk.bench(LOAD.new(calls.current().clock)) as folder:
        if isinstance(source, FileSource):
            entry = next((e for e in source.entries() if not stream or e.name == stream), None)
            if entry is None:
                raise NotFound(f"source {name} has no file{f' {stream!r}' if stream else ''} to look at")
            reading = kept.drawing.reading or Reading()
            content = source.read(entry)
            if reading.format in (None, Format.CSV, Format.JSON_LINES) and not entry.name.endswith(_WHOLE):
                content = _head(content)
            held = drained(spooling(folder, content, name=entry.name, form=reading.format, reading=reading))
            return _shown(desk, name, entry.name, opened_spool(held, reading, ()), rows)
        ask = Ask(
            stream="" if not stream and kept.drawing.query else stream or kept.stream,
            query="" if stream else kept.drawing.query, batch_rows=_SAMPLE_ROWS,
        )  # fmt: skip
        return _shown(desk, name, ask.stream or "query", _sampled(folder, source, ask), rows)


def _sampled(folder: Path, source: RowSource, ask: Ask) -> Source:
    shape = source.shape(ask)
    spool = Spool(folder, shape.schema, shape.hints)
    for batch in source.read(ask):
        spool.write(batch)
        if spool.rows >= _SAMPLE_ROWS:
            break
    spool.close()
    return PulledSource(spool)


def _head(content: Iterator[bytes]) -> Iterator[bytes]:
    taken = 0
    for chunk in content:
        yield chunk[: _SAMPLE_BYTES - taken]
        taken += len(chunk)
        if taken >= _SAMPLE_BYTES:
            return


def _shown(desk: Desk, name: str, of: str, source: Source, rows: int) -> Look:
    columns = inferred(desk, source)
    first: list[list[Cell]] = []
    wrong: list[str] = []
    for batch in source.batches():
        wrong += [f"row {each.row}: {each.reason}" for each in source.take_wrong()]
        plain = batch.drop_columns([ROW_COLUMN]).slice(0, rows - len(first))
        first += [[cell(value) for value in row.values()] for row in plain.to_pylist()]
        if len(first) >= rows:
            break
    return Look(
        source=name, of=of, columns=columns, rows=first, wrong=tuple(wrong[:20]), notes=source.notes,
        dialect=source.describe(),
    )  # fmt: skip
