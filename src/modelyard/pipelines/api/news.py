"""What happened to flows, runs and steps. An event's `reads` and `writes` carry what steps declared."""

from __future__ import annotations

from modelyard.kernel.events import News
from modelyard.pipelines.api.records import AttemptStatus, FlowRunId, RunStatus, StepStatus, Used


class FlowRegistered(News, frozen=True, kw_only=True):
    """A version of a flow was registered; reads nothing, writes `flow:name@version`."""

    flow: str
    version: int


class FlowQueued(News, frozen=True, kw_only=True):
    """A run was asked for; reads the flow, writes `flow_run:id`."""

    run: FlowRunId
    flow: str
    version: int
    cause: str


class AttemptEnded(News, frozen=True, kw_only=True):
    """A worker's go at a run is over; `used` covers the whole worker, its steps included."""

    run: FlowRunId
    flow: str
    number: int
    status: AttemptStatus
    exit_code: int | None = None
    last_line: str = ""
    used: Used = Used()


class StepFinished(News, frozen=True, kw_only=True):
    """A step came to its end; a cached one used nothing."""

    run: FlowRunId
    flow: str
    version: int
    step: str
    id: str
    status: StepStatus
    attempt: int
    used: Used = Used()


class FlowFinished(News, frozen=True, kw_only=True):
    """A run came to its end, whichever it was; reads and writes are those of all its steps."""

    run: FlowRunId
    flow: str
    version: int
    status: RunStatus
    error: str = ""
