"""How a run comes to its end, whoever brings it: its worker, a cancel, the dispatcher."""

from __future__ import annotations

import msgspec

from modelyard.kernel.errors import NotFound
from modelyard.kernel.refs import Ref, ref
from modelyard.pipelines.api import FlowFinished, FlowRun, FlowRunId, Json, RunStatus, StepStatus
from modelyard.pipelines.store import runs, steps
from modelyard.ports import calls
from modelyard.ports.database import Transaction

_ERROR = 4000


def known_run(tx: Transaction, id_: FlowRunId) -> FlowRun:
    """One run.

    Raises:
        NotFound: no such run.
    """
    found = runs.run(tx, id_)
    if found is None:
        raise NotFound(f"there is no flow run {id_[:60]}; list them: yard pipelines flow-runs")
    return found


def end_run(run: FlowRun, status: RunStatus, *, output: Json = None, error: str = "") -> FlowRun:
    """Write the end of a run and tell it; steps that never began are skipped. Inside a transaction."""
    call = calls.current()
    over = msgspec.structs.replace(
        run, status=status, finished_ms=call.now_ms, output=output, error=error[:_ERROR], cancelling=False
    )
    runs.stand(call.tx, over)
    began = StepStatus.FAILED if status is RunStatus.FAILED else StepStatus.LOST
    steps.settle(call.tx, run.id, StepStatus.RUNNING, began, call.now_ms)
    steps.settle(call.tx, run.id, StepStatus.WAITING, StepStatus.SKIPPED, None)
    reads, writes = dict.fromkeys([ref("flow", run.flow, run.version)]), dict.fromkeys([ref("flow_run", run.id)])
    for step in steps.steps(call.tx, run.id):
        reads |= dict.fromkeys(step.reads)
        writes |= dict.fromkeys(step.writes)
    news = FlowFinished(run=run.id, flow=run.flow, version=run.version, status=status, error=over.error[:500])
    call.emit(news, reads=_bounded(reads), writes=_bounded(writes))
    return runs.run(call.tx, run.id) or over


def _bounded(refs: dict[Ref, None]) -> list[Ref]:
    return list(refs)[:1000]
