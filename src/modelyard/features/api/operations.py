"""The features' door: every operation, declared once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta

from modelyard.features.api.records import (
    Cell,
    Entity,
    Forgotten,
    Key,
    Materialisation,
    OnlineAnswer,
    Pushed,
    TrainingSet,
    TrainingSpec,
    View,
    ViewSpec,
)
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name

Keys = Annotated[tuple[Key, ...], Meta(min_length=1, max_length=4)]
KeyRows = Annotated[list[dict[str, Cell]], Meta(min_length=1, max_length=10_000)]
ViewNames = Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]
PushedRows = Annotated[list[dict[str, Cell]], Meta(min_length=1, max_length=10_000)]


class Features(ABC):
    """Feature views with one meaning for training and serving; point-in-time-correct training sets; online rows."""

    @operation("PUT", "/entities/{name}", scope="features:write", about="entity:{name}")
    @abstractmethod
    def define_entity(self, name: Name, keys: Keys, *, description: str = "") -> Entity:
        """Define who features are about; defining the same again changes nothing.

        Raises:
            Conflict: the entity exists with other keys, which cannot change.
        """

    @operation("GET", "/entities", scope="features:read")
    @abstractmethod
    def entities(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[Entity]:
        """List the entities, by name."""

    @operation("PUT", "/views/{name}", scope="features:write", about="view:{name}", effect=Effect.WORK)
    @abstractmethod
    def define_view(self, name: Name, spec: ViewSpec) -> View:
        """Define how features come from a table; a changed definition is a new version, the same one is not.

        Raises:
            NotFound: no such entity or source table.
            InvalidInput: an expression cannot be read over the source, or is no expression over one row.
        """

    @operation("GET", "/views", scope="features:read")
    @abstractmethod
    def views(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[View]:
        """List the newest version of each view, by name."""

    @operation("GET", "/views/{name}", scope="features:read", about="view:{name}")
    @abstractmethod
    def view(self, name: Name, *, version: int | None = None) -> View:
        """Show a view, the newest version where none is named.

        Raises:
            NotFound: no such view or version.
        """

    @operation("GET", "/views/{name}/versions", scope="features:read", about="view:{name}")
    @abstractmethod
    def view_versions(self, name: Name, *, cursor: str | None = None, limit: Limit = 50) -> Page[View]:
        """List a view's versions, newest first."""

    @operation("GET", "/views/{name}/materialisations", scope="features:read", about="view:{name}")
    @abstractmethod
    def materialisations(self, name: Name) -> list[Materialisation]:
        """Show how far the online rows of each version of a view are, newest version first."""

    @operation("POST", "/views/{name}/materialise", scope="features:write", about="view:{name}", effect=Effect.WORK)
    @abstractmethod
    def materialise(self, name: Name, *, version: int | None = None, up_to_ms: int | None = None) -> Materialisation:
        """Bring a view's online rows up to a moment, from the newest version of its source.

        Args:
            up_to_ms: rows of the source that count by then are taken, milliseconds UTC; now where it is left out.

        Raises:
            InvalidInput: the moment lies in the future.

        Example:
            yard features materialise trips_by_company
        """

    @operation(
        "POST", "/views/{name}/rows", scope="features:push", about="view:{name}", effect=Effect.WORK,
        private=("rows",), audited=False,
    )  # fmt: skip
    @abstractmethod
    def push(self, name: Name, rows: PushedRows, *, version: int | None = None) -> Pushed:
        """Let new rows of the source count online at once, before the table has them.

        The next materialisation takes the table's word for everything up to its moment.

        Args:
            rows: columns of the source that the view reads; times as ISO 8601 text or as the source's number.

        Raises:
            InvalidInput: a column is missing or has the wrong type, a key or time is unknown, or a time lies ahead.
        """

    @operation(
        "POST", "/online-features", scope="features:read", effect=Effect.SCAN, private=("keys",), audited=False,
        command="-",
    )  # fmt: skip
    @abstractmethod
    def online(self, views: ViewNames, keys: KeyRows, *, at_ms: int | None = None) -> OnlineAnswer:
        """Read the features of some entities as they are now.

        Args:
            views: `trips_by_company` (the newest version) or `trips_by_company@2`.
            keys: for each entity, its keys: `{"company": "Flash Cab"}`.
            at_ms: as of this moment instead of now; exact for moments since the view was last materialised.

        Raises:
            NotFound: no such view.
            InvalidInput: a key is missing or of another type.
        """

    @operation(
        "POST", "/training-sets/{name}", scope="features:write", about="table:{name}", effect=Effect.WORK
    )  # fmt: skip
    @abstractmethod
    def build_training_set(self, name: Name, spec: TrainingSpec) -> TrainingSet:
        """Build a point-in-time-correct training set as a version of the lake table `name`.

        Every row of the labels stays, in their order; a feature is what it was at the row's moment, or unknown. The
        same definition over the same versions answers with the version that is there.

        Raises:
            NotFound: no such table, version or view.
            InvalidInput: an expression or column does not fit, or a view's key is not among the labels' columns.
        """

    @operation("GET", "/training-sets", scope="features:read")
    @abstractmethod
    def training_sets(
        self, *, name: Name | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[TrainingSet]:
        """List training sets, newest first."""

    @operation("GET", "/training-sets/{name}", scope="features:read", about="table:{name}")
    @abstractmethod
    def training_set(self, name: Name, *, version: int | None = None) -> TrainingSet:
        """Show a training set, the newest version where none is named.

        Raises:
            NotFound: no such training set or version.
        """

    @operation(
        "POST", "/entities/{entity}/forget", scope="features:erase", about="entity:{entity}", effect=Effect.WORK,
        private=("key",),
    )  # fmt: skip
    @abstractmethod
    def forget(self, entity: Name, key: dict[str, Cell]) -> Forgotten:
        """Erase the online rows of an entity, in every version of every view, and from the disk.

        Rows of other entities whose keys include this one's are erased too.

        Raises:
            NotFound: no such entity.
        """
