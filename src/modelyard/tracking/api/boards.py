"""The operations that show many runs as a table: any window of a search, what may be asked for, groups, saved views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit
from modelyard.tracking.api.records import View

Place = Annotated[int, Meta(ge=0, le=2**53, description="how many rows to pass over")]
Columns = Annotated[list[str], Meta(max_length=100)]
"""Fields as a filter writes them."""


class FieldKind(StrEnum):
    """What a field of runs holds."""

    NUMBER = "number"
    TEXT = "text"


class Field(Struct, frozen=True, kw_only=True):
    """Something that runs can be filtered, sorted and shown by.

    Attributes:
        name: as a filter writes it, e.g. `metrics.auc`.
        runs: how many runs have it.
        low, high: the least and greatest number among them.
    """

    name: str
    kind: FieldKind
    runs: int = 0
    low: float | None = None
    high: float | None = None


class FieldValue(Struct, frozen=True, kw_only=True):
    """A value of a field, cut to 200 characters, and how many runs have it."""

    value: str
    runs: int


class BoardRow(Struct, frozen=True, kw_only=True):
    """One run with the values of the columns asked for; a number that JSON cannot write stands as text."""

    id: str
    experiment: str
    name: str
    status: str
    user: str
    start_ms: int
    end_ms: int | None
    values: list[float | str | None]


class Board(Struct, frozen=True, kw_only=True):
    """A window of the runs that were found.

    Attributes:
        total: how many were found in all; None where only a walk past all of them could say: `board_tally` counts them.
        more: whether others follow this window.
        clauses: the filter's comparisons, each as a filter writes it.
    """

    total: int | None
    more: bool
    first: int
    rows: list[BoardRow]
    clauses: list[str]


class Tally(Struct, frozen=True, kw_only=True):
    """How many runs were found, and how many of them have each status that any has."""

    total: int
    states: dict[str, int]


class Spread(Struct, frozen=True, kw_only=True):
    """The numbers of one column within a group."""

    runs: int
    low: float | None
    mean: float | None
    high: float | None


class RunGroup(Struct, frozen=True, kw_only=True):
    """Runs that share a value; `value` is None where they have none, `spreads` has one entry a column."""

    value: str | None
    runs: int
    failed: int
    last_ms: int
    spreads: list[Spread]


class SavedView(Struct, frozen=True, kw_only=True):
    """A way of looking at runs that somebody keeps; `query` is what stands behind the page's address."""

    owner: str
    name: str
    query: str
    shared: bool = False


class BoardOperations(ABC):
    """What can be asked about many runs at once."""

    @operation("GET", "/run-board", scope="tracking:read", effect=Effect.SCAN)
    @abstractmethod
    def board(
        self,
        experiments: list[str] | None = None,
        where: str = "",
        order_by: list[str] | None = None,
        *,
        columns: Columns | None = None,
        view: View = View.ACTIVE,
        first: Place = 0,
        limit: Limit = 100,
    ) -> Board:
        """Show any window of the runs that are found, with the columns asked for alone.

        It costs about as much among many runs as among few, so those of a filter are counted where it finds few or a
        condition holds of few.

        Args:
            experiments: numbers of experiments; by default all.
            where: MLflow's filter language, e.g. `metrics.f1 > 0.9 AND params.model = 'gbm'`.
            order_by: e.g. `metrics.f1 DESC`.
            columns: fields as a filter writes them, e.g. `metrics.f1`, `params.lr`, `tags.team`.
            view: active, deleted, or all.
            first: where the window begins.
            limit: how many rows it has.

        Raises:
            InvalidInput: the filter, the order or a column cannot be read.

        Example:
            yard tracking board --where "metrics.f1 > 0.9" --columns metrics.f1
        """

    @operation("GET", "/run-tally", scope="tracking:read", effect=Effect.SCAN)
    @abstractmethod
    def board_tally(self, experiments: list[str] | None = None, where: str = "", *, view: View = View.ACTIVE) -> Tally:
        """Count the runs that are found, however many, in all and by status.

        Args:
            experiments: numbers of experiments; by default all.
            where: MLflow's filter language.
            view: active, deleted, or all.

        Raises:
            InvalidInput: the filter cannot be read.

        Example:
            yard tracking board-tally --where "metrics.f1 > 0.9"
        """

    @operation("GET", "/run-fields", scope="tracking:read", effect=Effect.SCAN)
    @abstractmethod
    def board_fields(self, experiments: list[str] | None = None) -> list[Field]:
        """List what runs can be filtered, sorted and shown by, at most 500 of each sort, runs set aside included.

        Args:
            experiments: numbers of experiments; by default all.

        Example:
            yard tracking board-fields
        """

    @operation("GET", "/run-values", scope="tracking:read", effect=Effect.SCAN)
    @abstractmethod
    def board_values(self, name: str, like: str = "") -> list[FieldValue]:
        """List the commonest values of a param, a tag, a status or a user, at most 50.

        Args:
            name: the field as a filter writes it, e.g. `params.model`.
            like: only values that begin so.

        Raises:
            InvalidInput: there is no such field.

        Example:
            yard tracking board-values params.model
        """

    @operation("GET", "/run-groups", scope="tracking:read", effect=Effect.SCAN)
    @abstractmethod
    def board_groups(
        self, by: str, experiments: list[str] | None = None, where: str = "", *, columns: Columns | None = None
    ) -> list[RunGroup]:
        """Gather the runs that are found by one field; the largest 200 groups.

        Args:
            by: a param, a tag or one of the attributes status and user_id, as a filter writes it.
            experiments: numbers of experiments; by default all.
            where: MLflow's filter language.
            columns: metrics whose least, mean and greatest value in each group are wanted.

        Raises:
            InvalidInput: the filter, the field or a column cannot be read.

        Example:
            yard tracking board-groups params.model --columns metrics.f1
        """

    @operation("GET", "/run-views", scope="tracking:read")
    @abstractmethod
    def saved_views(self) -> list[SavedView]:
        """List your saved views, then those that others share, each by name.

        Example:
            yard tracking saved-views
        """

    @operation("PUT", "/run-views/{name}", scope="tracking:read", effect=Effect.WRITE, private=("query",))
    @abstractmethod
    def save_view(self, name: str, query: str, *, shared: bool = False) -> SavedView:
        """Keep a way of looking at runs under a name of yours; one of that name is replaced.

        Args:
            name: 1 to 60 characters.
            query: what stands behind the `?` of the page's address.
            shared: whether everybody who may read runs sees it; by default only you.

        Raises:
            InvalidInput: the name or the query is too long, or you keep 100 views already.

        Example:
            yard tracking save-view best "where=metrics.f1+%3E+0.9"
        """

    @operation("DELETE", "/run-views/{name}", scope="tracking:read", effect=Effect.WRITE)
    @abstractmethod
    def drop_view(self, name: str) -> None:
        """Forget a view of yours.

        Args:
            name: its name.

        Raises:
            NotFound: you keep none of that name.

        Example:
            yard tracking drop-view best
        """
