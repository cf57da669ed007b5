"""Rows that come as an Arrow stream: a table on a terminal, lines of JSON for programs, a file as its name says.

Into a pipe, or into a file of any other name, they go as the stream that they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, Any

import click
import msgspec

from modelyard.edges.cli.output import Output
from modelyard.kernel.errors import InvalidInput
from modelyard.sdk.frames import Rows, library

_SHOWN = 100


def is_kind(suffix: str) -> bool:
    """True if rows are written in another form into a file of this suffix."""
    return suffix in _KINDS


def show(chunks: Iterable[bytes], out: Output) -> None:
    """Print rows: all of them for a program, the first hundred for a person."""
    reader = Rows(lambda: iter(chunks)).reader()
    if out.as_json:
        for batch in iter(lambda: next(reader, None), None):
            for row in batch.to_pylist():
                out.line(row)
        return
    rows: list[dict[str, Any]] = []
    while len(rows) <= _SHOWN and (batch := next(reader, None)) is not None:
        rows += batch.slice(0, _SHOWN + 1 - len(rows)).to_pylist()
    out.rows(reader.schema.names, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        click.echo(f"these are the first {_SHOWN} rows; all of them: -o rows.csv (or .parquet, .jsonl), or --json")


def write(chunks: Iterable[bytes], sink: IO[bytes], *, suffix: str) -> None:
    """Write all rows in the form that goes by a suffix, one batch in memory at a time.

    Raises:
        InvalidInput: a file of that kind cannot hold such rows.
    """
    reader = Rows(lambda: iter(chunks)).reader()
    try:
        _KINDS[suffix](reader, sink)
    except library("pyarrow").ArrowInvalid as err:
        raise InvalidInput(f"a {suffix} file cannot hold these rows ({err}); write .parquet or .jsonl") from err


def _csv(reader: Any, sink: IO[bytes]) -> None:
    from pyarrow import csv

    with csv.CSVWriter(sink, reader.schema) as writer:
        for batch in iter(lambda: next(reader, None), None):
            writer.write_batch(batch)


def _lines(reader: Any, sink: IO[bytes]) -> None:
    for batch in iter(lambda: next(reader, None), None):
        for row in batch.to_pylist():
            sink.write(msgspec.json.encode(row) + b"\n")


def _parquet(reader: Any, sink: IO[bytes]) -> None:
    from pyarrow import parquet

    with parquet.ParquetWriter(sink, reader.schema, compression="zstd") as writer:
        for batch in iter(lambda: next(reader, None), None):
            writer.write_batch(batch)


_KINDS: dict[str, Callable[[Any, IO[bytes]], None]] = {
    ".csv": _csv, ".jsonl": _lines, ".ndjson": _lines, ".parquet": _parquet,
}  # fmt: skip
