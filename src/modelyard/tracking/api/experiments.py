"""The operations on experiments."""

from __future__ import annotations

from abc import ABC, abstractmethod

from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit, Page
from modelyard.tracking.api.records import DatasetSummary, Experiment, View


class ExperimentOperations(ABC):
    """What can be done with experiments."""

    @operation("POST", "/experiments", scope="tracking:write", private=("name", "tags"))
    @abstractmethod
    def create_experiment(
        self, name: str, tags: dict[str, str] | None = None, artifact_location: str | None = None
    ) -> Experiment:
        """Make an experiment.

        Args:
            name: any text up to 500 characters, unique among experiments, deleted ones included.
            tags: words to find it by.
            artifact_location: where its runs' clients store files; by default this yard.

        Raises:
            AlreadyExists: the name is taken.
            InvalidInput: the name or a tag breaks a rule.

        Example:
            yard tracking create-experiment tips
        """

    @operation("GET", "/experiments/{experiment}", scope="tracking:read", about="experiment:{experiment}")
    @abstractmethod
    def experiment(self, experiment: str) -> Experiment:
        """Show one experiment, deleted or not.

        Args:
            experiment: its number.

        Raises:
            NotFound: there is none of that number.

        Example:
            yard tracking experiment 1
        """

    @operation("GET", "/experiments-by-name/{name*}", scope="tracking:read")
    @abstractmethod
    def experiment_named(self, name: str) -> Experiment:
        """Show the experiment of that name, deleted or not.

        Args:
            name: its whole name.

        Raises:
            NotFound: there is none of that name.

        Example:
            yard tracking experiment-named tips
        """

    @operation("GET", "/experiments", scope="tracking:read")
    @abstractmethod
    def experiments(
        self,
        where: str = "",
        order_by: list[str] | None = None,
        *,
        view: View = View.ACTIVE,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Page[Experiment]:
        """List experiments, newest first unless told otherwise.

        Args:
            where: MLflow's filter language, e.g. `name LIKE 'tips%' AND tags.team = 'fares'`.
            order_by: e.g. `name ASC`, `last_update_time DESC`.
            view: active, deleted, or all.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            InvalidInput: the filter or the order cannot be read.

        Example:
            yard tracking experiments --where "name LIKE 'tips%'"
        """

    @operation(
        "PATCH",
        "/experiments/{experiment}/name",
        scope="tracking:write",
        about="experiment:{experiment}",
        private=("name",),
    )
    @abstractmethod
    def rename_experiment(self, experiment: str, name: str) -> Experiment:
        """Give an experiment another name.

        Args:
            experiment: its number.
            name: the new name.

        Raises:
            NotFound: there is none of that number.
            Conflict: it is deleted.
            AlreadyExists: the name is taken.

        Example:
            yard tracking rename-experiment 1 tips-2026
        """

    @operation("DELETE", "/experiments/{experiment}", scope="tracking:write", about="experiment:{experiment}")
    @abstractmethod
    def delete_experiment(self, experiment: str) -> Experiment:
        """Set an experiment and all its runs aside; `restore-experiment` brings them back.

        Args:
            experiment: its number.

        Raises:
            NotFound: there is no active experiment of that number.

        Example:
            yard tracking delete-experiment 1
        """

    @operation("POST", "/experiments/{experiment}/restore", scope="tracking:write", about="experiment:{experiment}")
    @abstractmethod
    def restore_experiment(self, experiment: str) -> Experiment:
        """Bring a deleted experiment and its runs back.

        Args:
            experiment: its number.

        Raises:
            NotFound: there is no deleted experiment of that number.

        Example:
            yard tracking restore-experiment 1
        """

    @operation(
        "PATCH",
        "/experiments/{experiment}/tags",
        scope="tracking:write",
        about="experiment:{experiment}",
        private=("tags",),
    )
    @abstractmethod
    def tag_experiment(self, experiment: str, tags: dict[str, str]) -> None:
        """Set tags; a tag that is there gets the new value.

        Args:
            experiment: its number.
            tags: names and values.

        Raises:
            NotFound: there is none of that number.
            InvalidInput: it is deleted, or a tag breaks a rule.

        Example:
            yard tracking tag-experiment 1 --tags '{"team": "fares"}'
        """

    @operation(
        "DELETE", "/experiments/{experiment}/tags/{key*}", scope="tracking:write", about="experiment:{experiment}"
    )
    @abstractmethod
    def untag_experiment(self, experiment: str, key: str) -> None:
        """Remove a tag.

        Args:
            experiment: its number.
            key: the tag's name.

        Raises:
            NotFound: there is no such experiment, or it has no such tag.

        Example:
            yard tracking untag-experiment 1 team
        """

    @operation("GET", "/run-datasets", scope="tracking:read")
    @abstractmethod
    def datasets(self, experiments: list[str]) -> list[DatasetSummary]:
        """List the datasets that runs of these experiments used, at most 1,000.

        Args:
            experiments: their numbers.

        Example:
            yard tracking datasets --experiments 1
        """
