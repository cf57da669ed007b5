"""What workers ask and report; an attempt that was given up changes nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from modelyard.kernel.errors import NotFound, StaleVersion, TooLarge
from modelyard.kernel.refs import ref
from modelyard.pipelines.api import (
    Assignment,
    FlowRun,
    FlowRunId,
    Heard,
    Json,
    Plan,
    RunStatus,
    Standing,
    StepFile,
    StepFinished,
    StepReport,
    StepRun,
    StepStatus,
    Work,
)
from modelyard.pipelines.model.keys import canonical
from modelyard.pipelines.model.planning import check_plan
from modelyard.pipelines.service.endings import end_run, known_run
from modelyard.pipelines.service.flows import known_flow
from modelyard.pipelines.store import runs, steps
from modelyard.ports import calls
from modelyard.ports.objects import Objects, check_stand, parse_digest

_RESULT_BYTES = 1_000_000
_DONE = (StepStatus.FINISHED, StepStatus.CACHED)


class Reports(Work):
    """The worker's side."""

    def __init__(self, *, objects: Objects) -> None:
        self._files = objects

    def assignment(self, run: FlowRunId) -> Assignment:
        """What the run's worker is to do."""
        tx = calls.current().tx
        found = known_run(tx, run)
        flow = known_flow(tx, found.flow, found.version)
        return Assignment(run=found.id, attempt=found.attempt, flow=flow, params=found.params)

    def report_plan(self, run: FlowRunId, attempt: int, plan: Plan) -> None:
        """Write the plan; steps done in an earlier attempt stay done."""
        tx = calls.current().tx
        found = _present(run, attempt)
        check_plan(plan)
        runs.set_plan(tx, found.id, plan)
        steps.plan(tx, found.id, plan.steps)

    def heartbeat(self, run: FlowRunId, attempt: int) -> Heard:
        """Note that the worker lives."""
        call = calls.current()
        found = _present(run, attempt)
        if not runs.beat(call.tx, found.id, attempt, call.now_ms):
            raise _over(run, attempt)
        return Heard(cancelling=found.cancelling)

    def begin_step(self, run: FlowRunId, step: str, attempt: int, key: str) -> Standing:
        """Take what is there, or say that the step is to be done."""
        call = calls.current()
        found = _present(run, attempt)
        now, may_be_cached = _step(run, step)
        if now.status in _DONE and now.key == key:
            return Standing(proceed=False, result=now.result)
        kept = steps.remembered(call.tx, key) if may_be_cached else None
        begun = StepRun(run=run, id=now.id, step=now.step, needs=now.needs, attempt=attempt, key=key)
        if kept is None:
            steps.stand(
                call.tx, msgspec.structs.replace(begun, status=StepStatus.RUNNING, started_ms=call.now_ms)
            )  # fmt: skip
            return Standing(proceed=True)
        taken = msgspec.structs.replace(
            begun, status=StepStatus.CACHED, taken_from=kept.run, result=kept.result, reads=kept.reads,
            writes=kept.writes, started_ms=call.now_ms, ended_ms=call.now_ms,
        )  # fmt: skip
        steps.stand(call.tx, taken)
        _tell(found, taken)
        return Standing(proceed=False, result=kept.result)

    def finish_step(self, run: FlowRunId, step: str, attempt: int, report: StepReport) -> None:
        """Write what came of a step, and remember its result."""
        call = calls.current()
        found = _present(run, attempt)
        now, may_be_cached = _step(run, step)
        if len(canonical(report.result)) > _RESULT_BYTES:
            raise TooLarge(
                f"step {step} gave back more than 1 MB; write it to the lake and give back its ref, "
                "or keep it as a file: context().keep(path)"
            )
        done = msgspec.structs.replace(
            now, status=StepStatus.FAILED if report.error else StepStatus.FINISHED, attempt=attempt,
            result=report.result, reads=report.reads, writes=report.writes, error=report.error, used=report.used,
            ended_ms=call.now_ms,
        )  # fmt: skip
        steps.stand(call.tx, done)
        if may_be_cached and not report.error:
            steps.remember(call.tx, done, call.now_ms)
        _tell(found, done)

    def keep_file(self, run: FlowRunId, name: str, content: Iterable[bytes], attempt: int) -> StepFile:
        """Store a file, then note whose it is."""
        call = calls.current()
        stored = self._files.put(content)
        kept = StepFile(name=name, digest=stored.digest, size_bytes=stored.size_bytes)

        def note() -> StepFile:
            found = _present(run, attempt)
            check_stand(self._files, [stored.digest])
            steps.keep_file(call.tx, kept, found.id, call.now_ms)
            return kept

        return call.unit(note)

    def read_file(self, digest: str) -> Iterator[bytes]:
        """A file by its digest."""
        kept = steps.file(calls.current().tx, digest)
        if kept is None:
            raise NotFound(f"no step made a file with the digest {digest[:64]}")
        return self._files.read(parse_digest(kept.digest))

    def finish_run(self, run: FlowRunId, attempt: int, *, output: Json = None, error: str = "") -> FlowRun:
        """Write the end that the worker reports."""
        found = _present(run, attempt)
        if error:
            return end_run(found, RunStatus.FAILED, error=error)
        return end_run(found, RunStatus.FINISHED, output=output)


def _present(run: FlowRunId, attempt: int) -> FlowRun:
    """The run, if this attempt at it is the present one."""
    tx = calls.current().tx
    found = known_run(tx, run)
    if found.status is not RunStatus.RUNNING or found.attempt != attempt or runs.live(tx, run, attempt) is None:
        raise _over(run, attempt)
    return found


def _over(run: FlowRunId, attempt: int) -> StaleVersion:
    return StaleVersion(f"attempt {attempt} at {run} is over; stop working on it")


def _step(run: FlowRunId, step: str) -> tuple[StepRun, bool]:
    found = steps.step(calls.current().tx, run, step)
    if found is None:
        raise NotFound(f"the plan of {run} has no step {step}")
    return found


def _tell(run: FlowRun, step: StepRun) -> None:
    news = StepFinished(
        run=run.id, flow=run.flow, version=run.version, step=step.step, id=step.id, status=step.status,
        attempt=step.attempt, used=step.used,
    )  # fmt: skip
    reads = [ref("flow", run.flow, run.version), *step.reads]
    calls.current().emit(news, reads=reads, writes=[ref("flow_run", run.id), *step.writes])
