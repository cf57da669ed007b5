"""The operations on runs: begin, log, end, find."""

from __future__ import annotations

from abc import ABC, abstractmethod

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.tracking.api.records import DatasetInput, ModelOutput, Point, Run, RunStatus, View


class RunOperations(ABC):
    """What can be done with runs."""

    @operation("POST", "/runs", scope="tracking:write", effect=Effect.NOTE, private=("name", "tags", "user"))
    @abstractmethod
    def start_run(
        self,
        experiment: str = "0",
        name: str = "",
        tags: dict[str, str] | None = None,
        *,
        user: str | None = None,
        start_ms: int | None = None,
    ) -> Run:
        """Begin a run.

        Args:
            experiment: the number of its experiment; 0 is the one that is always there.
            name: what to call it; by default two words and a number.
            tags: words to find it by; `mlflow.parentRunId` makes it a child of that run.
            user: who runs it; by default the caller.
            start_ms: when it began, in milliseconds since 1970; by default now.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: the experiment is deleted, or a tag breaks a rule.

        Example:
            yard tracking start-run 1 --name fit
        """

    @operation("GET", "/runs/{run}", scope="tracking:read", about="run:{run}")
    @abstractmethod
    def run_record(self, run: str) -> Run:
        """Show one run with its last metrics, params, tags, inputs and outputs.

        Args:
            run: its id, 32 hex digits.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking run-record 0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/runs", scope="tracking:read")
    @abstractmethod
    def runs(
        self,
        experiments: list[str] | None = None,
        where: str = "",
        order_by: list[str] | None = None,
        *,
        view: View = View.ACTIVE,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Page[Run]:
        """Find runs, latest start first unless told otherwise.

        Args:
            experiments: numbers of experiments; by default all.
            where: MLflow's filter language, e.g. `metrics.f1 > 0.9 AND params.model = 'gbm'`.
            order_by: e.g. `metrics.f1 DESC`, `attributes.start_time ASC`.
            view: active, deleted, or all.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            InvalidInput: the filter or the order cannot be read.

        Example:
            yard tracking runs --where "metrics.f1 > 0.9" --order-by "metrics.f1 DESC"
        """

    @operation("PATCH", "/runs/{run}", scope="tracking:write", effect=Effect.NOTE, about="run:{run}", private=("name",))
    @abstractmethod
    def update_run(
        self, run: str, status: RunStatus | None = None, end_ms: int | None = None, *, name: str | None = None
    ) -> Run:
        """Change a run's status, end or name; what is left out stays.

        Args:
            run: its id.
            status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED.
            end_ms: when it ended; by default now, where the status says that it is over.
            name: what to call it.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted.

        Example:
            yard tracking update-run 0199c7a1b2c37d4e5f60718293a4b5c6 --status FINISHED
        """

    @operation("DELETE", "/runs/{run}", scope="tracking:write", about="run:{run}")
    @abstractmethod
    def delete_run(self, run: str) -> None:
        """Set a run aside; `restore-run` brings it back.

        Args:
            run: its id.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking delete-run 0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("POST", "/runs/{run}/restore", scope="tracking:write", about="run:{run}")
    @abstractmethod
    def restore_run(self, run: str) -> None:
        """Bring a deleted run back.

        Args:
            run: its id.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking restore-run 0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("POST", "/runs/{run}/log", scope="tracking:write", effect=Effect.NOTE, about="run:{run}", audited=False)
    @abstractmethod
    def log(
        self,
        run: str,
        metrics: list[Point] | None = None,
        params: dict[str, str] | None = None,
        *,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Note metrics, params and tags; all or nothing.

        A point that was logged before (same metric, time, step and value) is not counted twice, so a call may be
        repeated. A param keeps its first value.

        Args:
            run: its id.
            metrics: at most 1,000 points.
            params: at most 100.
            tags: at most 100; a tag that is there gets the new value.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted, a name breaks a rule, or a param already has another value.

        Example:
            yard tracking log 0199c7a1b2c37d4e5f60718293a4b5c6 --params '{"depth": "3"}'
        """

    @operation("DELETE", "/runs/{run}/tags/{key*}", scope="tracking:write", about="run:{run}", audited=False)
    @abstractmethod
    def untag_run(self, run: str, key: str) -> None:
        """Remove a tag from a run.

        Args:
            run: its id.
            key: the tag's name.

        Raises:
            NotFound: there is no such run, or it has no such tag.
            InvalidInput: the run is deleted.

        Example:
            yard tracking untag-run 0199c7a1b2c37d4e5f60718293a4b5c6 team
        """

    @operation("POST", "/runs/{run}/inputs", scope="tracking:write", about="run:{run}", private=("datasets",))
    @abstractmethod
    def log_inputs(self, run: str, datasets: list[DatasetInput] | None = None, models: list[str] | None = None) -> None:
        """Say what a run reads: datasets (a `source` such as `table:trips@12` becomes lineage) and logged models.

        Args:
            run: its id.
            datasets: each with its tags; one that was logged before is not counted twice.
            models: ids of logged models.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted, or a text is too long.

        Example:
            yard tracking log-inputs 0199c7a1b2c37d4e5f60718293a4b5c6 --models '["m-0199c7a1"]'
        """

    @operation("POST", "/runs/{run}/outputs", scope="tracking:write", about="run:{run}")
    @abstractmethod
    def log_outputs(self, run: str, models: list[ModelOutput]) -> None:
        """Say which logged models a run made.

        Args:
            run: its id.
            models: each with the step at which it was made.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted.

        Example:
            yard tracking log-outputs 0199c7a1b2c37d4e5f60718293a4b5c6 --models '[{"model": "m-0199c7a1"}]'
        """
