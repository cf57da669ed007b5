"""The screens of flows: all of them with what runs, waits and goes by the clock; one with its plan and its runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.pipelines.api import Flow, FlowRun, RunStatus, Schedule, WorkQueue
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, plural, size
from modelyard.ui.kit.graphs import Link, Node
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    Cell,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    RefCell,
    Row,
    Table,
    TimeCell,
    TrendCell,
)
from modelyard.ui.people import names
from modelyard.ui.runflows import DRAWN, MARKS, graph

_RUNS, _TREND = 200, 20


class PipelinesData(Struct, frozen=True):
    """Flows, their runs, schedules and queues."""

    sentence: str
    flows: Table
    runs: Table
    schedules: Table
    queues: Table
    filtered: str
    schedule: str


class Asked(Struct, frozen=True):
    """A parameter as the form asks for it; `text` is its default, as JSON."""

    name: str
    type: str
    required: bool
    text: str


class FlowData(Struct, frozen=True):
    """One version of a flow."""

    flow: Flow
    newest: bool
    sentence: str
    facts: tuple[tuple[str, str], ...]
    params: tuple[Asked, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    planned: str
    runs: Table
    schedules: Table


def screens() -> Screens:
    """The pages of flows."""
    mine = Screens("flows")
    mine.page("/pipelines", template="pages/pipelines.html", nav="pipelines")(_all)
    mine.page("/pipelines/flows/{name}", template="pages/flow.html", nav="pipelines")(_one)
    mine.form("/pipelines/flows/{name}/run")(_run)

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:
        flows = slices(calls).pipelines.flows(limit=100).items
        return [
            Found(f.name, flow_url(f.name), "flow", "pipeline")
            for f in flows
            if all(word in f.name.lower() for word in words.lower().split())
        ]

    return mine


def flow_url(name: str) -> str:
    """The address of a flow."""
    return f"/pipelines/flows/{name}"


def _all(calls: PageCalls, ask: Ask) -> Page:
    pipelines = slices(calls).pipelines
    only, schedule = ask.text("flow"), ask.text("schedule")
    flows = pipelines.flows(limit=100)
    page = pipelines.flow_runs(only or None, limit=60, cursor=ask.text("after") or None)
    recent = page.items if not only and not ask.text("after") else pipelines.flow_runs(limit=_RUNS).items
    counts = pipelines.counts().by_status
    said = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    sentence = f"{plural(len(flows.items), 'flow')}; runs: {said}." if said else "No flow has run yet."
    data = PipelinesData(
        sentence, _flows(flows.items, recent), _runs(page.items, page.next or ""),
        _schedules([s for s in pipelines.schedules() if schedule in ("", s.name)]), _queues(pipelines.queues()), only,
        schedule,
    )  # fmt: skip
    foot = Foot("GET /v1/flow-runs", "yard pipelines flow-runs", "yard.pipelines.flow_runs()")
    return Page("Pipelines", data, (Crumb("Pipelines"),), foot)


def _seconds(run: FlowRun) -> float | None:
    if run.started_ms is None or run.finished_ms is None:
        return None
    return (run.finished_ms - run.started_ms) / 1000


def _flows(found: Sequence[Flow], recent: Sequence[FlowRun]) -> Table:
    columns = (
        Column("name", "Flow"), Column("last", "Last run"), Column("took", "Took", Kind.DURATION),
        Column("trend", "Last runs"), Column("params", "Takes"), Column("commit", "Code", Kind.CODE),
        Column("says", "Description"), Column("at", "Registered", Kind.TIME),
    )  # fmt: skip
    rows = []
    for flow in found:
        mine = [run for run in recent if run.flow == flow.name]
        last = mine[0] if mine else None
        trend = tuple(_seconds(run) for run in reversed(mine[:_TREND]))
        cells: tuple[Cell, ...] = (
            LinkCell(f"{flow.name}@{flow.version}", flow_url(flow.name)),
            MarkCell(MARKS[last.status.value], last.status.value) if last else MarkCell("off", "never run"),
            (_seconds(last) if last else None) or NONE,
            TrendCell(trend),
            ", ".join(p.name for p in flow.spec.parameters) or NONE,
            flow.spec.commit[:12] or NONE,
            (flow.spec.doc.strip().splitlines() or [""])[0][:120] or NONE,
            TimeCell(from_ms(flow.created_ms)),
        )
        rows.append(Row(cells, key=flow.name, href=flow_url(flow.name), ref=f"flow:{flow.name}@{flow.version}"))
    return Table("flows", "Flows", columns, tuple(rows))


def _runs(found: Sequence[FlowRun], after: str) -> Table:
    columns = (
        Column("flow", "Flow"), Column("state", "State"), Column("took", "Took", Kind.DURATION),
        Column("steps", "Steps", Kind.COUNT), Column("cached", "Cached", Kind.COUNT), Column("cause", "Because of"),
        Column("at", "Queued", Kind.TIME), Column("why", "Why it failed"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(f"{r.flow}@{r.version}", f"/pipelines/{r.id}"),
                MarkCell(MARKS[r.status.value], r.status.value),
                _seconds(r) or NONE, r.steps.planned, r.steps.cached,
                RefCell(r.cause, bare=True) if r.cause else NONE, TimeCell(from_ms(r.created_ms)),
                r.error[:120] or NONE,
            ),
            key=str(r.id), href=f"/pipelines/{r.id}", ref=f"flow_run:{r.id}",
        )
        for r in found
    )  # fmt: skip
    return Table("flow-runs", "Flow runs", columns, rows, next=after)


def _schedules(found: Sequence[Schedule]) -> Table:
    columns = (
        Column("name", "Schedule"), Column("flow", "Runs"), Column("every", "Every", Kind.DURATION),
        Column("next", "Next"), Column("last", "Last run"), Column("why", "Refused because"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                s.name, LinkCell(s.flow, flow_url(s.flow)), float(s.every_s), TimeCell(from_ms(s.next_ms)),
                RefCell(f"flow_run:{s.last_run}", s.last_run[-6:], bare=True) if s.last_run else NONE,
                s.last_error[:160] or NONE,
            ),
            key=s.name, ref=f"schedule:{s.name}",
        )
        for s in found
    )  # fmt: skip
    return Table("schedules", "Schedules", columns, rows)


def _queues(found: Sequence[WorkQueue]) -> Table:
    columns = (
        Column("name", "Queue"), Column("slots", "Slots", Kind.COUNT), Column("running", "Running", Kind.COUNT),
        Column("waiting", "Waiting", Kind.COUNT),
    )  # fmt: skip
    return Table(
        "queues", "Queues", columns, tuple(Row((q.name, q.slots, q.running, q.waiting), key=q.name) for q in found)
    )  # fmt: skip


# --- one flow --------------------------------------------------------------------------------------------------------


def _one(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["name"]
    flow = hub.pipelines.flow(name, ask.number("version", 0, low=1) or None)
    newest = flow if not ask.text("version") else hub.pipelines.flow(name)
    runs = hub.pipelines.flow_runs(name, limit=60).items
    nodes, links, planned = _plan(hub, runs)
    mine = [s for s in hub.pipelines.schedules() if s.flow == name]
    data = FlowData(
        flow, flow.version == newest.version, _said(runs), _facts(flow, names(calls).get(str(flow.by), "")),
        tuple(
            Asked(p.name, p.type, p.required, "" if p.required else msgspec.json.encode(p.default).decode())
            for p in flow.spec.parameters
        ),
        nodes, links, planned, _runs(runs, ""), _schedules(mine),
    )  # fmt: skip
    foot = Foot(f"GET /v1/flows/{name}", f"yard pipelines flow {name}", f"yard.pipelines.flow({name!r})")
    return Page(name, data, (Crumb("Pipelines", "/pipelines"), Crumb(name)), foot)


def _plan(hub: Slices, runs: Sequence[FlowRun]) -> tuple[tuple[Node, ...], tuple[Link, ...], str]:
    """The steps of the newest run that was planned, as they went."""
    for run in runs[:10]:
        try:
            steps = hub.pipelines.steps(run.id)
        except NotFound:
            continue
        if steps and len(steps) <= DRAWN:
            nodes, links = graph(steps, f"/pipelines/{run.id}#steps")
            return nodes, links, str(run.id)
    return (), (), ""


def _said(runs: Sequence[FlowRun]) -> str:
    if not runs:
        return "It has never run."
    last, over = runs[0], [r for r in runs if r.is_over]
    failed = sum(r.status is RunStatus.FAILED for r in over)
    took = _seconds(last)
    said = f"{plural(len(runs), 'run')}, {failed} failed; the last {last.status.value}"
    return said + (f" in {duration(took)}." if took is not None else ".")


def _facts(flow: Flow, who: str) -> tuple[tuple[str, str], ...]:
    spec, use = flow.spec, flow.spec.resources
    facts = {"entry": spec.entry, "code": spec.commit or "outside any repository", "queue": spec.queue}
    limits = (
        (f"memory {size(use.memory_bytes)}" if use.memory_bytes else ""),
        (f"CPU {duration(use.cpu_s)}" if use.cpu_s else ""),
        (f"time {duration(use.wall_s)}" if use.wall_s else ""),
    )
    facts["may use"] = ", ".join(limit for limit in limits if limit) or "what it needs"
    facts |= {"sources": f"{size(flow.size_bytes)}, {flow.bundle[:12]}", "registered": _when(flow, who)}
    return tuple(facts.items())


def _when(flow: Flow, who: str) -> str:
    at: datetime = from_ms(flow.created_ms)
    return f"{at:%Y-%m-%d %H:%M} UTC" + (f" by {who}" if who else "")


def _run(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    params: dict[str, object] = {}
    for field, text in ask.form.items():
        if not field.startswith("p.") or not text.strip():
            continue
        try:
            params[field.removeprefix("p.")] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            params[field.removeprefix("p.")] = text.strip()
    if any(len(text) > 4000 for text in ask.form.values()):
        raise InvalidInput("a parameter on this page holds at most 4,000 characters; pass a ref to larger data")
    run = slices(calls).pipelines.run(name, params)
    return Done(f"/pipelines/{run.id}", f"{run.flow}@{run.version} is queued", tone="run")
