"""Rows that were pulled from another system: spooled to a file as they came, so that they can be read twice."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.model.columns import MOST_COLUMNS
from modelyard.lake.service.sources.columnar import TypedSource
from modelyard.lake.service.sources.source import WrongRow
from modelyard.ports.sources import Batch

POSITION = "_position"
_RECENT = 32
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds since 1970."""


class Spool:
    """Batches on their way to the disk; where later ones bring further columns, another file begins.

    Args:
        folder: gets `rows.arrow`, `rows-1.arrow` ... and, where something could not be read, `wrong.jsonl`.
    """

    def __init__(self, folder: Path, schema: pa.Schema, hints: Mapping[str, str]) -> None:
        self._folder = folder
        self.paths: list[Path] = []
        self.wrong_path = folder / "wrong.jsonl"
        self.schema = schema
        self.hints = dict(hints)
        self.rows = 0
        self.size_bytes = 0
        self.wrong_after: list[int] = []
        self._late: dict[str, str | None] = {}
        self._begin()
        self._wrong = self.wrong_path.open("w", encoding="utf-8")

    def write(self, batch: Batch) -> None:
        """Add a batch."""
        if batch.late:
            self._grow(batch.late)
        count = batch.rows.num_rows
        positions = pa.nulls(count, pa.string()) if batch.positions is None else pa.array(batch.positions, pa.string())
        columns = [*_filled(batch.rows, self.schema), positions]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, [*self.schema.names, POSITION]))
        for wrong in batch.wrong:
            self._wrong.write(json.dumps(wrong) + "\n")
        self.wrong_after.append(len(batch.wrong))
        self.rows += count + len(batch.wrong)
        self.size_bytes += batch.rows.nbytes

    def close(self) -> None:
        """Finish the files."""
        self._end()
        self._wrong.close()

    def _grow(self, late: Mapping[str, str | None]) -> None:
        """Take further columns in; what they hint at is what all their batches hint at."""
        fresh = [name for name in late if name not in self._late]
        for name, hint in late.items():
            self._late[name] = hint if name in fresh else _joint(self._late[name], hint)
        self.hints = {name: hint for name, hint in self.hints.items() if name not in self._late}
        self.hints |= {name: hint for name, hint in self._late.items() if hint is not None}
        if not fresh:
            return
        if len(self.schema) + len(fresh) > MOST_COLUMNS:
            raise InvalidInput(f"the source has more than {MOST_COLUMNS:,} columns, as many as a table may have")
        self.schema = pa.schema([*self.schema, *(pa.field(name, pa.string()) for name in fresh)])
        self._end()
        self._begin()

    def _begin(self) -> None:
        path = self._folder / (f"rows-{len(self.paths)}.arrow" if self.paths else "rows.arrow")
        self.paths.append(path)
        stored = self.schema.append(pa.field(POSITION, pa.string()))
        self._file = pa.OSFile(str(path), "wb")
        self._writer = ipc.new_stream(self._file, stored, options=ipc.IpcWriteOptions(compression="lz4"))

    def _end(self) -> None:
        self._writer.close()
        self._file.close()


def _joint(one: str | None, other: str | None) -> str | None:
    """What values mean of which some hint at one thing and some at another; None for text."""
    if one == other:
        return one
    return "float64" if {one, other} == {"int64", "float64"} else None


def _filled(rows: pa.RecordBatch, schema: pa.Schema) -> list[pa.Array]:
    """The columns of a schema; one that the rows lack is null."""
    if len(rows.columns) == len(schema) and rows.schema.names == schema.names:
        return list(rows.columns)
    there = set(rows.schema.names)
    return [
        rows.column(field.name) if field.name in there else pa.nulls(rows.num_rows, field.type) for field in schema
    ]  # fmt: skip


class PulledSource(TypedSource):
    """The rows of a spool, numbered from 1 in the order in which they came."""

    def __init__(self, spool: Spool) -> None:
        super().__init__()
        self._spool = spool
        self._take_schema(spool.schema)
        by_name = dict(zip(spool.schema.names, self.names, strict=True))
        self.hints = {by_name[name]: hint for name, hint in spool.hints.items()}
        self.types |= dict.fromkeys(self.hints)
        self._moments = [n for n, field in enumerate(self._stored) if pa.types.is_timestamp(field.type)]
        self._recent: deque[tuple[int, pa.Array]] = deque(maxlen=_RECENT)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in order; what could not be read comes after the batch that it came with."""
        self.rows = 0
        with self._spool.wrong_path.open(encoding="utf-8") as wrong:
            for batch, count in zip(self._written(), self._spool.wrong_after, strict=True):
                self._recent.append((self.rows + 1, batch.column(batch.num_columns - 1)))
                placed = self._placed(
                    pa.RecordBatch.from_arrays(_filled(batch, self._spool.schema), schema=self._spool.schema)
                )  # fmt: skip
                if kept := self._dated(placed):
                    yield kept
                for _ in range(count):
                    position, raw, reason = json.loads(next(wrong))
                    self.rows += 1
                    self._wrong.append(WrongRow(self.rows, raw, reason, position))

    def _written(self) -> Iterator[pa.RecordBatch]:
        for path in self._spool.paths:
            with pa.OSFile(str(path)) as file, ipc.open_stream(file) as reader:
                yield from reader

    def position(self, place: int) -> str:
        """Where a row of the batches that were given last lies in the system it came from."""
        for first, positions in reversed(self._recent):
            if 0 <= place - first < len(positions):
                return str(positions[place - first].as_py() or "")
        return ""

    def describe(self) -> dict[str, str]:
        """Nothing that was sniffed."""
        return {}

    def _dated(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without the rows that hold a moment which no calendar has, such as Postgres' infinity."""
        bad: pa.Array | None = None
        for n in self._moments:
            ticks = batch.column(n).cast(pa.int64())
            limits = pc.min_max(ticks)
            if limits["min"].as_py() is None or (
                limits["min"].as_py() >= _FIRST_US and limits["max"].as_py() <= _LAST_US
            ):
                continue
            odd = pc.fill_null(pc.or_(pc.less(ticks, _FIRST_US), pc.greater(ticks, _LAST_US)), False)
            bad = odd if bad is None else pc.or_(bad, odd)
        if bad is None:
            return batch
        refused = batch.filter(bad)
        dated = [pa.nulls(refused.num_rows, c.type) if n in self._moments else c for n, c in enumerate(refused.columns)]
        plain = pa.RecordBatch.from_arrays(dated, refused.schema.names)
        places: Sequence[int] = plain.column(plain.num_columns - 1).to_pylist()
        self._wrong += [
            WrongRow(place, raw, "a moment that no calendar has, such as infinity; moments are left out here",
                     self.position(place))
            for place, raw in zip(places, self.raw(plain), strict=True)
        ]  # fmt: skip
        return batch.filter(pc.invert(bad))
