"""The operations on aliases and MLflow's older stages: which version stands for what, now and at any moment.

A moment is written as `2026-05-03T14:00` (UTC unless it says otherwise), a date, or milliseconds since 1970.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page
from modelyard.registry.api.proposals import Proposal
from modelyard.registry.api.records import (
    AliasMove,
    AliasName,
    ModelName,
    ModelStage,
    ModelVersion,
    Moment,
    StageMove,
    VersionNumber,
)


class Approval(Struct, frozen=True, kw_only=True):
    """Somebody's yes to the proposal that moved an alias."""

    actor: ActorId
    name: str
    note: str
    at_ms: int


class Standing(Struct, frozen=True, kw_only=True):
    """What an alias stood for at a moment, who had set it and on whose approval.

    Attributes:
        says: the same in a sentence.
        version: what it stood for; None: nothing.
        move: what made it so; None: it had never been set.
        set_by: what the actor of the move is called.
        proposal: what was merged; None for a direct move.
        approvals: those whose yes the merge counted, with their words.
    """

    name: str
    alias: str
    at_ms: int
    says: str
    version: ModelVersion | None = None
    move: AliasMove | None = None
    set_by: str = ""
    proposal: Proposal | None = None
    approvals: tuple[Approval, ...] = ()


class StageStanding(Struct, frozen=True, kw_only=True):
    """The versions that were in a stage at a moment, each with the move that put it there, highest first."""

    name: str
    stage: ModelStage
    at_ms: int
    says: str
    moves: tuple[StageMove, ...] = ()


class AliasOperations(ABC):
    """What can be done with aliases."""

    @operation("PUT", "/models/{name}/aliases/{alias}", scope="registry:promote", about="model:{name}")
    @abstractmethod
    def set_alias(self, name: ModelName, alias: AliasName, version: VersionNumber) -> AliasMove:
        """Point an alias at a version; it leaves the version that held it.

        Args:
            name: the model.
            alias: e.g. `production`.
            version: the version that it is to stand for.

        Raises:
            NotFound: there is no such model or version.
            GateClosed: the model's aliases move by merged proposals only.

        Example:
            yard registry set-alias tips production 3
        """

    @operation("GET", "/models/{name}/aliases/{alias}", scope="registry:read", about="model:{name}")
    @abstractmethod
    def aliased(self, name: ModelName, alias: AliasName) -> ModelVersion:
        """Show the version that an alias stands for.

        Args:
            name: the model.
            alias: e.g. `production`.

        Raises:
            NotFound: there is no such model, or it has no such alias.

        Example:
            yard registry aliased tips production
        """

    @operation("DELETE", "/models/{name}/aliases/{alias}", scope="registry:promote", about="model:{name}")
    @abstractmethod
    def delete_alias(self, name: ModelName, alias: AliasName) -> None:
        """Take an alias away; one that is not there is no fault.

        Args:
            name: the model.
            alias: e.g. `staging`.

        Raises:
            NotFound: there is no such model.
            GateClosed: the model's aliases move by merged proposals only.

        Example:
            yard registry delete-alias tips staging
        """

    @operation("GET", "/models/{name}/alias-history", scope="registry:read", about="model:{name}")
    @abstractmethod
    def alias_history(
        self, name: ModelName, alias: AliasName | None = None, limit: Limit = 100, cursor: str | None = None
    ) -> Page[AliasMove]:
        """List every move of a model's aliases, newest first.

        Args:
            name: the model.
            alias: this one only.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry alias-history tips --alias production
        """

    @operation("GET", "/models/{name}/aliases/{alias}/at", scope="registry:read", about="model:{name}")
    @abstractmethod
    def alias_at(self, name: ModelName, alias: AliasName, at: Moment) -> Standing:
        """Say which version an alias stood for at a moment, who had set it and on whose approval.

        Args:
            name: the model.
            alias: e.g. `production`.
            at: the moment.

        Raises:
            NotFound: there is no such model.
            InvalidInput: that is no moment.

        Example:
            yard registry alias-at tips production 2026-05-03T14:00
        """

    @operation("GET", "/models/{name}/stage-history", scope="registry:read", about="model:{name}")
    @abstractmethod
    def stage_history(
        self, name: ModelName, version: VersionNumber | None = None, limit: Limit = 100, cursor: str | None = None
    ) -> Page[StageMove]:
        """List every move between MLflow's stages, newest first.

        Args:
            name: the model.
            version: this one's only.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry stage-history tips
        """

    @operation("GET", "/models/{name}/stages/{stage}/at", scope="registry:read", about="model:{name}")
    @abstractmethod
    def stage_at(self, name: ModelName, stage: ModelStage, at: Moment) -> StageStanding:
        """Say which versions were in a stage at a moment, and who had put them there.

        Args:
            name: the model.
            stage: e.g. `Production`.
            at: the moment.

        Raises:
            NotFound: there is no such model.
            InvalidInput: that is no moment.

        Example:
            yard registry stage-at tips Production 2026-05-03T14:00
        """

    @operation(
        "PUT", "/models/{name}/versions/{version}/stage", scope="registry:promote", about="model:{name}@{version}"
    )
    @abstractmethod
    def set_stage(
        self, name: ModelName, version: VersionNumber, stage: ModelStage, *, archive_existing: bool = False
    ) -> ModelVersion:
        """Move a version to one of MLflow's stages.

        Args:
            name: the model.
            version: its number.
            stage: where to.
            archive_existing: move the versions that are there to Archived.

        Raises:
            NotFound: there is no such model or version.
            InvalidInput: archiving what is in None or Archived.
            GateClosed: Production of a model that moves by merged proposals only.

        Example:
            yard registry set-stage tips 3 Staging
        """
