"""Sources as record batches: CSV, JSON lines, Parquet, Arrow; each row with its place, none passed over.

A source gives what it can read as batches of its fields and `_row`, and what it cannot as wrong rows (place, text,
reason). Memory is bounded by a block of the file, never by the file. Nothing here knows a table.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pyarrow import ipc

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Format, Reading
from modelyard.lake.model.columns import MOST_COLUMNS, ROW_COLUMN, arrow_type, type_name, unique_names
from modelyard.lake.model.dialect import SAMPLE_BYTES, Dialect, sniff

BLOCK_BYTES = 8 << 20
_BATCH_ROWS = 16_384
_LONGEST_LINE = 8 << 20


class WrongRow(NamedTuple):
    """A row that is no row of its source's kind."""

    row: int
    raw: str
    reason: str


class Source(ABC):
    """A file that is read as rows.

    Attributes:
        names: the fields, made unique.
        types: what each comes as, in the lake's words; None for text.
        notes: what had to be changed to read it.
        rows: how many were read so far, wrong ones included.
    """

    names: tuple[str, ...]
    types: dict[str, str | None]
    notes: tuple[str, ...] = ()
    rows: int = 0

    def __init__(self) -> None:
        self._wrong: list[WrongRow] = []

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in order, with `_row`; may be called again to read them again.

        Raises:
            InvalidInput: from here on the file cannot be read as rows at all.
        """

    @abstractmethod
    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each row of a batch as text of the source's kind, fit to be read again."""

    def describe(self) -> dict[str, str]:
        """How it was read."""
        return {}

    def take_wrong(self) -> list[WrongRow]:
        """Wrong rows since the last call."""
        found, self._wrong = self._wrong, []
        return found


def open_source(path: Path, form: Format, reading: Reading, *, expected: Sequence[str]) -> Source:
    """Open a file as rows.

    Args:
        path: text is in UTF-8 already.
        expected: the columns of the table, if there is one.

    Raises:
        InvalidInput: it is not of that format, or has no rows and no header.
    """
    if form is Format.CSV:
        with path.open("rb") as file:
            dialect = sniff(file.read(SAMPLE_BYTES), reading, expected=expected)
        return CsvSource(path, dialect, null=reading.null, expected=expected)
    if form is Format.JSON_LINES:
        return JsonLinesSource(path, expected)
    return ParquetSource(path) if form is Format.PARQUET else ArrowSource(path)


