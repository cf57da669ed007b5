"""Rows of flow runs and their attempts."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.pipelines.api import (
    Attempt,
    AttemptStatus,
    FlowRun,
    FlowRunId,
    Json,
    Plan,
    RunStatus,
    StepCounts,
    StepStatus,
    Used,
)
from modelyard.pipelines.store.tables import insert, p, table
from modelyard.ports.database import Row, Statement, Transaction

_RUN = (
    "id", "flow", "version", "params", "status", "queue", "cause", "created_by", "created_ms", "started_ms",
    "finished_ms", "attempt", "cancelling", "output", "error",
)  # fmt: skip
_ATTEMPT = (
    "run", "number", "status", "pid", "started_ms", "beat_ms", "ended_ms", "exit_code", "last_line", "used",
)  # fmt: skip
_run = table("pipelines_run", (*_RUN, "plan"))
_step = table("pipelines_step", ("run", "id", "status"))
_attempt = table("pipelines_attempt", _ATTEMPT)


def _count(status: StepStatus | None = None) -> sa.ScalarSelect[int]:
    steps = sa.select(sa.func.count()).select_from(_step).where(_step.c.run == _run.c.id)
    if status is not None:
        steps = steps.where(_step.c.status == sa.literal_column(f"'{status}'"))
    return steps.correlate(_run).scalar_subquery()


_shown = sa.select(
    *[_run.c[name] for name in _RUN],
    _count(), _count(StepStatus.FINISHED), _count(StepStatus.CACHED), _count(StepStatus.FAILED),
)  # fmt: skip
_newest = _shown.where(_run.c.id < p("before")).order_by(_run.c.id.desc()).limit(p("limit_"))

_ADD = insert(_run)
_ONE = Statement(_shown.where(_run.c.id == p("id_")))
_LISTS = {
    (False, False): Statement(_newest),
    (True, False): Statement(_newest.where(_run.c.flow == p("flow_"))),
    (False, True): Statement(_newest.where(_run.c.status == p("status_"))),
    (True, True): Statement(_newest.where(_run.c.flow == p("flow_"), _run.c.status == p("status_"))),
}
_STAND = Statement(
    sa.update(_run)
    .where(_run.c.id == p("id_"))
    .values(
        status=p("status_"), started_ms=p("started_"), finished_ms=p("finished_"), attempt=p("attempt_"),
        cancelling=p("cancelling_"), output=p("output_"), error=p("error_"),
    )
)  # fmt: skip
_PLAN = Statement(sa.select(_run.c.plan).where(_run.c.id == p("id_")))
_SET_PLAN = Statement(sa.update(_run).where(_run.c.id == p("id_")).values(plan=p("plan_")))
_BY_STATUS = Statement(sa.select(_run.c.status, sa.func.count()).group_by(_run.c.status))

_ADD_ATTEMPT = insert(_attempt)
_ATTEMPTS = Statement(sa.select(_attempt).where(_attempt.c.run == p("run_")).order_by(_attempt.c.number))
_mine = (_attempt.c.run == p("run_"), _attempt.c.number == p("number_"))
_running = _attempt.c.status == sa.literal_column(f"'{AttemptStatus.RUNNING}'")
_BEAT = Statement(sa.update(_attempt).where(*_mine, _running).values(beat_ms=p("beat_")))
_END = Statement(
    sa.update(_attempt)
    .where(*_mine, _running)
    .values(
        status=p("status_"), ended_ms=p("ended_"), exit_code=p("code_"), last_line=p("line_"), used=p("used_"),
    )
)  # fmt: skip
_SET_PID = Statement(sa.update(_attempt).where(*_mine).values(pid=p("pid_")))
_LIVE = Statement(sa.select(_attempt).where(*_mine, _running))


def add(tx: Transaction, run: FlowRun) -> None:
    """Add a run."""
    tx.run(
        _ADD,
        {
            "id": run.id, "flow": run.flow, "version": run.version, "params": msgspec.json.encode(run.params),
            "status": run.status, "queue": run.queue, "cause": run.cause, "created_by": run.by,
            "created_ms": run.created_ms, "started_ms": None, "finished_ms": None, "attempt": 0, "cancelling": False,
            "output": b"null", "error": "", "plan": None,
        },
    )  # fmt: skip


def run(tx: Transaction, id_: FlowRunId) -> FlowRun | None:
    """One run."""
    row = tx.one(_ONE, {"id_": id_})
    return None if row is None else _to_run(row)


def runs(
    tx: Transaction, *, flow: str | None, status: RunStatus | None, before: str, limit: int
) -> list[FlowRun]:  # fmt: skip
    """Runs, newest first."""
    params: dict[str, str | int] = {"before": before, "limit_": limit}
    if flow is not None:
        params["flow_"] = flow
    if status is not None:
        params["status_"] = status
    return [_to_run(row) for row in tx.all(_LISTS[flow is not None, status is not None], params)]


def stand(tx: Transaction, run_: FlowRun) -> None:
    """Write how a run stands now."""
    tx.run(
        _STAND,
        {
            "id_": run_.id, "status_": run_.status, "started_": run_.started_ms, "finished_": run_.finished_ms,
            "attempt_": run_.attempt, "cancelling_": run_.cancelling, "output_": msgspec.json.encode(run_.output),
            "error_": run_.error,
        },
    )  # fmt: skip


def plan(tx: Transaction, id_: FlowRunId) -> Plan | None:
    """The plan of a run, once it has one."""
    row = tx.one(_PLAN, {"id_": id_})
    return None if row is None or row[0] is None else msgspec.json.decode(row[0], type=Plan)


def set_plan(tx: Transaction, id_: FlowRunId, plan_: Plan) -> None:
    """Write the plan of a run."""
    tx.run(_SET_PLAN, {"id_": id_, "plan_": msgspec.json.encode(plan_)})


def by_status(tx: Transaction) -> dict[str, int]:
    """How many runs stand how."""
    return {row[0]: row[1] for row in tx.all(_BY_STATUS)}


def add_attempt(tx: Transaction, attempt: Attempt) -> None:
    """Add an attempt."""
    tx.run(
        _ADD_ATTEMPT,
        {
            "run": attempt.run, "number": attempt.number, "status": attempt.status, "pid": attempt.pid,
            "started_ms": attempt.started_ms, "beat_ms": attempt.beat_ms, "ended_ms": None, "exit_code": None,
            "last_line": "", "used": msgspec.json.encode(attempt.used),
        },
    )  # fmt: skip


def attempts(tx: Transaction, id_: FlowRunId) -> list[Attempt]:
    """The attempts at a run, oldest first."""
    return [_to_attempt(row) for row in tx.all(_ATTEMPTS, {"run_": id_})]


def live(tx: Transaction, id_: FlowRunId, number: int) -> Attempt | None:
    """An attempt, if it is not over."""
    row = tx.one(_LIVE, {"run_": id_, "number_": number})
    return None if row is None else _to_attempt(row)


def beat(tx: Transaction, id_: FlowRunId, number: int, now_ms: int) -> bool:
    """Note that a worker lives; False if its attempt is over."""
    return bool(tx.run(_BEAT, {"run_": id_, "number_": number, "beat_": now_ms}))


def set_pid(tx: Transaction, id_: FlowRunId, number: int, pid: int) -> None:
    """Note which process works on an attempt."""
    tx.run(_SET_PID, {"run_": id_, "number_": number, "pid_": pid})


def end_attempt(tx: Transaction, attempt: Attempt) -> bool:
    """Write how an attempt ended; False if it was over before."""
    return bool(
        tx.run(
            _END,
            {
                "run_": attempt.run, "number_": attempt.number, "status_": attempt.status, "ended_": attempt.ended_ms,
                "code_": attempt.exit_code, "line_": attempt.last_line, "used_": msgspec.json.encode(attempt.used),
            },
        )
    )  # fmt: skip


def _to_run(row: Row) -> FlowRun:
    (id_, flow, version, params, status, queue, cause, by, created, started, finished, attempt, cancelling, output,
     error, planned, done, cached, failed) = row  # fmt: skip
    decoded: dict[str, Json] = msgspec.json.decode(params)
    return FlowRun(
        id=FlowRunId(id_), flow=flow, version=version, params=decoded, status=RunStatus(status), queue=queue,
        cause=cause, by=ActorId(by), created_ms=created, started_ms=started, finished_ms=finished, attempt=attempt,
        cancelling=bool(cancelling), output=msgspec.json.decode(output), error=error,
        steps=StepCounts(planned=planned, finished=done, cached=cached, failed=failed),
    )  # fmt: skip


def _to_attempt(row: Row) -> Attempt:
    run_, number, status, pid, started, beat_ms, ended, code, line, used = row
    return Attempt(
        run=FlowRunId(run_), number=number, status=AttemptStatus(status), pid=pid, started_ms=started, beat_ms=beat_ms,
        ended_ms=ended, exit_code=code, last_line=line, used=msgspec.json.decode(used, type=Used),
    )  # fmt: skip
