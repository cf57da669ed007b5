"""The question that the lake asks before it takes rows in: are they as they were promised?

Whoever keeps contracts answers it (the quality slice); the lake knows no contract. Rows travel as Parquet files, so
that neither side holds them in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from msgspec import Struct

from modelyard.lake.api.publishing import Audited
from modelyard.lake.api.records import Column, LoadId, QuarantinedRow, TableFiles


class Inspection(Struct, frozen=True, kw_only=True):
    """Rows that wait to be taken into a table.

    Attributes:
        files: local Parquet files with the table's columns and `_row`, the row's place in its source.
        existing: Parquet files of the rows that will stand beside them; empty where the load replaces all. Beside a
            merge these are the rows whose keys do not come; an old row counts as replaced, though the new one may yet
            be turned away.
        rejects: a path where the inspector writes Parquet of `_row` (int64) and `reason` (string), several rows for
            a row that fails several checks.
        record: the load under which the rows will be recorded: of rows that are loaded again, the replay.
        at: the branch that the rows go to; None for the main one.
        dry: True where nothing will be taken, whatever the answer: no report is to be kept.
    """

    table: str
    load: LoadId
    columns: tuple[Column, ...]
    files: tuple[str, ...]
    existing: tuple[str, ...]
    rejects: str
    record: LoadId | None = None
    at: str | None = None
    dry: bool = False


class Verdict(Struct, frozen=True, kw_only=True):
    """What the inspector found.

    Attributes:
        rejected: different rows named in the rejects file; 0 if it was not written.
        warnings: worth a note, in words.
        blocks: why nothing of the load may be taken; empty if it may.
    """

    rejected: int = 0
    warnings: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


@runtime_checkable
class Inspector(Protocol):
    """Judges rows before they are taken in."""

    def judges(self, table: str) -> bool:
        """True if anything was promised of the table; else what stands in it need not be laid out for the judge."""
        ...

    def inspect(self, about: Inspection) -> Verdict:
        """Judge; runs inside the load's call, outside of its transaction."""
        ...


@runtime_checkable
class Auditor(Protocol):
    """Judges versions before they are published; an inspector may be one as well."""

    def audit(self, about: TableFiles, *, at: str | None) -> Audited:
        """Say whether a version that is to be published holds what its table promises; the report is kept.

        Args:
            about: the version as it would be; its files need not be in the table yet.
            at: the branch whose other tables it is seen with; None for `main`.
        """
        ...


@runtime_checkable
class HeldRows(Protocol):
    """Where slices above read a load's quarantine from end to end."""

    def held_rows(self, load: LoadId) -> Iterator[QuarantinedRow]:
        """Every row that the load put into the quarantine, whatever became of it, as they were found.

        Raises:
            NotFound: no such load.
            Forbidden: its table hides something from whoever asks.
        """
        ...
