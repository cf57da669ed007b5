"""The operations on aliases and MLflow's older stages: which version stands for what, now and at any moment."""

from __future__ import annotations

from abc import ABC, abstractmethod

from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page
from modelyard.registry.api.records import (
    AliasMove,
    AliasName,
    ModelName,
    ModelStage,
    ModelVersion,
    Standing,
    VersionNumber,
)


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
    def alias_at(self, name: ModelName, alias: AliasName, at_ms: int) -> Standing:
        """Say which version an alias stood for at a moment, who had set it and on whose approval.

        Args:
            name: the model.
            alias: e.g. `production`.
            at_ms: the moment, in milliseconds since 1970, UTC.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry alias-at tips production 1777816800000
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
