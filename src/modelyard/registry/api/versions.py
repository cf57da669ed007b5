"""The operations on versions: register, find, describe, read their files, attach the form that is served."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from modelyard.kernel.operations import ANY, Effect, operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.registry.api.records import (
    ModelName,
    ModelVersion,
    ServingForm,
    Source,
    Tags,
    Text,
    VersionFile,
    VersionNumber,
)


class VersionOperations(ABC):
    """What can be done with versions."""

    @operation("GET", "/model-versions", scope="registry:read")
    @abstractmethod
    def versions(
        self,
        name: ModelName | None = None,
        where: str = "",
        order_by: list[str] | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Page[ModelVersion]:
        """List versions, last changed first unless told otherwise; of one model, newest first.

        Args:
            name: only this model's.
            where: MLflow's filter language over `name`, `version_number`, `run_id`, `source_path` and `tags`.
            order_by: `name`, `version_number`, `creation_timestamp` or `last_updated_timestamp`, with ASC or DESC.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            InvalidInput: the filter or the order cannot be read.

        Example:
            yard registry versions --name tips
        """

    @operation(
        "POST",
        "/models/{name}/versions",
        scope="registry:write",
        about="model:{name}",
        effect=Effect.WORK,
        private=("description", "tags"),
    )
    @abstractmethod
    def register(
        self,
        name: ModelName,
        source: Source,
        run: str | None = None,
        *,
        logged_model: str | None = None,
        description: Text = "",
        tags: Tags | None = None,
        run_link: str = "",
    ) -> ModelVersion:
        """Register the files at `source` as the next version; they are pinned by content and looked through first.

        The source is `runs:/<run>/<path>`, `models:/m-<id>`, `models:/<name>/<version>` or an `mlflow-artifacts:`
        address below a run or logged model of this yard. Nothing else is ever opened.

        Args:
            name: the model.
            source: where the files lie.
            run: the run that made them; by default the source's own.
            logged_model: the logged model that they are; by default the source's own.
            description: in words.
            tags: words to find it by.
            run_link: an address of the run elsewhere.

        Raises:
            NotFound: there is no such model, run or logged model.
            InvalidInput: the source lies in no known store, or the version breaks a rule of its model.

        Example:
            yard registry register tips models:/m-0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/models/{name}/versions/{version}", scope="registry:read", about="model:{name}@{version}")
    @abstractmethod
    def version(self, name: ModelName, version: VersionNumber) -> ModelVersion:
        """Show one version with its signature, scan, tags and aliases.

        Args:
            name: the model.
            version: its number.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry version tips 3
        """

    @operation(
        "PATCH",
        "/models/{name}/versions/{version}",
        scope="registry:write",
        about="model:{name}@{version}",
        private=("description",),
    )
    @abstractmethod
    def update_version(self, name: ModelName, version: VersionNumber, description: Text) -> ModelVersion:
        """Say something else about a version; its files stay as they are.

        Args:
            name: the model.
            version: its number.
            description: the new words.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry update-version tips 3 "with weather"
        """

    @operation("DELETE", "/models/{name}/versions/{version}", scope="registry:write", about="model:{name}@{version}")
    @abstractmethod
    def delete_version(self, name: ModelName, version: VersionNumber) -> None:
        """Set a version aside; its number is never given again, and aliases that stood for it stand for nothing.

        Args:
            name: the model.
            version: its number.

        Raises:
            NotFound: there is no such model or version.
            Conflict: an alias of a model that needs proposals stands for it.

        Example:
            yard registry delete-version tips 2
        """

    @operation(
        "PATCH",
        "/models/{name}/versions/{version}/tags",
        scope="registry:write",
        about="model:{name}@{version}",
        private=("tags",),
    )
    @abstractmethod
    def tag_version(self, name: ModelName, version: VersionNumber, tags: Tags) -> ModelVersion:
        """Set tags of a version; a tag that is there gets the new value.

        Args:
            name: the model.
            version: its number.
            tags: names and values.

        Raises:
            NotFound: there is no such model or version.
            InvalidInput: a tag breaks a rule.

        Example:
            yard registry tag-version tips 3 '{"data": "2026-05"}'
        """

    @operation(
        "DELETE",
        "/models/{name}/versions/{version}/tags/{key*}",
        scope="registry:write",
        about="model:{name}@{version}",
    )
    @abstractmethod
    def untag_version(self, name: ModelName, version: VersionNumber, key: str) -> None:
        """Remove a tag of a version; one that is not there is no fault.

        Args:
            name: the model.
            version: its number.
            key: the tag's name.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry untag-version tips 3 data
        """

    @operation("POST", "/models/{name}/versions/{version}/copy", scope="registry:write", about="model:{name}@{version}")
    @abstractmethod
    def copy_version(self, name: ModelName, version: VersionNumber, to: ModelName) -> ModelVersion:
        """Register a version's files as the next version of another model; that model is made if need be.

        Args:
            name: the model.
            version: its number.
            to: the other model.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry copy-version tips 3 tips-live
        """

    @operation(
        "POST",
        "/models/{name}/versions/{version}/scan",
        scope="registry:write",
        about="model:{name}@{version}",
        effect=Effect.WORK,
    )
    @abstractmethod
    def rescan(self, name: ModelName, version: VersionNumber) -> ModelVersion:
        """Look through a version's files again, by the rules of today.

        Args:
            name: the model.
            version: its number.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry rescan tips 3
        """

    @operation("GET", "/models/{name}/versions/{version}/files", scope="registry:read", about="model:{name}@{version}")
    @abstractmethod
    def files(
        self, name: ModelName, version: VersionNumber, limit: Limit = 1000, cursor: str | None = None
    ) -> Page[VersionFile]:
        """List the files of a version by path, however deep.

        Args:
            name: the model.
            version: its number.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry files tips 3
        """

    @stream(
        "GET",
        "/models/{name}/versions/{version}/files/{path*}",
        scope="registry:read",
        about="model:{name}@{version}",
        media=ANY,
    )
    @abstractmethod
    def download(self, name: ModelName, version: VersionNumber, path: str) -> Iterator[bytes]:
        """Give a file of a version; its bytes are checked against the digest that was pinned.

        Args:
            name: the model.
            version: its number.
            path: as `files` lists it.

        Raises:
            NotFound: there is no such model, version or file.
            Damaged: the stored bytes are not what was registered.

        Example:
            yard registry download tips 3 MLmodel
        """

    @operation("GET", "/models/{name}/versions/{version}/uri", scope="registry:read", about="model:{name}@{version}")
    @abstractmethod
    def download_uri(self, name: ModelName, version: VersionNumber) -> str:
        """Say from where MLflow's clients fetch a version's files: from the registry, which keeps them for itself.

        Args:
            name: the model.
            version: its number.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry download-uri tips 3
        """

    @operation(
        "PUT", "/models/{name}/versions/{version}/serving", scope="registry:promote", about="model:{name}@{version}"
    )
    @abstractmethod
    def attach_serving_form(self, name: ModelName, version: VersionNumber, files: list[VersionFile]) -> ServingForm:
        """Keep the files of a version's compiled form, whose bytes lie in the yard's objects already.

        Args:
            name: the model.
            version: its number.
            files: a model folder as the data plane reads it; it replaces the one before.

        Raises:
            NotFound: there is no such model or version.
            GateClosed: the scan of the version's files was not in its favour.
            InvalidInput: no files, a path twice, or a path that is not safe.

        Example:
            yard registry attach-serving-form tips 3 '[...]'
        """

    @operation(
        "GET", "/models/{name}/versions/{version}/serving", scope="registry:read", about="model:{name}@{version}"
    )
    @abstractmethod
    def serving_form(self, name: ModelName, version: VersionNumber) -> ServingForm:
        """Show the files of a version's compiled form.

        Args:
            name: the model.
            version: its number.

        Raises:
            NotFound: there is no such model or version, or it was never compiled.

        Example:
            yard registry serving-form tips 3
        """
