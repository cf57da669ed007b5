"""Comparing versions, watching queries: each of these operations stands in a module that is imported at first use."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.kernel.pages import Limit
from modelyard.kernel.refs import Name
from modelyard.lake.api import (
    ChangeOperations,
    ColumnLineage,
    Declared,
    DerivationOperations,
    Difference,
    Mode,
    QueryOperations,
    QueryPlan,
    RunningQuery,
    SchemaDiff,
    Version,
)
from modelyard.lake.service.board import Board
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.service.policies import check_reveals


class TableWork(ChangeOperations, QueryOperations, DerivationOperations):
    """What the lake does with versions that stand."""

    _desk: Desk
    _board: Board

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
        """Show how a table's rows differ between two refs."""
        from modelyard.lake.service import differences

        check_reveals(self._desk, name, "differences")
        return differences.diff(
            self._desk, resolve(name, base), resolve(name, target), columns=columns, cursor=cursor, limit=limit
        )

    def schema_diff(self, name: Name, base: str, target: str | None = None) -> SchemaDiff:
        """Show how a table's columns differ between two refs."""
        from modelyard.lake.service import differences

        return differences.schema_diff(resolve(name, base), resolve(name, target))

    def changes(
        self, name: Name, *, since: int = 0, at: str | None = None, columns: tuple[str, ...] = ()
    ) -> Iterator[bytes]:
        """Read what each version changed."""
        from modelyard.lake.service import differences

        check_reveals(self._desk, name, "changes")
        target = resolve(name, at)
        return differences.changes(self._desk, target, differences.steps(target, since), columns)

    def explain(self, query: str, *, at: str | None = None) -> QueryPlan:
        """Show how a SELECT would be answered."""
        from modelyard.lake.service import queries

        return queries.explain(self._desk, query, at)

    def queries(self) -> list[RunningQuery]:
        """List queries that run now."""
        return [query.record() for query in self._board.seen()]

    def cancel_query(self, query: Name) -> RunningQuery:
        """End a query that runs."""
        return self._board.cancel(query)

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
        """Make a table of what a SELECT gives."""
        from modelyard.lake.service import derivation
        from modelyard.lake.service.queries import Terms

        order = derivation.order_of(name, mode=mode, declared=schema, run=run, message=message, branch=branch)
        return derivation.create_as(
            self._desk, self._board, query, Terms(at=at or branch, timeout_s=600.0), order
        )  # fmt: skip

    def column_lineage(self, name: Name, *, at: str | None = None) -> ColumnLineage:
        """Show which stored columns each column of a version was made from."""
        from modelyard.lake.service import derivation

        return derivation.column_lineage(resolve(name, at))