class CsvSource(Source):
    """Records of comma-separated text."""

    def __init__(self, path: Path, dialect: Dialect, *, null: Sequence[str] = (), expected: Sequence[str] = ()) -> None:
        super().__init__()
        self._path = path
        self._dialect = dialect
        self._null = ["", *null]
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

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The records, in order."""
        self.rows = 0
        skipped: deque[int] = deque()
        with self._path.open("rb") as file:
            file.seek(self._dialect.skip_bytes)
            if not file.peek(1):
                return
            place = 0
            for batch in self._parsed(file, skipped):
                places, place = _places(place, batch.num_rows, skipped)
                self.rows = max(self.rows, place)
                if batch.num_rows:
                    yield self._checked(batch, places)
            self.rows = max(place, *skipped) if skipped else place

    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each record as CSV; a value that is missing is empty, an empty text is quoted."""
        columns = [batch.column(name).to_pylist() for name in self.names]
        mark = self._dialect.delimiter
        return [mark.join(_field(value, mark) for value in row) for row in zip(*columns, strict=True)]

    def _parsed(self, file: BinaryIO, skipped: deque[int]) -> Iterator[pa.RecordBatch]:
        width = len(self.names)

        def refuse(row: pacsv.InvalidRow) -> str:
            skipped.append(row.number)
            self._wrong.append(
                WrongRow(row.number, row.text, f"{row.actual_columns} fields where {width} are expected")
            )
            return "skip"

        try:
            yield from pacsv.open_csv(
                pa.PythonFile(file, mode="r"),
                read_options=pacsv.ReadOptions(column_names=self.names, use_threads=False, block_size=BLOCK_BYTES),
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

    def _checked(self, batch: pa.RecordBatch, places: pa.Array) -> pa.RecordBatch:
        """The batch as text with places, without the rows that are no UTF-8."""
        columns, broken = [], set[int]()
        for column in batch.columns:
            try:
                columns.append(column.cast(pa.string()))
            except pa.ArrowInvalid:
                text, wrong = _lenient(column)
                columns.append(text)
                broken |= wrong
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


def _lenient(column: pa.Array) -> tuple[pa.Array, set[int]]:
    r"""The column as text, and the places of the values that are no UTF-8; their bad bytes are written as `\xNN`."""
    texts: list[str | None] = []
    broken = set()
    for place, value in enumerate(column.to_pylist()):
        if value is None:
            texts.append(None)
            continue
        try:
            texts.append(value.decode("utf-8"))
        except UnicodeDecodeError:
            texts.append(value.decode("utf-8", errors="backslashreplace"))
            broken.add(place)
    return pa.array(texts, pa.string()), broken


class JsonLinesSource(Source):
    """One JSON object a line; values travel as the text they are written in."""

    def __init__(self, path: Path, expected: Sequence[str]) -> None:
        super().__init__()
        self._path = path
        names = dict.fromkeys(expected)
        if not names:
            names = _keys_of(path)
        if not names:
            raise InvalidInput("the source has no line that is a JSON object")
        self.names, self.notes = unique_names(names)
        self._keys = dict(zip(names, self.names, strict=True))
        self.types = dict.fromkeys(self.names, None)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The lines, in order; blank lines are no rows."""
        decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self.rows, rows, places = 0, list[dict[str, str | None]](), list[int]()
        for line in self._lines():
            self.rows += 1
            try:
                row = self._row(decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, InvalidInput) as err:
                self._wrong.append(WrongRow(self.rows, line.decode("utf-8", errors="backslashreplace"), _why(err)))
                continue
            rows.append(row)
            places.append(self.rows)
            if len(rows) == _BATCH_ROWS:
                yield self._batch(rows, places)
                rows, places = [], []
        if rows:
            yield self._batch(rows, places)

    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each row as a JSON object of texts."""
        return [
            json.dumps({k: v for k, v in row.items() if k != ROW_COLUMN and v is not None}, ensure_ascii=False)
            for row in batch.to_pylist()
        ]

    def _lines(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    raise InvalidInput(f"line {self.rows + 1:,} is longer than {_LONGEST_LINE >> 20} MiB")
                if plain := line.removeprefix(b"\xef\xbb\xbf").strip():
                    yield plain

    def _row(self, found: dict[str, msgspec.Raw]) -> dict[str, str | None]:
        row = {}
        for key, value in found.items():
            if (name := self._keys.get(key)) is None:
                raise InvalidInput(f"{key[:60]!r} is not among the columns")
            row[name] = _text(bytes(value))
        return row

    def _batch(self, rows: list[dict[str, str | None]], places: list[int]) -> pa.RecordBatch:
        columns = [pa.array([row.get(name) for row in rows], pa.string()) for name in self.names]
        return pa.RecordBatch.from_arrays([*columns, pa.array(places, pa.int64())], [*self.names, ROW_COLUMN])


def _keys_of(path: Path) -> dict[str, None]:
    """The keys of the first lines, in the order in which they come up."""
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    names: dict[str, None] = {}
    with path.open("rb") as file:
        for line in file.read(SAMPLE_BYTES).split(b"\n")[:1000]:
            try:
                names.update(dict.fromkeys(decode(line)))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
    return names


def _text(value: bytes) -> str | None:
    if value == b"null":
        return None
    return msgspec.json.decode(value, type=str) if value.startswith(b'"') else value.decode("utf-8")


def _why(err: Exception) -> str:
    return err.detail if isinstance(err, InvalidInput) else f"not a JSON object: {err}"


class _TypedSource(Source):
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


class ParquetSource(_TypedSource):
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
            for batch in file.iter_batches(_BATCH_ROWS):
                yield self._placed(batch)


class ArrowSource(_TypedSource):
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
