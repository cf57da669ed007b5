"""Parquet and Arrow: rows that come with types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.model.columns import MOST_COLUMNS, ROW_COLUMN, arrow_type, type_name, unique_names
from modelyard.lake.service.sources.source import BATCH_ROWS, Source


class TypedSource(Source):
    """Rows that come with types."""

    def _take_schema(self, schema: pa.Schema) -> None:
        self.names, self.notes = unique_names(schema.names)
        if len(self.names) > MOST_COLUMNS:
            raise InvalidInput(f"the source has {len(self.names):,} columns; a table has at most {MOST_COLUMNS:,}")
        self.types = {name: type_name(field.type) for name, field in zip(self.names, schema, strict=True)}
        self._stored = pa.schema([pa.field(n, arrow_type(str(kind))) for n, kind in self.types.items()])

    def _placed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        try:
            columns = [
                column if column.type == field.type else column.cast(field.type)
                for column, field in zip(batch.columns, self._stored, strict=True)
            ]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as err:
            raise InvalidInput(f"a column cannot be stored as it comes: {err}") from err
        places = pa.array(np.arange(self.rows + 1, self.rows + batch.num_rows + 1, dtype=np.int64))
        self.rows += batch.num_rows
        return pa.RecordBatch.from_arrays([*columns, places], [*self.names, ROW_COLUMN])

    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each row as a JSON object."""
        return [
            json.dumps({k: v for k, v in row.items() if k != ROW_COLUMN}, ensure_ascii=False, default=str)
            for row in batch.to_pylist()
        ]


class ParquetSource(TypedSource):
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        with _refused("Parquet"), pq.ParquetFile(path) as file:
            self._take_schema(file.schema_arrow)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in order."""
        self.rows = 0
        with _refused("Parquet"), pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield self._placed(batch)


class ArrowSource(TypedSource):
    """An Arrow IPC stream or file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        with self._opened() as reader:
            self._take_schema(reader.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in order."""
        self.rows = 0
        with self._opened() as reader:
            whole = isinstance(reader, ipc.RecordBatchFileReader)
            for batch in (reader.get_batch(n) for n in range(reader.num_record_batches)) if whole else reader:
                yield self._placed(batch)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        with _refused("Arrow"), pa.OSFile(str(self._path)) as file:
            whole = file.read(6) == b"ARROW1"
            file.seek(0)
            with ipc.open_file(file) if whole else ipc.open_stream(file) as reader:
                yield reader


@contextmanager
def _refused(kind: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as err:
        raise InvalidInput(f"the source cannot be read as {kind}: {str(err)[:300]}; nothing was taken") from err
