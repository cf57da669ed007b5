"""CSV: records of fields between delimiters, read in blocks; what is no record is kept as text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.model.columns import MOST_COLUMNS, ROW_COLUMN, unique_names
from modelyard.lake.model.dialect import Dialect
from modelyard.lake.service.sources.marking import MARK, MarkedFile
from modelyard.lake.service.sources.source import Source, WrongRow

BLOCK_BYTES = 8 << 20
_SAMPLE_BLOCK_BYTES = 1 << 20


class CsvSource(Source):
    """Records of comma-separated text."""

    def __init__(self, path: Path, dialect: Dialect, *, null: Sequence[str] = (), expected: Sequence[str] = ()) -> None:
        super().__init__()
        self._path = path
        self._dialect = dialect
        self._null = ["", *null]
        self._block_bytes = BLOCK_BYTES
        given = dialect.names
        if not given:
            given = tuple(expected) if len(expected) == dialect.width else ("",) * dialect.width
        self.names, self.notes = unique_names(given)
        if not dialect.names:
            self.notes = ()
        if len(self.names) > MOST_COLUMNS:
            raise InvalidInput(f"the source has {len(self.names):,} columns; a table has at most {MOST_COLUMNS:,}")
        self.types = dict.fromkeys(self.names, None)

    def describe(self) -> dict[str, str]:
        """Delimiter and header."""
        return {"delimiter": self._dialect.delimiter, "header": "yes" if self._dialect.header else "no"}

    def sample(self, rows: int) -> list[pa.RecordBatch]:
        """The first rows, read in small blocks: the reader takes some blocks in advance, whatever is asked of it."""
        self._block_bytes = _SAMPLE_BLOCK_BYTES
        try:
            return super().sample(rows)
        except InvalidInput:  # a record that is longer than a small block
            self.take_wrong()
        finally:
            self._block_bytes = BLOCK_BYTES
        return super().sample(rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The records, in order."""
        self.rows = 0
        skipped: deque[int] = deque()
        with self._path.open("rb") as file:
            file.seek(self._dialect.skip_bytes)
            if not file.peek(1):
                return
            place = 0
            marked = MarkedFile(file)
            for batch in self._parsed(marked, skipped):
                places, place = _places(place, batch.num_rows, skipped)
                self.rows = max(self.rows, place)
                if batch.num_rows:
                    yield self._checked(batch, places, marked=marked.found)
            self.rows = max(place, *skipped) if skipped else place

    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each record as CSV; a value that is missing is empty, an empty text is quoted."""
        columns = [batch.column(name).to_pylist() for name in self.names]
        mark = self._dialect.delimiter
        return [mark.join(_field(value, mark) for value in row) for row in zip(*columns, strict=True)]

    def _parsed(self, file: MarkedFile, skipped: deque[int]) -> Iterator[pa.RecordBatch]:
        width = len(self.names)

        def refuse(row: pacsv.InvalidRow) -> str:
            skipped.append(row.number)
            self._wrong.append(
                WrongRow(
                    row.number, row.text.replace(MARK, ""), f"{row.actual_columns} fields where {width} are expected"
                )
            )
            return "skip"

        try:
            yield from pacsv.open_csv(
                pa.PythonFile(file, mode="r"),
                read_options=pacsv.ReadOptions(
                    column_names=self.names, use_threads=False, block_size=self._block_bytes
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=self._dialect.delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.binary()), check_utf8=False, null_values=self._null,
                    strings_can_be_null=True, quoted_strings_can_be_null=False,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid as err:
            if "cannot infer" in str(err) or "Empty CSV" in str(err):
                return
            raise InvalidInput(
                f"the CSV cannot be read on from about record {self.rows + 1:,}: a record is longer than "
                f"{BLOCK_BYTES >> 20} MiB, or a quote is never closed; mend the file, nothing was taken"
            ) from err

    def _checked(self, batch: pa.RecordBatch, places: pa.Array, *, marked: bool) -> pa.RecordBatch:
        """The batch as text with places, without the rows that are no UTF-8."""
        columns, broken = [column.cast(pa.string()) for column in batch.columns], set[int]()
        if marked:
            for at, column in enumerate(columns):
                broken.update(pc.indices_nonzero(pc.match_substring(column, MARK)).to_pylist())
                columns[at] = pc.replace_substring(column, MARK, "")
        whole = pa.RecordBatch.from_arrays([*columns, places], [*self.names, ROW_COLUMN])
        if not broken:
            return whole
        wrong_rows = whole.take(pa.array(sorted(broken)))
        self._wrong += [
            WrongRow(place, raw, "not UTF-8; say the encoding of the source, e.g. latin-1")
            for place, raw in zip(wrong_rows.column(ROW_COLUMN).to_pylist(), self.raw(wrong_rows), strict=True)
        ]
        return whole.filter(pa.array([place not in broken for place in range(whole.num_rows)]))


def _places(last: int, count: int, skipped: deque[int]) -> tuple[pa.Array, int]:
    """Places of the next `count` rows that were not skipped, and the last of them."""
    runs = []
    while count:
        until = skipped[0] if skipped else last + count + 1
        taken = min(until - last - 1, count)
        if taken:
            runs.append(np.arange(last + 1, last + taken + 1, dtype=np.int64))
        last, count = last + taken, count - taken
        if count:
            last = skipped.popleft()
    return pa.array(np.concatenate(runs) if runs else np.empty(0, np.int64)), last


def _field(value: str | None, delimiter: str) -> str:
    if value is None:
        return ""
    if value == "" or delimiter in value or '"' in value or "\n" in value or "\r" in value:
        return '"' + value.replace('"', '""') + '"'
    return value
