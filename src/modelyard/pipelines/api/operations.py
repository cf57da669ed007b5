"""The operations on flows and their runs, and those by which a worker reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from modelyard.kernel.operations import operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.pipelines.api.records import (
    Assignment,
    Attempt,
    Counters,
    Digest,
    Flow,
    FlowRun,
    FlowRunId,
    FlowSpec,
    Heard,
    Json,
    Line,
    Plan,
    RunStatus,
    Schedule,
    Standing,
    StepFile,
    StepReport,
    StepRun,
    Text,
    WorkQueue,
)

Params = dict[str, Json]
EverySeconds = Annotated[int, Meta(ge=1, le=31_536_000, description="seconds, up to a year")]
Slots = Annotated[int, Meta(ge=0, le=256, description="0 holds the queue")]
AttemptNumber = Annotated[int, Meta(ge=1)]


class Flows(ABC):
    """Flows, their runs and what sets them off."""

    @stream("PUT", "/flows/{name}", scope="pipelines:write", about="flow:{name}", command="-")
    @abstractmethod
    def register(self, name: Name, spec: FlowSpec, content: Iterable[bytes]) -> Flow:
        """Register a flow from the zip of its sources; the same sources and spec give the same version again.

        `flow.submit(yard)` does it for you.

        Args:
            spec: where in the zip the flow stands and what it takes.
            content: a zip of at most 20 MB that holds the module of the entry.

        Raises:
            InvalidInput: the content is no zip, or lacks the module of the entry.
            TooLarge: the zip is larger than 20 MB.
        """

    @operation("GET", "/flows", scope="pipelines:read")
    @abstractmethod
    def flows(self, limit: Limit = 100, cursor: str | None = None) -> Page[Flow]:
        """List flows by name, each in its newest version."""

    @operation("GET", "/flows/{name}", scope="pipelines:read", about="flow:{name}")
    @abstractmethod
    def flow(self, name: Name, version: int | None = None) -> Flow:
        """Show a flow.

        Args:
            version: by default the newest.

        Raises:
            NotFound: no such flow or version.
        """

    @stream(
        "GET", "/flows/{name}/bundle", scope="pipelines:read", about="flow:{name}", media="application/zip", command="-"
    )
    @abstractmethod
    def bundle(self, name: Name, version: int | None = None) -> Iterator[bytes]:
        """Download the sources of a flow.

        Raises:
            NotFound: no such flow or version.
        """

    @operation("POST", "/flows/{name}/runs", scope="pipelines:run", about="flow:{name}")
    @abstractmethod
    def run(self, name: Name, params: Params | None = None, *, version: int | None = None, cause: Line = "") -> FlowRun:
        """Run a flow: queue it and answer at once.

        Args:
            params: by name; those left out take their defaults.
            version: by default the newest.
            cause: a ref to what set it off, if it was not a person.

        Raises:
            NotFound: no such flow or version.
            InvalidInput: a parameter is unknown, or a required one is missing.
            BudgetSpent: a budget that covers the flow is used up.

        Example:
            yard pipelines run training --params '{"depth": 6}'
        """

    @operation("GET", "/flow-runs", scope="pipelines:read")
    @abstractmethod
    def flow_runs(
        self, flow: Name | None = None, status: RunStatus | None = None, limit: Limit = 100, cursor: str | None = None
    ) -> Page[FlowRun]:
        """List flow runs, newest first.

        Args:
            flow: only of this flow.
            status: only those that stand so.
        """

    @operation("GET", "/flow-runs/{run}", scope="pipelines:read", about="flow_run:{run}")
    @abstractmethod
    def flow_run(self, run: FlowRunId) -> FlowRun:
        """Show a flow run.

        Raises:
            NotFound: no such run.
        """

    @operation("GET", "/flow-runs/{run}/plan", scope="pipelines:read", about="flow_run:{run}")
    @abstractmethod
    def plan(self, run: FlowRunId) -> Plan:
        """Show the graph that a run follows.

        Raises:
            NotFound: no such run, or its worker has not planned it yet.
        """

    @operation("GET", "/flow-runs/{run}/steps", scope="pipelines:read", about="flow_run:{run}")
    @abstractmethod
    def steps(self, run: FlowRunId) -> list[StepRun]:
        """List the steps of a run in the order of its plan; none before it was planned.

        Raises:
            NotFound: no such run.
        """

    @operation("GET", "/flow-runs/{run}/attempts", scope="pipelines:read", about="flow_run:{run}")
    @abstractmethod
    def attempts(self, run: FlowRunId) -> list[Attempt]:
        """List how often a run was begun, and how each attempt ended; oldest first.

        Raises:
            NotFound: no such run.
        """

    @stream("GET", "/flow-runs/{run}/log", scope="pipelines:read", about="flow_run:{run}", media="text/plain")
    @abstractmethod
    def log(self, run: FlowRunId, attempt: AttemptNumber | None = None) -> Iterator[bytes]:
        """Read what the worker of a run wrote, as far as it has come.

        Args:
            attempt: by default the last.

        Raises:
            NotFound: no such run, or no such attempt.
        """

    @operation("POST", "/flow-runs/{run}/cancellation", scope="pipelines:run", about="flow_run:{run}")
    @abstractmethod
    def cancel(self, run: FlowRunId) -> FlowRun:
        """Cancel a run: one that waits never starts, one that runs is stopped within seconds.

        Raises:
            NotFound: no such run.
            Conflict: it is over already.
        """

    @operation("PUT", "/schedules/{name}", scope="pipelines:write", about="schedule:{name}")
    @abstractmethod
    def schedule(self, name: Name, flow: Name, every_s: EverySeconds, *, params: Params | None = None) -> Schedule:
        """Run a flow again and again, at first after `every_s` seconds; a schedule of that name is replaced.

        Args:
            every_s: seconds from one start to the next.

        Raises:
            NotFound: no such flow.
            InvalidInput: a parameter is unknown, or a required one is missing.
        """

    @operation("GET", "/schedules", scope="pipelines:read")
    @abstractmethod
    def schedules(self) -> list[Schedule]:
        """List schedules by name."""

    @operation("DELETE", "/schedules/{name}", scope="pipelines:write", about="schedule:{name}")
    @abstractmethod
    def unschedule(self, name: Name) -> None:
        """End a schedule; runs that it queued stay.

        Raises:
            NotFound: no such schedule.
        """

    @operation("GET", "/work-queues", scope="pipelines:read")
    @abstractmethod
    def queues(self) -> list[WorkQueue]:
        """List the queues with what waits and runs in them, by name."""

    @operation("PUT", "/work-queues/{name}", scope="pipelines:write", about="work_queue:{name}")
    @abstractmethod
    def set_slots(self, name: Name, slots: Slots) -> WorkQueue:
        """Say how many runs of a queue one yard works on at a time."""

    @operation("GET", "/flow-run-counts", scope="pipelines:read", command="-")
    @abstractmethod
    def counts(self) -> Counters:
        """Count flow runs by how they stand."""


class Work(ABC):
    """What a worker asks and reports. Each names its attempt, so that one that was given up changes nothing more."""

    @operation("GET", "/flow-runs/{run}/assignment", scope="pipelines:work", about="flow_run:{run}", command="-")
    @abstractmethod
    def assignment(self, run: FlowRunId) -> Assignment:
        """Say what the run's worker is to do.

        Raises:
            NotFound: no such run.
        """

    @operation("PUT", "/flow-runs/{run}/plan", scope="pipelines:work", about="flow_run:{run}", command="-")
    @abstractmethod
    def report_plan(self, run: FlowRunId, attempt: AttemptNumber, plan: Plan) -> None:
        """Report the graph that the run will follow.

        Raises:
            StaleVersion: the attempt is over.
            InvalidInput: a step needs one that does not come before it.
        """

    @operation(
        "POST", "/flow-runs/{run}/heartbeats", scope="pipelines:work", about="flow_run:{run}", command="-",
        audited=False,
    )  # fmt: skip
    @abstractmethod
    def heartbeat(self, run: FlowRunId, attempt: AttemptNumber) -> Heard:
        """Say that the worker lives.

        Raises:
            StaleVersion: the attempt is over; stop.
        """

    @operation(
        "POST", "/flow-runs/{run}/steps/{step}/start", scope="pipelines:work", about="flow_run:{run}", command="-",
        audited=False,
    )  # fmt: skip
    @abstractmethod
    def begin_step(self, run: FlowRunId, step: Name, attempt: AttemptNumber, key: Digest) -> Standing:
        """Come to a step: do it, or take what this run or the cache has under its key.

        Raises:
            StaleVersion: the attempt is over.
            NotFound: the plan has no such step.
        """

    @operation(
        "POST", "/flow-runs/{run}/steps/{step}/end", scope="pipelines:work", about="flow_run:{run}", command="-",
        audited=False,
    )  # fmt: skip
    @abstractmethod
    def finish_step(self, run: FlowRunId, step: Name, attempt: AttemptNumber, report: StepReport) -> None:
        """Report what came of a step.

        Raises:
            StaleVersion: the attempt is over.
            NotFound: the plan has no such step.
            TooLarge: the result is larger than 1 MB.
        """

    @stream("PUT", "/flow-runs/{run}/files/{name}", scope="pipelines:work", about="flow_run:{run}", command="-")
    @abstractmethod
    def keep_file(self, run: FlowRunId, name: Name, content: Iterable[bytes], attempt: AttemptNumber) -> StepFile:
        """Keep a file that a step made.

        Raises:
            StaleVersion: the attempt is over.
        """

    @stream("GET", "/step-files/{digest}", scope="pipelines:read", about="step_file:{digest}", command="-")
    @abstractmethod
    def read_file(self, digest: Digest) -> Iterator[bytes]:
        """Download a file that a step made.

        Raises:
            NotFound: no step made such a file.
        """

    @operation("POST", "/flow-runs/{run}/end", scope="pipelines:work", about="flow_run:{run}", command="-")
    @abstractmethod
    def finish_run(self, run: FlowRunId, attempt: AttemptNumber, *, output: Json = None, error: Text = "") -> FlowRun:
        """Report the end of the run; an error means that it failed.

        Raises:
            StaleVersion: the attempt is over.
        """


class Pipelines(Flows, Work, ABC):
    """Flows of typed steps: planned before they run, cached by what they are made from, resumed where they broke."""
