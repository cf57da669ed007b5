"""Tables made by a query, and from which columns each of theirs came."""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name, Ref
from modelyard.lake.api.records import Declared, Mode, Version


class ColumnSource(Struct, frozen=True, kw_only=True):
    """A column that another was made from: `table:trips@12`, and its name there."""

    ref: Ref
    column: str


class ColumnOrigin(Struct, frozen=True, kw_only=True):
    """How one column was made.

    Attributes:
        expression: the SQL that made it, its literals replaced by `?`, so that no value is kept in it.
        sources: the stored columns it was made from, in order of name; empty where it was made from none.
    """

    column: str
    expression: str
    sources: tuple[ColumnSource, ...]


class ColumnLineage(Struct, frozen=True, kw_only=True):
    """How the columns of a version were made.

    Attributes:
        reads: the table versions that the query read.
        columns: empty where the query is beyond what can be taken apart; `reads` holds nevertheless.
    """

    table: str
    version: int
    ref: Ref
    reads: tuple[Ref, ...]
    columns: tuple[ColumnOrigin, ...]


class DerivationOperations(ABC):
    """Making tables from tables."""

    @operation(
        "POST",
        "/tables/{name}/derivations",
        scope="lake:write",
        about="table:{name}",
        effect=Effect.WORK,
        private=("query",),
    )
    @abstractmethod
    def create_as(
        self,
        name: Name,
        query: str,
        *,
        mode: Mode = Mode.CREATE,
        schema: Declared | None = None,
        at: str | None = None,
        run: str | None = None,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Make a table of what a SELECT over the lake gives, with the lineage of the table and of each column.

        It is a write like any other: the contract and the checks hold, rows that break them go to the quarantine, and
        the version says which table versions it read. The query may run 10 minutes.

        Args:
            mode: `create` refuses a table that exists; the others add to it, replace or merge its rows.
            schema: keys, partitions, checks and description of a new table; its columns are the query's.
            at: where plain names are read: a branch, a tag or a moment; the branch that is written to where it is left
                out.
            branch: the branch it goes to; `main` where it is left out.

        Raises:
            InvalidInput: not one SELECT, or a column has a type that no table can hold.
            AlreadyExists: `create` on a table that exists.

        Example:
            yard lake create-as totals 'select city, sum(fare) as fare from trips group by all'
        """

    @operation("GET", "/tables/{name}/column-lineage", scope="lake:read", about="table:{name}")
    @abstractmethod
    def column_lineage(self, name: Name, *, at: str | None = None) -> ColumnLineage:
        """Show which stored columns each column of a version was made from.

        Args:
            at: a version, a branch, a tag or a moment; the newest on `main` where it is left out. A version that no
                query made shows the last one before it that one did.

        Raises:
            NotFound: no query made the table.
        """
