"""Rows one at a time: JSON lines, and rows that were held in quarantine; slower than blocks, and exact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import SchemaPolicy, SchemaRules
from modelyard.lake.model.columns import MOST_COLUMNS, ROW_COLUMN, unique_names
from modelyard.lake.model.dialect import SAMPLE_BYTES, split_record
from modelyard.lake.service.sources.source import BATCH_ROWS, Source, WrongRow

_LONGEST_LINE = 8 << 20


class JsonLinesSource(Source):
    """One JSON object a line; values travel as the text they are written in."""

    def __init__(self, path: Path, expected: Sequence[str], rules: SchemaRules | None = None) -> None:
        super().__init__()
        self._path = path
        self._rules = rules or SchemaRules(table="")
        names = dict.fromkeys(expected)
        if self._rules.evolves:
            names |= self._keys(coming=bool(expected))
        elif not names:
            names = _keys_of(path)
        if not names:
            raise InvalidInput("the source has no line that is a JSON object")
        self.names, self.notes = unique_names(names)
        if len(self.names) > MOST_COLUMNS:
            raise InvalidInput(f"the source has {len(self.names):,} columns; a table has at most {MOST_COLUMNS:,}")
        self._named = dict(zip(names, self.names, strict=True))
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
            if len(rows) == BATCH_ROWS:
                yield _texts(self.names, rows, places)
                rows, places = [], []
        if rows:
            yield _texts(self.names, rows, places)

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
            if (name := self._named.get(key)) is None:
                _refuse_stranger(key, self._rules, self.left)
                continue
            row[name] = _text(bytes(value))
        return row

    def _keys(self, *, coming: bool) -> dict[str, None]:
        """The keys of all lines, in the order in which they come up; where `coming`, those that may come in."""
        decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        names: dict[str, None] = {}
        for line in self._lines():
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                names |= {key: None for key in decode(line) if self._may_come(key, coming=coming)}
            if len(names) > MOST_COLUMNS:
                return names
        return names

    def _may_come(self, key: str, *, coming: bool) -> bool:
        """True if a key may be a column: of a table that is there, or of one that is made of these lines."""
        if coming:
            return self._rules.of(key) is SchemaPolicy.EVOLVE
        return self._rules.columns.get(key) is not SchemaPolicy.DISCARD


class HeldSource(Source):
    """Rows that were refused once, mended or not, with the places they had; each text is one record on its own.

    Args:
        rows: place and text of each, as often as it is asked.
        names: the fields that the texts had.
        expected: the columns that the table has by now; documents may hold those as well, and what `rules` let in.
    """

    def __init__(
        self, rows: Callable[[], Iterable[tuple[int, str]]], *, names: Sequence[str], delimiter: str | None,
        expected: Sequence[str] = (), rules: SchemaRules | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._rows = rows
        self._delimiter = delimiter
        self._rules = rules or SchemaRules(table="")
        found = dict.fromkeys(names)
        if delimiter is None:
            found |= dict.fromkeys(expected)
            if self._rules.evolves:
                found |= self._coming()
        self.names = tuple(found)
        self.types = dict.fromkeys(self.names, None)

    def _coming(self) -> dict[str, None]:
        """Fields of the texts that may come in."""
        names: dict[str, None] = {}
        for _, raw in self._rows():
            with suppress(msgspec.MsgspecError):
                names |= dict.fromkeys(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
        return {name: None for name in names if self._rules.of(name) is SchemaPolicy.EVOLVE}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order they are given."""
        self.rows = 0
        rows, places = list[dict[str, str | None]](), list[int]()
        for place, raw in self._rows():
            self.rows += 1
            try:
                rows.append(self._fields(raw))
            except InvalidInput as err:
                self._wrong.append(WrongRow(place, raw, err.detail))
                continue
            places.append(place)
            if len(rows) == BATCH_ROWS:
                yield _texts(self.names, rows, places)
                rows, places = [], []
        if rows:
            yield _texts(self.names, rows, places)

    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each row as a JSON object; the texts themselves are kept where they were held."""
        return [json.dumps({k: v for k, v in row.items() if k != ROW_COLUMN}) for row in batch.to_pylist()]

    def _fields(self, raw: str) -> dict[str, str | None]:
        if self._delimiter is not None:
            fields = split_record(raw, self._delimiter)
            if len(fields) != len(self.names):
                raise InvalidInput(f"{len(fields)} fields where {len(self.names)} are expected")
            return dict(zip(self.names, fields, strict=True))
        try:
            found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except msgspec.MsgspecError as err:
            raise InvalidInput(f"not a JSON object: {err}") from err
        known = set(self.names)
        for name in found.keys() - known:
            _refuse_stranger(name, self._rules, self.left)
        return {name: _text(bytes(value)) for name, value in found.items() if name in known}


def _refuse_stranger(name: str, rules: SchemaRules, left: dict[str, None]) -> None:
    """Refuse a field that the table has no column for, unless its policy leaves it out."""
    if rules.of(name) is not SchemaPolicy.DISCARD:
        raise InvalidInput(f"{name[:60]!r} is not among the columns")
    if len(left) < MOST_COLUMNS:
        left[name] = None


def _texts(names: Sequence[str], rows: Sequence[dict[str, str | None]], places: Sequence[int]) -> pa.RecordBatch:
    columns = [pa.array([row.get(name) for row in rows], pa.string()) for name in names]
    return pa.RecordBatch.from_arrays([*columns, pa.array(places, pa.int64())], [*names, ROW_COLUMN])


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
