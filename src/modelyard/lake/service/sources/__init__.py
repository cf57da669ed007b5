"""Sources as record batches: CSV, JSON lines, Parquet, Arrow; each row with its place, none passed over.

A source gives what it can read as batches of its fields and `_row`, and what it cannot as wrong rows (place, text,
reason). Memory is bounded by a block of the file, never by the file. Nothing here knows a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelyard.lake.api import Format, Reading, SchemaRules
from modelyard.lake.model.dialect import SAMPLE_BYTES, sniff
from modelyard.lake.service.sources.columnar import ArrowSource, ParquetSource
from modelyard.lake.service.sources.delimited import CsvSource
from modelyard.lake.service.sources.lines import HeldSource, JsonLinesSource
from modelyard.lake.service.sources.pulled import PulledSource, Spool
from modelyard.lake.service.sources.source import Source, WrongRow

__all__ = ["HeldSource", "PulledSource", "Source", "Spool", "WrongRow", "open_source"]


def open_source(
    path: Path, form: Format, reading: Reading, *, expected: Sequence[str], rules: SchemaRules | None = None
) -> Source:  # fmt: skip
    """Open a file as rows.

    Args:
        path: text is in UTF-8 already.
        expected: the columns of the table, if there is one.
        rules: which others may come; only documents are held to them here, since each brings its own.

    Raises:
        InvalidInput: it is not of that format, or has no rows and no header.
    """
    if form in (Format.CSV, Format.EXCEL):
        with path.open("rb") as file:
            dialect = sniff(file.read(SAMPLE_BYTES), reading, expected=expected)
        return CsvSource(path, dialect, null=reading.null, expected=expected)
    if form is Format.JSON_LINES:
        return JsonLinesSource(path, expected, rules)
    return ParquetSource(path) if form is Format.PARQUET else ArrowSource(path)
