"""What pipelines speak of: flows and their versions, plans, runs, attempts, steps, schedules, queues.

Values that steps take and give are JSON. Large things travel as refs (`table:trips@12`) or as `StepFile`s.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, NewType

from msgspec import Meta, Struct, field

from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.refs import Name, Ref

Json = Any  # a JSON value; msgspec reads no recursive type
FlowRunId = NewType("FlowRunId", str)
FLOW_RUN = IdKind("frun", FlowRunId)

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, 64 lower-case hex digits")]
Text = Annotated[str, Meta(max_length=4000)]
Line = Annotated[str, Meta(max_length=500)]
Entry = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,300}:[A-Za-z_][A-Za-z0-9_]{0,119}$",
        description="module and flow, e.g. `training:train_tips`",
    ),
]
Refs = Annotated[tuple[Ref, ...], Meta(max_length=1000)]

STEP_MARK = "$step"
"""In a plan, `{"$step": "train-2"}` stands for what that step will give."""


class FlowParameter(Struct, frozen=True, kw_only=True):
    """One parameter of a flow.

    Attributes:
        type: as written in the source; empty if it was not.
    """

    name: Name
    type: Line = ""
    required: bool = True
    default: Json = None


class Resources(Struct, frozen=True, kw_only=True):
    """What one attempt of a flow may use; None does not limit."""

    memory_bytes: Annotated[int, Meta(ge=1 << 26)] | None = None
    cpu_s: Annotated[int, Meta(ge=1)] | None = None
    wall_s: Annotated[float, Meta(gt=0)] | None = None


class FlowSpec(Struct, frozen=True, kw_only=True):
    """What is told about a flow beside its bundle of sources.

    Attributes:
        commit: of the git repository that the sources stand in, with `+` where they differ from it; empty outside one.
    """

    entry: Entry
    parameters: Annotated[tuple[FlowParameter, ...], Meta(max_length=100)] = ()
    doc: Text = ""
    queue: Name = "default"
    resources: Resources = Resources()
    commit: Annotated[str, Meta(max_length=100)] = ""


class Flow(Struct, frozen=True, kw_only=True):
    """A version of a flow; versions are numbered from 1 and never change.

    Attributes:
        bundle: digest of the zip that holds its sources.
    """

    name: Name
    version: int
    spec: FlowSpec
    bundle: Digest
    size_bytes: int
    created_ms: int
    by: ActorId


class PlannedStep(Struct, frozen=True, kw_only=True):
    """One call of a step in a plan.

    Attributes:
        id: `train`, `train-2`, ...: the step and which call of it.
        arguments: by name; `{"$step": id}` stands for what another step will give.
        needs: the steps whose results it takes.
    """

    id: Name
    step: Name
    arguments: dict[str, Json]
    needs: tuple[str, ...] = ()
    cache: bool = True


class Plan(Struct, frozen=True, kw_only=True):
    """The graph that a flow's body wires for some parameters, in an order in which it can run."""

    flow: Name
    params: dict[str, Json]
    steps: Annotated[tuple[PlannedStep, ...], Meta(max_length=10_000)]
    output: Json = None

    def __str__(self) -> str:
        """One line a step, as a person reads it."""
        lines = [f"{self.flow}({_arguments(self.params)})"]
        lines += [
            f"  {s.id} = {s.step}({_arguments(s.arguments)})" + ("" if s.cache else "  # not cached")
            for s in self.steps
        ]
        return "\n".join([*lines, f"  -> {_shown(self.output)}"])


def _arguments(given: dict[str, Json]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in given.items())


def _shown(value: Json) -> str:
    if isinstance(value, dict):
        if STEP_MARK in value:
            return str(value[STEP_MARK])
        return "{" + ", ".join(f"{k!r}: {_shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(v) for v in value) + "]"
    return repr(value)


class RunStatus(StrEnum):
    """How a flow run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptStatus(StrEnum):
    """How an attempt at a flow run stands; `lost`: its worker died or fell silent."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    LOST = "lost"
    STOPPED = "stopped"


