"""The dispatcher: has queued runs worked on by children of this yard, and notices within a second when one is lost.

It holds one job of the queue for each child. A child that ends without having reported the end of its run is lost: the
run goes back to the queue and the next attempt does again only what was not finished. A run is never left `running`
without a lease that somebody keeps up.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import StaleVersion, YardError
from modelyard.kernel.ids import REQUEST
from modelyard.pipelines.api import (
    Attempt,
    AttemptEnded,
    AttemptStatus,
    FlowRun,
    FlowRunId,
    Passes,
    RunStatus,
    StepStatus,
    Used,
    WorkerPass,
)
from modelyard.pipelines.service.endings import end_run
from modelyard.pipelines.service.flows import JOBS, known_flow
from modelyard.pipelines.service.runs import log_file
from modelyard.pipelines.store import flows, runs, steps
from modelyard.ports import calls
from modelyard.ports.compute import Child, ChildId, Compute, End, Limits, Order
from modelyard.ports.queue import Job, Queue

_log = logging.getLogger("modelyard.pipelines")
LEASE_S = 6.0
_RENEW_S = 1.5
_SILENT_MS = 60_000
_GRACE_S = 2.0
_DEAD_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where and how this yard has runs worked on.

    Attributes:
        command: what starts a worker.
        folder: scratch folders of attempts stand here.
        logs: logs of attempts stand here.
        keep_days: how long those and cached results are kept; 0: for ever.
    """

    compute: Compute
    passes: Passes
    command: Sequence[str]
    folder: Path
    logs: Path
    keep_days: int = 0


@dataclass(slots=True)
class _Held:
    """A run that this yard works on."""

    run: FlowRunId
    attempt: int
    job: Job
    child: ChildId
    credential: str
    folder: Path
    renewed_s: float = field(default=0.0)


