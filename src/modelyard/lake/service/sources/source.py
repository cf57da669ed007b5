"""What every source is: batches of its rows with their places, and the rows it could not read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from modelyard.lake.api import Column
from modelyard.lake.model.columns import ROW_COLUMN, arrow_schema

BATCH_ROWS = 16_384


class WrongRow(NamedTuple):
    """A row that is no row of its source's kind; `position` says where it lies, if that is more than a number."""

    row: int
    raw: str
    reason: str
    position: str = ""


class Source(ABC):
    """A file that is read as rows.

    Attributes:
        names: the fields, made unique.
        types: what each comes as, in the lake's words; None for text.
        hints: what text means, where the source knows; an empty word where the values must tell.
        notes: what had to be changed to read it.
        rows: how many were read so far, wrong ones included.
        left: fields of documents that were left out, because the table's policy discards them.
    """

    names: tuple[str, ...]
    types: dict[str, str | None]
    hints: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    rows: int = 0

    def __init__(self) -> None:
        self.left: dict[str, None] = {}
        self._wrong: list[WrongRow] = []

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in order, with `_row`; may be called again to read them again.

        Raises:
            InvalidInput: from here on the file cannot be read as rows at all.
        """

    def schema(self) -> pa.Schema:
        """Of every batch."""
        columns = [Column(name=name, type=kind or "string") for name, kind in self.types.items()]
        return pa.schema([*arrow_schema(columns, provenance=False), pa.field(ROW_COLUMN, pa.int64())])

    def sample(self, rows: int) -> list[pa.RecordBatch]:
        """The first rows, as many or fewer; what is wrong among them is told again when all are read."""
        found, count = [], 0
        for batch in self.batches():
            found.append(batch.slice(0, rows - count))
            count += found[-1].num_rows
            if count >= rows:
                break
        self.take_wrong()
        return found

    @abstractmethod
    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each row of a batch as text of the source's kind, fit to be read again."""

    def position(self, place: int) -> str:
        """Where a row of the last batches lies in the system it came from; empty if its place says it."""
        del place
        return ""

    def describe(self) -> dict[str, str]:
        """How it was read."""
        return {}

    def take_wrong(self) -> list[WrongRow]:
        """Wrong rows since the last call."""
        found, self._wrong = self._wrong, []
        return found
