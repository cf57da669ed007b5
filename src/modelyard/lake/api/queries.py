"""Queries over the lake while they run: their plan, how far they are, and an end to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NewType

from msgspec import Struct

from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name, Ref

QueryId = NewType("QueryId", str)
QUERY = IdKind("query", QueryId)
QUERY_KEY = "modelyard.query"
"""The key in an answer's Arrow schema whose value is the query's id."""
READS_KEY = "modelyard.reads"
"""The key in an answer's Arrow schema whose value names the table versions that were read, with spaces between."""


class RunningQuery(Struct, frozen=True, kw_only=True):
    """A query that runs now.

    Attributes:
        text: its beginning, at most 2,000 characters.
        share: how much of it is done, 0 to 1; None where nobody can tell.
        rows: rows that were handed out so far.
        reads: the table versions it reads.
    """

    id: QueryId
    author: ActorId
    text: str
    started_ms: int
    share: float | None
    rows: int
    reads: tuple[Ref, ...]


class QueryPlan(Struct, frozen=True, kw_only=True):
    """How a query would be answered.

    Attributes:
        text: the engine's plan as a tree: what is read of each table, which conditions reach down to the files.
    """

    text: str
    reads: tuple[Ref, ...]


class QueryOperations(ABC):
    """Watching, explaining and ending queries."""

    @operation("POST", "/sql/plans", scope="lake:read", effect=Effect.SCAN)
    @abstractmethod
    def explain(self, query: str, *, at: str | None = None) -> QueryPlan:
        """Show how a SELECT would be answered, without answering it.

        Args:
            at: where plain names are read: a branch, a tag or a moment.

        Example:
            yard lake explain 'select count(*) from trips where fare > 10'
        """

    @operation("GET", "/sql/running", scope="lake:read")
    @abstractmethod
    def queries(self) -> list[RunningQuery]:
        """List your queries that run now in this process, oldest first; with `lake:admin`, everybody's."""

    @operation("DELETE", "/sql/running/{query}", scope="lake:read", effect=Effect.SCAN)
    @abstractmethod
    def cancel_query(self, query: Name) -> RunningQuery:
        """End a query that runs; whoever waits for it gets an error.

        Raises:
            NotFound: none of your queries of that id runs here.
        """