class Dispatcher:
    """One yard's hands for flow runs; its duties call it one at a time."""

    def __init__(self, *, queue: Queue, workshop: Workshop, clock: Clock) -> None:
        self._queue = queue
        self._shop = workshop
        self._clock = clock
        self._me = f"{os.getpid()}.{REQUEST.new(clock)}"
        self._held: dict[FlowRunId, _Held] = {}
        self._dead_at_s = 0.0

    def tend(self) -> None:
        """Look after what runs, then start what waits; one round of the duty."""
        for held in list(self._held.values()):
            try:
                self._look_after(held)
            except YardError:
                _log.exception("a flow run could not be looked after; it comes round again", extra={"run": held.run})
        if self._clock.monotonic() >= self._dead_at_s:
            self._dead_at_s = self._clock.monotonic() + _DEAD_EVERY_S
            self._give_up_dead()
        busy = Counter(held.job.queue for held in self._held.values())
        for queue in flows.queues(calls.current().tx):
            name = JOBS + queue.name
            for _ in range(queue.slots - busy[name]):
                job = self._queue.claim(self._me, lease_s=LEASE_S, queue=name)
                if job is None:
                    break
                self._take(job)

    def sweep(self) -> list[str]:
        """At a start: end workers that a killed yard left, remove their scratch folders; a sentence for each kind."""
        ended = self._shop.compute.sweep()
        left = [folder for folder in self._shop.folder.glob("frun_*") if folder.is_dir()]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        said = [f"ended {ended} workers that an earlier yard left running"] if ended else []
        return [*said, f"removed the scratch folders of {len(left)} flow runs"] if left else said

    def _look_after(self, held: _Held) -> None:
        child = self._shop.compute.look(held.child)
        if child.runs:
            child = self._stop_if_wanted(held, child)
        if child.runs:
            self._renew(held)
        else:
            self._let_go(held, child)

    def _stop_if_wanted(self, held: _Held, child: Child) -> Child:
        """Stop a child whose run was cancelled or ended, or which has fallen silent."""
        call = calls.current()
        run = runs.run(call.tx, held.run)
        live = runs.live(call.tx, held.run, held.attempt)
        silent = live is not None and self._clock.now_ms() - live.beat_ms > _SILENT_MS
        if run is None or live is None or run.cancelling or silent:
            return self._shop.compute.stop(held.child, grace_s=_GRACE_S)
        return child

    def _renew(self, held: _Held) -> None:
        now = self._clock.monotonic()
        if now < held.renewed_s + _RENEW_S:
            return
        try:
            self._queue.heartbeat(held.job, lease_s=LEASE_S)
            held.renewed_s = now
        except StaleVersion:
            _log.warning("the lease of a flow run was lost; its worker is stopped", extra={"run": held.run})
            self._drop(held, self._shop.compute.stop(held.child, grace_s=_GRACE_S))

    def _let_go(self, held: _Held, child: Child) -> None:
        """A child ended: write how, and give its job back or mark it done."""
        call = calls.current()

        def note() -> None:
            run = runs.run(call.tx, held.run)
            if run is not None:
                self._settle(run, held, child)

        try:
            call.unit(note)
        except StaleVersion:
            _log.warning("the lease of a flow run was lost; another attempt goes on", extra={"run": held.run})
        self._drop(held, child)

    def _settle(self, run: FlowRun, held: _Held, child: Child) -> None:
        tx = calls.current().tx
        if run.is_over:
            status = AttemptStatus.FINISHED if run.status is RunStatus.FINISHED else AttemptStatus.FAILED
            self._queue.complete(tx, held.job)
        elif run.cancelling or child.end is End.TIMED_OUT:
            status = AttemptStatus.STOPPED
            self._queue.complete(tx, held.job)
            if run.cancelling:
                end_run(run, RunStatus.CANCELLED)
            else:
                end_run(
                    run, RunStatus.FAILED, error=f"it ran longer than its limit of {_wall_of(run)} s and was stopped"
                )
        else:
            status = AttemptStatus.LOST
            said = f"; its last line: {child.last_line}" if child.last_line else ""
            error = f"the worker of attempt {held.attempt} {_how(child)}{said}"
            self._go_back(run, again=self._queue.fail(tx, held.job, error), error=error)
        self._end_attempt(run, held.attempt, status, child)

    def _go_back(self, run: FlowRun, *, again: bool, error: str) -> None:
        tx = calls.current().tx
        steps.settle(tx, run.id, StepStatus.RUNNING, StepStatus.LOST, calls.current().now_ms)
        if again:
            runs.stand(tx, msgspec.structs.replace(run, status=RunStatus.QUEUED, error=error))
        else:
            end_run(run, RunStatus.FAILED, error=f"given up after {run.attempt} attempts: {error}")

    def _end_attempt(self, run: FlowRun, number: int, status: AttemptStatus, child: Child | None) -> None:
        call = calls.current()
        live = runs.live(call.tx, run.id, number)
        if live is None:
            return
        used = Used() if child is None else _used(child)
        line = "" if child is None else child.last_line
        code = None if child is None else child.exit_code
        runs.end_attempt(
            call.tx,
            msgspec.structs.replace(
                live, status=status, ended_ms=call.now_ms, exit_code=code, last_line=line, used=used
            ),
        )  # fmt: skip
        call.emit(
            AttemptEnded(
                run=run.id, flow=run.flow, number=number, status=status, exit_code=code, last_line=line, used=used
            )
        )  # fmt: skip

    def _drop(self, held: _Held, child: Child) -> None:
        self._held.pop(held.run, None)
        self._shop.compute.forget(child.id)
        shutil.rmtree(held.folder, ignore_errors=True)
        self._take_back(held.credential)

    def _take_back(self, credential: str) -> None:
        try:
            self._shop.passes.take_back(credential)
        except YardError as err:
            _log.warning("a worker's pass could not be taken back; it ends by itself: %s", err.detail)

    def _take(self, job: Job) -> None:
        """Start a worker for a claimed job."""
        call = calls.current()
        run = call.unit(lambda: self._claimed(job))
        if run is None:
            return
        if (old := self._held.get(run.id)) is not None:
            self._drop(old, self._shop.compute.stop(old.child, grace_s=0.0))
        given: WorkerPass | None = None
        folder = self._shop.folder / f"{run.id}.{run.attempt}"
        try:
            given = self._shop.passes.give(run.id, run.by)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            child = self._shop.compute.start(self._order(run, given, folder))
        except (YardError, OSError) as err:
            _log.exception("a worker could not be started", extra={"run": run.id})
            error = err.detail if isinstance(err, YardError) else f"no worker could be started: {err.strerror}"
            call.unit(lambda: self._not_started(run, job, error))
            if given is not None:
                self._take_back(given.id)
            return
        call.unit(lambda: runs.set_pid(calls.current().tx, run.id, run.attempt, child.pid))
        self._held[run.id] = _Held(
            run=run.id, attempt=run.attempt, job=job, child=child.id, credential=given.id, folder=folder,
            renewed_s=self._clock.monotonic(),
        )  # fmt: skip

    def _claimed(self, job: Job) -> FlowRun | None:
        """Write that a new attempt begins; None if the run needs none any more."""
        call = calls.current()
        run = runs.run(call.tx, msgspec.json.decode(job.payload, type=FlowRunId))
        if run is None or run.is_over or run.cancelling:
            if run is not None and run.cancelling:
                self._end_attempt(run, run.attempt, AttemptStatus.LOST, None)
                end_run(run, RunStatus.CANCELLED)
            self._queue.complete(call.tx, job)
            return None
        self._end_attempt(run, run.attempt, AttemptStatus.LOST, None)
        steps.settle(call.tx, run.id, StepStatus.RUNNING, StepStatus.LOST, call.now_ms)
        begun = msgspec.structs.replace(
            run, status=RunStatus.RUNNING, attempt=run.attempt + 1, started_ms=run.started_ms or call.now_ms, error=""
        )
        runs.stand(call.tx, begun)
        runs.add_attempt(
            call.tx,
            Attempt(
                run=run.id, number=begun.attempt, status=AttemptStatus.RUNNING, pid=0, started_ms=call.now_ms,
                beat_ms=self._clock.now_ms(),
            ),
        )  # fmt: skip
        return begun

    def _not_started(self, run: FlowRun, job: Job, error: str) -> None:
        self._end_attempt(run, run.attempt, AttemptStatus.FAILED, None)
        self._go_back(run, again=self._queue.fail(calls.current().tx, job, error), error=error)

    def _order(self, run: FlowRun, given: WorkerPass, folder: Path) -> Order:
        bounds = known_flow(calls.current().tx, run.flow, run.version).spec.resources
        env = {
            "YARD_ADDRESS": given.address, "YARD_TOKEN": given.secret, "YARD_FLOW_RUN": run.id,
            "YARD_FLOW_ATTEMPT": str(run.attempt), "MLFLOW_TRACKING_URI": given.address,
            "MLFLOW_TRACKING_TOKEN": given.secret, "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg",
        }  # fmt: skip
        return Order(
            argv=self._shop.command, folder=folder, log=log_file(self._shop.logs, run.id, run.attempt), env=env,
            limits=Limits(memory_bytes=bounds.memory_bytes, cpu_s=bounds.cpu_s, wall_s=bounds.wall_s),
        )  # fmt: skip

    def _give_up_dead(self) -> None:
        """End runs whose job was set aside because yard after yard was lost with it."""
        call = calls.current()
        for queue in flows.queues(call.tx):
            for job in self._queue.dead(call.tx, limit=20, queue=JOBS + queue.name):
                run = runs.run(call.tx, msgspec.json.decode(job.payload, type=FlowRunId))
                if run is not None and not run.is_over:
                    call.unit(lambda run=run, job=job: self._bury(run.id, job.error))  # type: ignore[misc]  # defaults bind the loop's values

    def _bury(self, id_: FlowRunId, error: str) -> None:
        run = runs.run(calls.current().tx, id_)
        if run is None or run.is_over:
            return
        self._end_attempt(run, run.attempt, AttemptStatus.LOST, None)
        end_run(run, RunStatus.FAILED, error=f"given up after {run.attempt} attempts: {error}")


def _wall_of(run: FlowRun) -> str:
    wall = known_flow(calls.current().tx, run.flow, run.version).spec.resources.wall_s
    return f"{wall:g}"


def _how(child: Child) -> str:
    if child.end is End.KILLED and child.exit_code is not None:
        return f"was killed by signal {-child.exit_code}"
    if child.end is End.STOPPED:
        return "was stopped"
    return f"ended with exit code {child.exit_code} before it reported the end of the run"


def _used(child: Child) -> Used:
    used = child.used
    return Used(
        wall_s=used.wall_s, cpu_s=used.cpu_s, peak_memory_bytes=used.peak_memory_bytes, read_bytes=used.read_bytes,
        written_bytes=used.written_bytes,
    )  # fmt: skip
