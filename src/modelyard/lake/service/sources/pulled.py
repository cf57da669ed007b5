"""Rows that were pulled from another system: spooled to a file as they came, so that they can be read twice."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from modelyard.lake.service.sources.columnar import TypedSource
from modelyard.lake.service.sources.source import WrongRow
from modelyard.ports.sources import Batch

POSITION = "_position"
_RECENT = 32
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds since 1970."""


class Spool:
    """Batches on their way into a file.

    Args:
        folder: gets `rows.arrow` and, where something could not be read, `wrong.jsonl`.
    """

    def __init__(self, folder: Path, schema: pa.Schema, hints: Mapping[str, str]) -> None:
        self.path = folder / "rows.arrow"
        self.wrong_path = folder / "wrong.jsonl"
        self.schema = schema
        self.hints = dict(hints)
        self.rows = 0
        self.size_bytes = 0
        self.wrong_after: list[int] = []
        stored = schema.append(pa.field(POSITION, pa.string()))
        self._file = pa.OSFile(str(self.path), "wb")
        self._writer = ipc.new_stream(self._file, stored, options=ipc.IpcWriteOptions(compression="lz4"))
        self._wrong = self.wrong_path.open("w", encoding="utf-8")

    def write(self, batch: Batch) -> None:
        """Add a batch."""
        count = batch.rows.num_rows
        positions = pa.nulls(count, pa.string()) if batch.positions is None else pa.array(batch.positions, pa.string())
        columns = [*batch.rows.columns, positions]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, [*self.schema.names, POSITION]))
        for wrong in batch.wrong:
            self._wrong.write(json.dumps(wrong) + "\n")
        self.wrong_after.append(len(batch.wrong))
        self.rows += count + len(batch.wrong)
        self.size_bytes += batch.rows.nbytes

    def close(self) -> None:
        """Finish the files."""
        self._writer.close()
        self._file.close()
        self._wrong.close()


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
        with (
            pa.OSFile(str(self._spool.path)) as file,
            ipc.open_stream(file) as reader,
            self._spool.wrong_path.open(encoding="utf-8") as wrong,
        ):
            for batch, count in zip(reader, self._spool.wrong_after, strict=True):
                self._recent.append((self.rows + 1, batch.column(batch.num_columns - 1)))
                placed = self._placed(batch.select(self._spool.schema.names))
                if kept := self._dated(placed):
                    yield kept
                for _ in range(count):
                    position, raw, reason = json.loads(next(wrong))
                    self.rows += 1
                    self._wrong.append(WrongRow(self.rows, raw, reason, position))

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
