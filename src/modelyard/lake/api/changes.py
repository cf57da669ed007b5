"""What differs between versions: schema, rows by key, and a feed of changes for whoever continues from a version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.operations import ARROW, Effect, operation, stream
from modelyard.kernel.pages import Limit
from modelyard.kernel.refs import Name, Ref
from modelyard.lake.api.records import Cell, Column

NEXT = "modelyard.next"
"""The key in a feed's Arrow schema whose value is the version to ask from next time."""


class ColumnChange(Struct, frozen=True, kw_only=True):
    """A column that both versions have and that is not the same in them: type, comment, class, or whether it may be
    null.
    """

    name: str
    old: Column
    new: Column


class SchemaDiff(Struct, frozen=True, kw_only=True):
    """How the columns of two versions differ; a renamed column is one removed and one added."""

    table: str
    base: Ref
    target: Ref
    added: tuple[Column, ...]
    removed: tuple[Column, ...]
    changed: tuple[ColumnChange, ...]
    old_keys: tuple[str, ...]
    new_keys: tuple[str, ...]


class RowFate(StrEnum):
    """What became of a row from one version to another."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class CellChange(Struct, frozen=True, kw_only=True):
    """A value before and after; a column that one version lacks is null there."""

    column: str
    old: Cell
    new: Cell


class RowChange(Struct, frozen=True, kw_only=True):
    """A row that differs.

    Attributes:
        key: what names it: its key, or `_load` and `_row` in a table without keys.
        row: the whole row where it was added or removed; empty where it changed.
        cells: the values that changed, where it changed.
    """

    fate: RowFate
    key: dict[str, Cell]
    row: dict[str, Cell]
    cells: tuple[CellChange, ...]


class Difference(Struct, frozen=True, kw_only=True):
    """How two versions differ; the counts are of all rows, `rows` is one page of them in order of their key.

    Attributes:
        by: the columns that pair rows: the key, or `_load` and `_row`.
        next: pass it as `cursor` for the page that follows; None means that was all.
    """

    table: str
    base: Ref
    target: Ref
    by: tuple[str, ...]
    columns: SchemaDiff
    added: int
    removed: int
    changed: int
    rows: list[RowChange]
    next: str | None = None


class ChangeOperations(ABC):
    """Comparing versions of a table."""

    @operation("GET", "/tables/{name}/diff", scope="lake:read", about="table:{name}", effect=Effect.SCAN)
    @abstractmethod
    def diff(
        self,
        name: Name,
        base: str,
        target: str | None = None,
        *,
        columns: tuple[str, ...] = (),
        cursor: str | None = None,
        limit: Limit = 100,
    ) -> Difference:
        """Show how a table's rows differ between two refs.

        Only files in which the two differ are read. Rows are paired by the key, in a table without keys by where they
        came from.

        Args:
            base: a version, a branch, a tag or a moment.
            target: the same; the newest where it is left out.
            columns: compare these only; all where it is left out.

        Raises:
            NotFound: no such table or version.

        Example:
            yard lake diff trips 3
        """

    @operation("GET", "/tables/{name}/schema-diff", scope="lake:read", about="table:{name}")
    @abstractmethod
    def schema_diff(self, name: Name, base: str, target: str | None = None) -> SchemaDiff:
        """Show how a table's columns differ between two refs.

        Args:
            base: a version, a branch, a tag or a moment.
            target: the same; the newest where it is left out.
        """

    @stream("GET", "/tables/{name}/changes", scope="lake:read", about="table:{name}", media=ARROW)
    @abstractmethod
    def changes(
        self, name: Name, *, since: int = 0, at: str | None = None, columns: tuple[str, ...] = ()
    ) -> Iterator[bytes]:
        """Read what each version changed, from after `since`, as an Arrow IPC stream.

        Each row has the columns of the newest version, `_change` (`insert`, `update_before`, `update_after`,
        `delete`) and `_version`. The schema's metadata names under `modelyard.next` the version to ask from next time.
        A value that the newest type cannot hold is null.

        Args:
            since: the last version that is known already; 0: from the beginning.
            at: up to this version, tag or moment; the newest where it is left out.
            columns: these only; all where it is left out.

        Raises:
            NotFound: no such version.
        """
