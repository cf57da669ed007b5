"""The operations on logged models: models as runs made them, before anybody registers one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page
from modelyard.tracking.api.records import DatasetFilter, LoggedModel, ModelOrder, ModelStatus


class ModelOperations(ABC):
    """What can be done with logged models."""

    @operation("POST", "/logged-models", scope="tracking:write", private=("name", "params", "tags"))
    @abstractmethod
    def create_logged_model(
        self,
        experiment: str,
        name: str = "",
        run: str | None = None,
        *,
        model_type: str = "",
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> LoggedModel:
        """Announce a model; its files follow, then `finalize-logged-model`.

        Args:
            experiment: the number of its experiment.
            name: what to call it; by default two words and a number.
            run: the run that makes it.
            model_type: a word of the maker's own.
            params: at any time.
            tags: words to find it by.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: the experiment is deleted, or a name breaks a rule.

        Example:
            yard tracking create-logged-model 1 tips-gbm
        """

    @operation("GET", "/logged-models/{model}", scope="tracking:read", about="logged_model:{model}")
    @abstractmethod
    def logged_model(self, model: str, *, deleted: bool = False) -> LoggedModel:
        """Show one logged model.

        Args:
            model: its id, `m-` and 32 hex digits.
            deleted: show it even if it is deleted.

        Raises:
            NotFound: there is no such model.

        Example:
            yard tracking logged-model m-0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/logged-models", scope="tracking:read")
    @abstractmethod
    def logged_models(
        self,
        experiments: list[str],
        where: str = "",
        order_by: list[ModelOrder] | None = None,
        *,
        datasets: list[DatasetFilter] | None = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> Page[LoggedModel]:
        """Find logged models, newest first unless told otherwise.

        Args:
            experiments: numbers of experiments.
            where: MLflow's filter language, e.g. `metrics.f1 > 0.9 AND params.depth = '3'`.
            order_by: attributes, or metrics on a dataset.
            datasets: only metrics that were measured on one of these count.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            InvalidInput: the filter or the order cannot be read.

        Example:
            yard tracking logged-models --experiments 1
        """

    @operation("PATCH", "/logged-models/{model}", scope="tracking:write", about="logged_model:{model}")
    @abstractmethod
    def finalize_logged_model(self, model: str, status: ModelStatus = ModelStatus.READY) -> LoggedModel:
        """Say that a model's files are complete, or that storing them failed.

        Args:
            model: its id.
            status: READY or FAILED.

        Raises:
            NotFound: there is no such model.

        Example:
            yard tracking finalize-logged-model m-0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("DELETE", "/logged-models/{model}", scope="tracking:write", about="logged_model:{model}")
    @abstractmethod
    def delete_logged_model(self, model: str) -> None:
        """Set a logged model aside.

        Args:
            model: its id.

        Raises:
            NotFound: there is no such model.

        Example:
            yard tracking delete-logged-model m-0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation(
        "POST",
        "/logged-models/{model}/params",
        scope="tracking:write",
        about="logged_model:{model}",
        private=("params",),
    )
    @abstractmethod
    def log_model_params(self, model: str, params: dict[str, str]) -> None:
        """Add params to a logged model.

        Args:
            model: its id.
            params: names and values.

        Raises:
            NotFound: there is no such model.
            InvalidInput: a param already has another value.

        Example:
            yard tracking log-model-params m-0199c7a1b2c37d4e5f60718293a4b5c6 '{"depth": "3"}'
        """

    @operation(
        "PATCH", "/logged-models/{model}/tags", scope="tracking:write", about="logged_model:{model}", private=("tags",)
    )
    @abstractmethod
    def tag_logged_model(self, model: str, tags: dict[str, str]) -> LoggedModel:
        """Set tags; a tag that is there gets the new value.

        Args:
            model: its id.
            tags: names and values.

        Raises:
            NotFound: there is no such model.

        Example:
            yard tracking tag-logged-model m-0199c7a1b2c37d4e5f60718293a4b5c6 '{"team": "fares"}'
        """

    @operation("DELETE", "/logged-models/{model}/tags/{key*}", scope="tracking:write", about="logged_model:{model}")
    @abstractmethod
    def untag_logged_model(self, model: str, key: str) -> None:
        """Remove a tag.

        Args:
            model: its id.
            key: the tag's name.

        Raises:
            NotFound: there is no such model, or it has no such tag.

        Example:
            yard tracking untag-logged-model m-0199c7a1b2c37d4e5f60718293a4b5c6 team
        """
