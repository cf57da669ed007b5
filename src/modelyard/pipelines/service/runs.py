"""Flow runs: asking for one, looking at them, cancelling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.kernel.ids import ActorId
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import ref
from modelyard.pipelines.api import (
    FLOW_RUN,
    Allowance,
    Attempt,
    Counters,
    Flow,
    FlowQueued,
    FlowRun,
    FlowRunId,
    Flows,
    Json,
    Plan,
    RunStatus,
    StepRun,
)
from modelyard.pipelines.model.keys import canonical
from modelyard.pipelines.model.planning import bound_params
from modelyard.pipelines.service.endings import end_run, known_run
from modelyard.pipelines.service.flows import JOBS, known_flow
from modelyard.pipelines.store import runs, steps
from modelyard.ports import calls
from modelyard.ports.queue import NewJob, Queue

KIND = "flow_run"
ATTEMPTS = 3
_BACKOFF_S = 0.5
_PARAMS_BYTES = 100_000
_CHUNK = 1 << 16
_LAST = "frun_~"


class RunOperations(Flows):
    """Runs of flows."""

    def __init__(self, *, queue: Queue, logs: Path, allowance: Allowance) -> None:
        self._queue = queue
        self._logs = logs
        self._allowance = allowance

    def run(
        self, name: str, params: dict[str, Json] | None = None, *, version: int | None = None, cause: str = ""
    ) -> FlowRun:
        """Queue a run."""
        call = calls.current()
        flow = known_flow(call.tx, name, version)
        return self.begin(flow, params or {}, cause=cause, by=call.actor.id)

    def begin(self, flow: Flow, params: dict[str, Json], *, cause: str, by: ActorId) -> FlowRun:
        """Queue a run on behalf of `by`, within the transaction of what asks for it."""
        call = calls.current()
        bound = bound_params(flow.name, flow.spec, params)
        if len(canonical(bound)) > _PARAMS_BYTES:
            raise InvalidInput(f"the parameters of {flow.name} are larger than 100 kB; pass refs to tables and files")
        self._allowance.check(flow.name)
        made = FlowRun(
            id=FLOW_RUN.new(call.clock), flow=flow.name, version=flow.version, params=bound, status=RunStatus.QUEUED,
            queue=flow.spec.queue, cause=cause, by=by, created_ms=call.now_ms,
        )  # fmt: skip
        runs.add(call.tx, made)
        job = NewJob(
            kind=KIND, queue=JOBS + made.queue, payload=msgspec.json.encode(made.id), key=made.id,
            max_attempts=ATTEMPTS, backoff_s=_BACKOFF_S,
        )  # fmt: skip
        self._queue.enqueue(call.tx, job)
        news = FlowQueued(run=made.id, flow=flow.name, version=flow.version, cause=cause)
        call.emit(news, reads=[ref("flow", flow.name, flow.version)], writes=[ref("flow_run", made.id)])
        return made

    def flow_runs(
        self, flow: str | None = None, status: RunStatus | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[FlowRun]:
        """Runs, newest first."""
        before = place_of(cursor, _LAST)
        found = runs.runs(calls.current().tx, flow=flow, status=status, before=before, limit=limit + 1)
        return page_of(found, limit, lambda r: (r.id,))

    def flow_run(self, run: FlowRunId) -> FlowRun:
        """One run."""
        return known_run(calls.current().tx, run)

    def plan(self, run: FlowRunId) -> Plan:
        """The plan of a run."""
        tx = calls.current().tx
        known_run(tx, run)
        found = runs.plan(tx, run)
        if found is None:
            raise NotFound(f"{run} has no plan yet; its worker makes it first")
        return found

    def steps(self, run: FlowRunId) -> list[StepRun]:
        """The steps of a run."""
        tx = calls.current().tx
        known_run(tx, run)
        return steps.steps(tx, run)

    def attempts(self, run: FlowRunId) -> list[Attempt]:
        """The attempts at a run."""
        tx = calls.current().tx
        known_run(tx, run)
        return runs.attempts(tx, run)

    def log(self, run: FlowRunId, attempt: int | None = None) -> Iterator[bytes]:
        """The log of an attempt, in chunks."""
        found = known_run(calls.current().tx, run)
        number = found.attempt if attempt is None else attempt
        if not 1 <= number <= found.attempt:
            raise NotFound(f"{run} was begun {found.attempt} times; it has no attempt {number}")
        return _chunks(log_file(self._logs, found.id, number))

    def cancel(self, run: FlowRunId) -> FlowRun:
        """Cancel a run."""
        call = calls.current()
        found = known_run(call.tx, run)
        if found.is_over:
            raise Conflict(f"{run} is {found.status} already")
        if found.status is RunStatus.QUEUED:
            return end_run(found, RunStatus.CANCELLED)
        wanted = msgspec.structs.replace(found, cancelling=True)
        runs.stand(call.tx, wanted)
        return wanted

    def counts(self) -> Counters:
        """Runs by how they stand."""
        return Counters(by_status=runs.by_status(calls.current().tx))


def log_file(logs: Path, run: FlowRunId, attempt: int) -> Path:
    """Where an attempt's log stands."""
    return logs / f"{FLOW_RUN.parse(run)}.{attempt}.log"


def _chunks(file: Path) -> Iterator[bytes]:
    if not file.exists():
        return
    with file.open("rb") as log:
        while chunk := log.read(_CHUNK):
            yield chunk
