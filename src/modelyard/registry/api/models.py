"""The operations on registered models and their cards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from modelyard.kernel.operations import Effect, operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.registry.api.records import (
    LongText,
    Model,
    ModelCard,
    ModelName,
    ModelStage,
    ModelVersion,
    Tags,
    Text,
    VersionNumber,
)


class ModelOperations(ABC):
    """What can be done with registered models."""

    @operation("GET", "/models", scope="registry:read")
    @abstractmethod
    def models(
        self, where: str = "", order_by: list[str] | None = None, limit: Limit = 100, cursor: str | None = None
    ) -> Page[Model]:
        """List registered models, by name unless told otherwise.

        Args:
            where: MLflow's filter language over `name` and `tags`, e.g. `name LIKE 'tip%' AND tags.team = 'fares'`;
                prompts are listed only if it asks for the tag `mlflow.prompt.is_prompt`.
            order_by: `name`, `creation_timestamp` or `last_updated_timestamp`, each with ASC or DESC.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            InvalidInput: the filter or the order cannot be read.

        Example:
            yard registry models
        """

    @operation("POST", "/models", scope="registry:write", private=("description", "tags"))
    @abstractmethod
    def create_model(
        self, name: ModelName, description: Text = "", tags: Tags | None = None, *, needs_proposal: bool = False
    ) -> Model:
        """Give a model its name.

        Args:
            name: what to call it.
            description: in words.
            tags: words to find it by.
            needs_proposal: let aliases move by merged proposals only.

        Raises:
            AlreadyExists: the name is taken.

        Example:
            yard registry create-model tips --description "tip share of a trip"
        """

    @operation("GET", "/models/{name}", scope="registry:read", about="model:{name}")
    @abstractmethod
    def model(self, name: ModelName) -> Model:
        """Show one model with its tags and aliases.

        Args:
            name: the model.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry model tips
        """

    @operation("PATCH", "/models/{name}", scope="registry:write", about="model:{name}", private=("description",))
    @abstractmethod
    def update_model(self, name: ModelName, description: Text) -> Model:
        """Say something else about a model.

        Args:
            name: the model.
            description: the new words.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry update-model tips "tip share of a trip"
        """

    @operation("PUT", "/models/{name}/protection", scope="registry:promote", about="model:{name}")
    @abstractmethod
    def protect_model(self, name: ModelName, *, needs_proposal: bool = True) -> Model:
        """Let a model's aliases and its stage Production move by merged proposals only, or lift that.

        Args:
            name: the model.
            needs_proposal: whether they move by merged proposals only.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry protect-model tips
        """

    @operation("POST", "/models/{name}/rename", scope="registry:write", about="model:{name}")
    @abstractmethod
    def rename_model(self, name: ModelName, to: ModelName) -> Model:
        """Call a model otherwise; versions, aliases and history go with it.

        Args:
            name: what it is called now.
            to: what to call it.

        Raises:
            NotFound: there is no such model.
            AlreadyExists: the new name is taken.

        Example:
            yard registry rename-model tips tip-share
        """

    @operation("DELETE", "/models/{name}", scope="registry:write", about="model:{name}")
    @abstractmethod
    def delete_model(self, name: ModelName) -> None:
        """Set a model and its versions aside; a model that is made anew under the name goes on counting.

        Args:
            name: the model.

        Raises:
            NotFound: there is no such model.
            Conflict: it needs proposals and an alias points to it.

        Example:
            yard registry delete-model tips
        """

    @operation("PATCH", "/models/{name}/tags", scope="registry:write", about="model:{name}", private=("tags",))
    @abstractmethod
    def tag_model(self, name: ModelName, tags: Tags) -> Model:
        """Set tags of a model; a tag that is there gets the new value.

        Args:
            name: the model.
            tags: names and values.

        Raises:
            NotFound: there is no such model.
            InvalidInput: a tag breaks a rule.

        Example:
            yard registry tag-model tips '{"team": "fares"}'
        """

    @operation("DELETE", "/models/{name}/tags/{key*}", scope="registry:write", about="model:{name}")
    @abstractmethod
    def untag_model(self, name: ModelName, key: str) -> None:
        """Remove a tag of a model; one that is not there is no fault.

        Args:
            name: the model.
            key: the tag's name.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry untag-model tips team
        """

    @operation("GET", "/models/{name}/latest", scope="registry:read", about="model:{name}")
    @abstractmethod
    def latest_versions(self, name: ModelName, stages: list[ModelStage] | None = None) -> list[ModelVersion]:
        """Show the highest version in each of MLflow's stages.

        Args:
            name: the model.
            stages: which; all that hold a version, if left out.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry latest-versions tips
        """

    @operation("GET", "/models/{name}/card", scope="registry:read", about="model:{name}", command="card-record")
    @abstractmethod
    def card(self, name: ModelName, edition: int | None = None) -> ModelCard:
        """Show a model's card; a draft from what is known, if nobody has written one.

        Args:
            name: the model.
            edition: an older one, counted from 1.

        Raises:
            NotFound: there is no such model, or no such edition.

        Example:
            yard registry card-record tips
        """

    @stream(
        "GET",
        "/models/{name}/card.md",
        scope="registry:read",
        about="model:{name}",
        media="text/markdown; charset=utf-8",
        command="card",
    )
    @abstractmethod
    def card_document(self, name: ModelName, edition: int | None = None) -> Iterator[bytes]:
        """Give a model's card as a Markdown document; a draft from what is known, if nobody has written one.

        Args:
            name: the model.
            edition: an older one, counted from 1.

        Raises:
            NotFound: there is no such model, or no such edition.

        Example:
            yard registry card tips --output tips.md
        """

    @operation(
        "POST",
        "/models/{name}/card",
        scope="registry:write",
        about="model:{name}",
        effect=Effect.WRITE,
        private=("text",),
    )
    @abstractmethod
    def write_card(self, name: ModelName, text: LongText, version: VersionNumber | None = None) -> ModelCard:
        """Keep a new edition of a model's card.

        Args:
            name: the model.
            text: Markdown.
            version: the version that it describes.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry write-card tips "# Tips"
        """

    @operation("GET", "/models/{name}/cards", scope="registry:read", about="model:{name}")
    @abstractmethod
    def cards(self, name: ModelName, limit: Limit = 100, cursor: str | None = None) -> Page[ModelCard]:
        """List the editions of a model's card, newest first.

        Args:
            name: the model.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry cards tips
        """
