"""The page of one flow run: how it stands in words, its plan, steps, attempts and log, and the way to cancel it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec
from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import NotFound
from modelyard.pipelines.api import FLOW_RUN, Attempt, FlowRun, FlowRunId, RunStatus, StepRun
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, plural
from modelyard.ui.kit.graphs import Link, Node
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Cell, Column, Kind, MarkCell, RefCell, Row, Table, TimeCell

MARKS = {"queued": "wait", "running": "run", "finished": "ok", "failed": "bad", "cancelled": "off"}
_STEP = {
    "waiting": "wait", "running": "run", "finished": "ok", "cached": "ok", "failed": "bad", "lost": "warn",
    "skipped": "off",
}  # fmt: skip
_ATTEMPT = {"running": "run", "finished": "ok", "failed": "bad", "lost": "warn", "stopped": "off"}
DRAWN, LINES, TAIL = 80, 200, 64 * 1024
"""Steps that are still drawn as a graph; lines and bytes of the log that are shown."""


class FlowRunData(Struct, frozen=True):
    """One flow run; `state` is its mark, `said` how it stands in words, `log` the last lines of its worker."""

    run: FlowRun
    ref: str
    state: str
    said: str
    queued: datetime
    over: bool
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    steps: Table
    attempts: Table
    params: Table
    output: str
    log: str


def screens() -> Screens:
    """The page of a flow run and the form that cancels it."""
    mine = Screens("flow runs")
    mine.page("/pipelines/{id}", template="pages/flowrun.html", nav="pipelines")(_one)
    mine.form("/pipelines/{id}/cancel")(_cancel)
    return mine


def _cancel(calls: PageCalls, ask: Ask) -> Done:
    run = slices(calls).pipelines.cancel(FlowRunId(ask.params["id"]))
    said = "Cancelled" if run.is_over else "Cancelling: its worker is being stopped"
    return Done(f"/pipelines/{run.id}", said, f"{run.flow}@{run.version}")


def _one(calls: PageCalls, ask: Ask) -> Page | Done:
    asked = ask.params["id"]
    if not asked.startswith(f"{FLOW_RUN.prefix}_"):
        return Done("/pipelines/flows/" + quote(asked, safe=""))
    pipelines = slices(calls).pipelines
    run = pipelines.flow_run(FlowRunId(asked))
    steps, attempts = pipelines.steps(run.id), pipelines.attempts(run.id)
    nodes, links = graph(steps) if len(steps) <= DRAWN else ((), ())
    data = FlowRunData(
        run=run,
        ref=f"flow_run:{run.id}",
        state=MARKS[run.status.value],
        said=_said(run, ask.now),
        queued=from_ms(run.created_ms),
        over=run.is_over,
        nodes=nodes,
        links=links,
        steps=_steps(steps, ask.now),
        attempts=_attempts(attempts, ask.now),
        params=_params(run),
        output="" if run.output is None else _json(run.output)[:2000],
        log=_log(calls, run),
    )
    title = f"{run.flow}@{run.version}"
    foot = Foot(
        f"GET /v1/flow-runs/{run.id}",
        f"yard pipelines flow-run {run.id}",
        f"yard.pipelines.flow_run({str(run.id)!r})",
    )
    return Page(title, data, (Crumb("Pipelines", "/pipelines"), Crumb(f"{title} · {run.id[-6:]}")), foot)


def _said(run: FlowRun, now: datetime) -> str:
    if run.status is RunStatus.QUEUED or run.started_ms is None:
        return "Waits in queue " + run.queue if not run.is_over else "Cancelled before it began"
    began = from_ms(run.started_ms)
    if run.finished_ms is None:
        return f"{'Being cancelled' if run.cancelling else 'Running'} for {duration(now - began)}"
    words = {"finished": "Finished in", "failed": "Failed after", "cancelled": "Cancelled after"}
    return f"{words.get(run.status.value, 'Ended after')} {duration(from_ms(run.finished_ms) - began)}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _took(started_ms: int | None, ended_ms: int | None, now: datetime) -> Cell:
    if started_ms is None:
        return NONE
    until = now if ended_ms is None else from_ms(ended_ms)
    return max(0.0, (until - from_ms(started_ms)).total_seconds())


def graph(steps: Sequence[StepRun], href: str = "#steps") -> tuple[tuple[Node, ...], tuple[Link, ...]]:
    """Steps as boxes and arrows, each with how it went; a box leads to `href`."""

    def node(step: StepRun) -> Node:
        took = "" if step.status.value != "finished" else f", {duration(step.used.wall_s)}"
        note = step.status.value + took
        return Node(f"step:{step.id}", step.id, "step", note, _STEP[step.status.value], href)

    links = tuple(Link(f"step:{need}", f"step:{s.id}") for s in steps for need in s.needs)
    return tuple(node(s) for s in steps), links


def _steps(steps: Sequence[StepRun], now: datetime) -> Table:
    columns = (
        Column("id", "Step", Kind.CODE), Column("state", "State"), Column("took", "Time", Kind.DURATION),
        Column("cpu", "CPU", Kind.DURATION), Column("memory", "Peak memory", Kind.SIZE), Column("reads", "Reads"),
        Column("writes", "Writes"), Column("from", "Taken from"), Column("why", "Why it failed"),
    )  # fmt: skip
    rows = []
    for s in steps:
        ran = s.started_ms is not None and s.status.value != "cached"
        cells: tuple[Cell, ...] = (
            s.id,
            MarkCell(_STEP[s.status.value], s.status.value),
            _took(s.started_ms, s.ended_ms, now) if ran else NONE,
            s.used.cpu_s if ran else NONE,
            s.used.peak_memory_bytes if ran and s.used.peak_memory_bytes else NONE,
            _refs([str(r) for r in s.reads]),
            _refs([str(r) for r in s.writes]),
            RefCell(f"flow_run:{s.taken_from}", s.taken_from[-6:], True) if s.taken_from else NONE,
            s.error[:200] or NONE,
        )
        rows.append(Row(cells, key=s.id))
    return Table("steps", "Steps", columns, tuple(rows))


def _refs(refs: Sequence[str]) -> Cell:
    if not refs:
        return NONE
    return RefCell(refs[0]) if len(refs) == 1 else f"{refs[0]} and {plural(len(refs) - 1, 'more', 'more')}"


def _attempts(attempts: Sequence[Attempt], now: datetime) -> Table:
    columns = (
        Column("number", "Attempt", Kind.COUNT), Column("state", "State"), Column("at", "Began", Kind.TIME),
        Column("took", "Time", Kind.DURATION), Column("cpu", "CPU", Kind.DURATION),
        Column("memory", "Peak memory", Kind.SIZE), Column("exit", "Exit"), Column("last", "Last line"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                a.number, MarkCell(_ATTEMPT[a.status.value], a.status.value), TimeCell(from_ms(a.started_ms)),
                _took(a.started_ms, a.ended_ms, now), a.used.cpu_s, a.used.peak_memory_bytes or NONE,
                NONE if a.exit_code is None else str(a.exit_code), a.last_line[:200] or NONE,
            ),
            key=str(a.number),
        )
        for a in attempts
    )  # fmt: skip
    return Table("attempts", "Attempts", columns, rows)


def _params(run: FlowRun) -> Table:
    columns = (Column("name", "Name", Kind.CODE), Column("value", "Value", Kind.CODE))
    rows = tuple(Row((name, _json(value)[:300]), key=name) for name, value in run.params.items())
    return Table("params", "Parameters", columns, rows)


def _log(calls: PageCalls, run: FlowRun) -> str:
    """The end of what the last attempt's worker wrote; empty before one began."""
    if not run.attempt:
        return ""
    tail = b""
    try:
        for chunk in slices(calls).pipelines.log(run.id):
            tail = (tail + chunk)[-TAIL:]
    except NotFound:
        return ""
    return "\n".join(tail.decode("utf-8", "replace").splitlines()[-LINES:])
