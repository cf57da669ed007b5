"""The lake's news: what changed in it, for lineage, audit, cost and everybody above."""

from __future__ import annotations

from modelyard.kernel.events import News
from modelyard.lake.api.records import CommitId, LoadId


class TableCommitted(News, frozen=True, kw_only=True):
    """A table has a new version; `reads` are its sources, `writes` is `table:name@version`."""

    table: str
    version: int
    commit: CommitId
    operation: str
    rows: int
    rows_added: int
    rows_removed: int
    load: LoadId | None = None
    run: str | None = None
    branch: str = "main"


class RowsQuarantined(News, frozen=True, kw_only=True):
    """A load put rows into the quarantine."""

    table: str
    load: LoadId
    rows: int
    rows_in: int


class LoadRefused(News, frozen=True, kw_only=True):
    """A load was refused whole by the table's contract."""

    table: str
    load: LoadId
    reasons: tuple[str, ...]


class QuarantineDropped(News, frozen=True, kw_only=True):
    """Quarantined rows were given up, with a reason."""

    table: str
    load: LoadId
    rows: int
    reason: str


class TableErased(News, frozen=True, kw_only=True):
    """Rows of a subject were removed from every version of a table."""

    table: str
    column: str
    rows: int
    versions: tuple[int, ...]


class TableDropped(News, frozen=True, kw_only=True):
    """A table and all of its versions were removed; where a branch is named, it alone let go of the table."""

    table: str
    version: int
    branch: str | None = None
