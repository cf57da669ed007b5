"""Data files: rows as Parquet, kept apart by partition, and how a table's log describes each.

Classified columns leave no statistics, neither in the file nor in the log; there, only the provenance columns have any.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN, arrow_schema, partitions
from modelyard.ports.tables import DataFile

ROWS_PER_FILE = 1_000_000
MOST_PARTS = 1_000
_BEHIND = 1
_WORDS = frozenset({"string", "binary"})  # numbers take half the time and fewer bytes without a dictionary
Part = dict[str, str | None]


class FileWriter:
    """Writes rows as Parquet files; in a partitioned table, rows of one partition come together.

    Args:
        stem: begins the files' names.
        most_rows: in one file.
    """

    def __init__(self, stem: Path, columns: Sequence[Column], *, most_rows: int = ROWS_PER_FILE) -> None:
        self._stem = stem
        self._schema = arrow_schema(columns)
        self._measured = [c.name for c in columns if c.classification is None] + [LOAD_COLUMN, ROW_COLUMN]
        self._worded = [c.name for c in columns if c.type in _WORDS] + [LOAD_COLUMN]
        self._by = partitions(columns)
        self._most_rows = most_rows
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0
        self.paths: list[Path] = []
        self.parts: list[Part] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        if batch.num_rows == 0:
            return
        if not self._by:
            self._append(batch, {})
            return
        texts = [pc.cast(batch.column(name), pa.string()) for name in self._by]
        for start, end in _runs(texts):
            part = dict(zip(self._by, (text[start].as_py() for text in texts), strict=True))
            self._append(batch.slice(start, end - start), part)

    def _append(self, batch: pa.RecordBatch, part: Part) -> None:
        if self._writer is not None and self.parts[-1] != part:
            self.close()
        if self._writer is None:
            self._open(part)
        assert self._writer is not None
        self._writer.write_batch(batch.cast(self._schema))
        self._rows += batch.num_rows
        if self._rows >= self._most_rows:
            self.close()

    def _open(self, part: Part) -> None:
        if self._by and len({tuple(each.values()) for each in [*self.parts, part]}) > MOST_PARTS:
            raise InvalidInput(
                f"{', '.join(self._by)} would part the rows into more than {MOST_PARTS:,}; partition by columns of few "
                "different values"
            )
        path = self._stem.with_name(f"{self._stem.name}-{len(self.paths):03d}.parquet")
        self.paths.append(path)
        self.parts.append(part)
        self._rows = 0
        self._writer = pq.ParquetWriter(
            path, self._schema, compression="zstd", compression_level=1, write_statistics=self._measured,
            use_dictionary=self._worded,
        )  # fmt: skip

    def close(self) -> None:
        """Finish the file under way."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def described(self, name: str) -> list[tuple[DataFile, Path]]:
        """The files for the table's log, and where they lie; `name` begins what they are to be called."""
        return [
            (describe(path, f"{name}-{n:03d}.parquet", part), path)
            for n, (path, part) in enumerate(zip(self.paths, self.parts, strict=True))
        ]


def _runs(texts: Sequence[pa.Array]) -> list[tuple[int, int]]:
    """Where rows of the same values begin and end."""
    changes = np.zeros(len(texts[0]), bool)
    changes[0] = True
    for text in texts:
        codes = text.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
        changes[1:] |= codes[1:] != codes[:-1]
    starts = np.flatnonzero(changes).tolist()
    return list(zip(starts, [*starts[1:], len(changes)], strict=True))


class WriterBeside:
    """Lets a writer encode in a thread of its own, few batches behind, while the next rows are made.

    What goes wrong there is raised at a later batch, or at the end.
    """

    def __init__(self, inner: FileWriter) -> None:
        self.inner = inner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._behind: deque[Future[None]] = deque()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self._behind.append(self._thread.submit(self.inner.write, batch))
        self._await(_BEHIND)

    def _await(self, left: int) -> None:
        """Wait until no more than so many batches are behind; what follows one that failed is not written."""
        try:
            while len(self._behind) > left:
                self._behind.popleft().result()
        except BaseException:
            self._behind.clear()
            raise

    def close(self) -> None:
        """Finish the file."""
        try:
            self._await(0)
        finally:
            self._thread.shutdown(cancel_futures=True)
            self.inner.close()


def describe(path: Path, name: str, part: Part | None = None) -> DataFile:
    """A data file as the table's log will have it."""
    with pq.ParquetFile(path) as file:
        meta = file.metadata
        place = meta.num_columns - 1
        bounds = [meta.row_group(n).column(place).statistics for n in range(meta.num_row_groups)]
        known = [b for b in bounds if b is not None and b.has_min_max]
        stats: dict[str, object] = {"numRecords": meta.num_rows}
        if known and len(known) == len(bounds):
            stats["minValues"] = {ROW_COLUMN: min(b.min for b in known)}
            stats["maxValues"] = {ROW_COLUMN: max(b.max for b in known)}
    return DataFile(
        path=name, rows=meta.num_rows, size_bytes=path.stat().st_size, stats=json.dumps(stats), part=part or {}
    )