class StepStatus(StrEnum):
    """How a step of a flow run stands; `cached`: an earlier result was taken; `skipped`: the run ended before it."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    CACHED = "cached"
    FAILED = "failed"
    LOST = "lost"
    SKIPPED = "skipped"


class Used(Struct, frozen=True, kw_only=True):
    """What a step or an attempt used of the machine.

    Attributes:
        peak_memory_bytes: highest resident size.
        read_bytes, written_bytes: to and from storage.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float = 0.0
    peak_memory_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0


class StepCounts(Struct, frozen=True, kw_only=True):
    """How many steps of a run stand how."""

    planned: int = 0
    finished: int = 0
    cached: int = 0
    failed: int = 0


class FlowRun(Struct, frozen=True, kw_only=True):
    """One run of a flow.

    Attributes:
        cause: what set it off, where it was not a person: `schedule:nightly`, `alert:alert_...`.
        attempt: how often it was begun; the number of the present attempt.
        cancelling: a cancel was asked for and its worker is being stopped.
        output: what the flow gives back, once finished.
        error: why it failed or was lost.
    """

    id: FlowRunId
    flow: Name
    version: int
    params: dict[str, Json]
    status: RunStatus
    queue: Name
    cause: Line
    by: ActorId
    created_ms: int
    started_ms: int | None = None
    finished_ms: int | None = None
    attempt: int = 0
    cancelling: bool = False
    steps: StepCounts = StepCounts()
    output: Json = None
    error: str = ""

    @property
    def is_over(self) -> bool:
        """True once nothing more will happen to it."""
        return self.status in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.CANCELLED)


class StepRun(Struct, frozen=True, kw_only=True):
    """One step of a flow run.

    Attributes:
        attempt: the attempt in which it came to where it stands.
        key: what its result is remembered by: code, inputs, environment.
        taken_from: the run whose result was taken, if cached.
    """

    run: FlowRunId
    id: Name
    step: Name
    needs: tuple[str, ...] = ()
    status: StepStatus = StepStatus.WAITING
    attempt: int = 0
    key: str = ""
    taken_from: str = ""
    result: Json = None
    reads: Refs = ()
    writes: Refs = ()
    error: str = ""
    started_ms: int | None = None
    ended_ms: int | None = None
    used: Used = Used()


class Attempt(Struct, frozen=True, kw_only=True):
    """One worker's go at a flow run.

    Attributes:
        beat_ms: when the worker last said that it lives.
        exit_code: negative: the number of the signal that ended it.
        last_line: the last line of its log, once it ended.
    """

    run: FlowRunId
    number: int
    status: AttemptStatus
    pid: int
    started_ms: int
    beat_ms: int
    ended_ms: int | None = None
    exit_code: int | None = None
    last_line: str = ""
    used: Used = Used()


class Schedule(Struct, frozen=True, kw_only=True):
    """A flow that is run again and again.

    Attributes:
        every_s: seconds from one start to the next; starts missed while the yard was down are made up by one.
        last_error: why the last start was refused; empty if it was not.
    """

    name: Name
    flow: Name
    params: dict[str, Json]
    every_s: int
    next_ms: int
    by: ActorId
    last_run: str = ""
    last_error: str = ""


class WorkQueue(Struct, frozen=True, kw_only=True):
    """A line in which runs wait.

    Attributes:
        slots: how many runs of it one yard works on at a time.
    """

    name: Name
    slots: int
    waiting: int = 0
    running: int = 0


class Assignment(Struct, frozen=True, kw_only=True):
    """What a worker is to do."""

    run: FlowRunId
    attempt: int
    flow: Flow
    params: dict[str, Json]


class Standing(Struct, frozen=True, kw_only=True):
    """What a worker is told when it comes to a step: go on and do it, or take this result."""

    proceed: bool
    result: Json = None


class StepReport(Struct, frozen=True, kw_only=True):
    """What a worker tells of a step that it did; an error means that it failed."""

    result: Json = None
    error: Text = ""
    reads: Refs = ()
    writes: Refs = ()
    used: Used = Used()


class StepFile(Struct, frozen=True, kw_only=True):
    """A file that a step made, kept by the digest of its bytes."""

    name: Name
    digest: Digest
    size_bytes: int


class Heard(Struct, frozen=True, kw_only=True):
    """The answer to a heartbeat."""

    cancelling: bool = False


class Counters(Struct, frozen=True, kw_only=True):
    """How many runs stand how, over all flows."""

    by_status: dict[str, int] = field(default_factory=dict)
