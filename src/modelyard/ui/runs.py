"""The page of one run: how it stands, its curves as they grow, what it used, made and kept, and how it was repeated."""

from __future__ import annotations

from datetime import datetime
from math import inf
from urllib.parse import quote

import msgspec
from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import parts
from modelyard.tracking.api import Artifact, Axis, Run, RunStatus, Summary
from modelyard.ui.curves import IN_SIGHT, Range, curves_url
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, energy, metric, number, plural, size
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    NULL,
    Cell,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    RefCell,
    Row,
    Table,
    TimeCell,
)
from modelyard.ui.needs import allowed
from modelyard.ui.previews import head_of, preview_url

MARKS = {"RUNNING": "run", "SCHEDULED": "wait", "FINISHED": "ok", "FAILED": "bad", "KILLED": "off"}
DRAWN, SYSTEM = 12, 6
"""Metrics that are drawn, of the run's own and of the machine's."""
_OUTCOME = {"identical": "ok", "equal": "ok", "different": "warn", "failed": "bad"}
_LIKENESS = {"identical": "ok", "equal": "ok", "different": "warn", "missing": "bad", "extra": "warn"}
_FOLDER, _HEAD, _TOLD = "reproduce", 64 << 10, 60
_ENERGY = "system/energy_watt_hours"


class Curve(Struct, frozen=True):
    """A metric that is drawn: `source` feeds its curve, `axis` is time where all its points have one step."""

    key: str
    note: str
    source: str
    axis: str


class Code(Struct, frozen=True):
    """What ran: facts as (word, text), the uncommitted difference, and the files that were kept."""

    facts: tuple[tuple[str, str], ...]
    diff: str
    files: tuple[tuple[str, str], ...]


class LogText(Struct, frozen=True):
    """The end of a log that a run keeps."""

    path: str
    href: str
    text: str
    cut: bool


class Surroundings(Struct, frozen=True):
    """What a run noted of where it ran, as far as a page shows it."""

    command: list[str] = []
    entry: str = ""
    python: str = ""
    platform: str = ""
    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    gpus: list[str] = []
    lock: str = ""


class RunData(Struct, frozen=True):
    """One run; `state` is its mark, `said` how it stands in words."""

    run: Run
    ref: str
    experiment: str
    state: str
    said: str
    started: datetime
    figures: tuple[tuple[str, str], ...]
    metrics: Table
    curves: tuple[Curve, ...]
    undrawn: int
    usage: tuple[Curve, ...]
    range: str
    first: tuple[str, ...]
    params: Table
    tags: Table
    inputs: Table
    outputs: Table
    files: Table
    folder: str
    code: Code
    log: LogText | None
    reproductions: Table
    verdicts: Table | None


def screens() -> Screens:
    """The page of a run."""
    mine = Screens("runs")
    mine.page("/runs/{id}", template="pages/run.html", nav="runs")(_one)
    return mine


def _one(calls: PageCalls, ask: Ask) -> Page:
    hub = slices(calls)
    run = hub.tracking.run_record(ask.params["id"])
    folder = ask.text("folder")
    summaries = {s.key: s for s in hub.tracking.summaries(run.id)}
    drawable = [key for key, s in sorted(summaries.items()) if s.points > 1]
    own = [key for key in drawable if not key.startswith("system/")]
    machine = [key for key in drawable if key.startswith("system/")]
    drawn = tuple(_curve(run, summaries[key]) for key in own[:DRAWN])
    seen = str(Range.of(ask.text("range")))
    reproductions, verdicts = _reproductions(hub, run)
    data = RunData(
        run=run,
        ref=f"run:{run.id}",
        experiment=_experiment(hub, run),
        state=MARKS[run.status.value],
        said=_said(run, ask.now),
        started=from_ms(run.start_ms),
        figures=_figures(run),
        metrics=_metrics(run, summaries),
        curves=drawn,
        range=seen,
        first=tuple(c.source for c in drawn[:IN_SIGHT]) if not seen else (),
        undrawn=max(0, len(own) - DRAWN),
        usage=tuple(_curve(run, summaries[key], by_time=True) for key in machine[:SYSTEM]),
        params=_pairs("params", "Parameters", run.params),
        tags=_pairs("tags", "Tags", run.tags),
        inputs=_inputs(run),
        outputs=_outputs(run),
        files=_files(hub, run, folder),
        folder=folder,
        code=_code(hub, run),
        log=_log(hub, run),
        reproductions=reproductions,
        verdicts=verdicts,
    )
    foot = Foot(
        f"GET /v1/runs/{run.id}", f"yard tracking run-record {run.id}", f"yard.tracking.run_record({str(run.id)!r})"
    )
    return Page(run.name, data, (Crumb("Runs", "/runs"), Crumb(run.name)), foot)


def _experiment(hub: Slices, run: Run) -> str:
    """The name of the run's experiment; its number for whoever may not see it."""
    found = allowed(lambda: hub.tracking.experiment(run.experiment))
    return found.name if found else run.experiment


def _said(run: Run, now: datetime) -> str:
    began = from_ms(run.start_ms)
    if run.status is RunStatus.SCHEDULED:
        return "Waits to start"
    if run.end_ms is None:
        return f"Running for {duration(now - began)}" if not run.status.is_over else run.status.value.capitalize()
    words = {"FINISHED": "Finished in", "FAILED": "Failed after", "KILLED": "Stopped after"}
    return f"{words.get(run.status.value, 'Ran for')} {duration(from_ms(run.end_ms) - began)}"


# --- metrics ---------------------------------------------------------------------------------------------------------


def _figures(run: Run) -> tuple[tuple[str, str], ...]:
    """The last values that one looks for first."""
    own = [p for p in sorted(run.metrics, key=lambda p: p.key) if not p.key.startswith("system/")][:6]
    shown = [(p.key, metric(p.number)) for p in own]
    used = next((p.number for p in run.metrics if p.key == _ENERGY), None)
    return (*shown, *((("energy", energy(used)),) if used is not None else ()))


def _metrics(run: Run, summaries: dict[str, Summary]) -> Table:
    columns = (
        Column("key", "Metric", Kind.CODE), Column("last", "Last", Kind.METRIC), Column("low", "Min", Kind.METRIC),
        Column("high", "Max", Kind.METRIC), Column("step", "Step", Kind.COUNT), Column("points", "Points", Kind.COUNT),
    )  # fmt: skip
    rows = []
    for point in sorted(run.metrics, key=lambda p: (p.key.startswith("system/"), p.key)):
        found = summaries.get(point.key)
        low, high = (found.low, found.high) if found else (None, None)
        cells: tuple[Cell, ...] = (
            point.key, _number(point.number), NULL if low is None else _number(float(low)),
            NULL if high is None else _number(float(high)), point.step, found.points if found else 1,
        )  # fmt: skip
        rows.append(Row(cells, key=point.key))
    return Table("metrics", "Metrics", columns, tuple(rows))


def _number(value: float) -> Cell:
    return value if -inf < value < inf else metric(value)


def _curve(run: Run, found: Summary, *, by_time: bool = False) -> Curve:
    still = found.first_step == found.last_step
    note = f"{plural(found.points, 'point')}{', by time' if by_time or still else ''}"
    axis = Axis.TIME if by_time or still else Axis.STEP
    return Curve(found.key, note, curves_url(found.key, [run.id], axis), axis.value)


# --- code, logs, repetitions -----------------------------------------------------------------------------------------


def _kept(hub: Slices, run: Run, folder: str) -> list[Artifact]:
    return [a for a in hub.tracking.artifacts(run.id, folder, limit=200).items if not a.is_folder]


def _read(hub: Slices, run: Run, path: str, most: int) -> str:
    try:
        return head_of(hub, run.id, path, most).decode("utf-8", "replace")
    except NotFound:
        return ""


def _code(hub: Slices, run: Run) -> Code:
    """What ran: what clients of MLflow say in tags, and more where the run kept its surroundings."""
    files = {a.path: a for a in _kept(hub, run, _FOLDER)}
    tags = run.tags
    facts = [
        ("commit", run.commit or ""), ("branch", tags.get("mlflow.source.git.branch", "")),
        ("repository", tags.get("mlflow.source.git.repoURL", "")), ("state", tags.get("modelyard.code", "")),
        ("source", tags.get("mlflow.source.name", "")),
    ]  # fmt: skip
    if f"{_FOLDER}/surroundings.json" in files:
        try:
            text = _read(hub, run, f"{_FOLDER}/surroundings.json", _HEAD)
            where = msgspec.json.decode(text, type=Surroundings)
        except msgspec.MsgspecError:
            where = Surroundings()
        memory = f", {size(where.memory_bytes)} memory" if where.memory_bytes else ""
        facts += [
            ("command", " ".join(where.command)), ("Python", where.python), ("platform", where.platform),
            ("machine", f"{where.cpu}, {number(where.cores)} cores{memory}" if where.cpu else ""),
            ("GPUs", ", ".join(where.gpus)), ("lock file", where.lock),
        ]  # fmt: skip
    diff = f"{_FOLDER}/uncommitted.diff"
    return Code(
        tuple((word, text) for word, text in facts if text),
        _read(hub, run, diff, _HEAD) if diff in files else "",
        tuple((path.partition("/")[2], preview_url(run.id, path)) for path in files),
    )


def _log(hub: Slices, run: Run) -> LogText | None:
    """The end of the first log among the files at the top, or in `logs`."""
    for folder in ("logs", ""):
        for a in _kept(hub, run, folder):
            if a.path.endswith((".log", "stdout.txt", "stderr.txt", "output.txt")):
                text = _read(hub, run, a.path, _HEAD)
                lines = text.splitlines()
                cut = (a.size_bytes or 0) > _HEAD
                shown = lines[:_TOLD] if cut else lines[-_TOLD:]
                return LogText(a.path, preview_url(run.id, a.path), "\n".join(shown), cut or len(lines) > _TOLD)
    return None


def _reproductions(hub: Slices, run: Run) -> tuple[Table, Table | None]:
    """How the run was repeated, or what it repeats; and of its newest repetition, what each thing showed."""
    found = allowed(lambda: hub.tracking.reproductions(run.id)) or []
    columns = (
        Column("outcome", "Outcome"), Column("of", "First run"), Column("by", "Repetition"),
        Column("identical", "Identical", Kind.COUNT), Column("equal", "Equal", Kind.COUNT),
        Column("different", "Different", Kind.COUNT), Column("missing", "Missing", Kind.COUNT),
        Column("extra", "Extra", Kind.COUNT), Column("why", "Says"), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                MarkCell(_OUTCOME[r.outcome.value], r.outcome.value), _run_cell(r.of, run), _run_cell(r.by, run),
                r.identical, r.equal, r.different, r.missing, r.extra,
                (r.problem or "; ".join(r.notes))[:200] or NONE, TimeCell(from_ms(r.at_ms)),
            ),
            key=r.by,
        )
        for r in found
    )  # fmt: skip
    table = Table("reproductions", "Repetitions", columns, rows)
    if not found:
        return table, None
    try:
        page = hub.tracking.verdicts(run.id, limit=200)
    except NotFound:
        return table, None
    heads = (
        Column("what", "What"),
        Column("name", "Name", Kind.CODE),
        Column("like", "Verdict"),
        Column("said", "Says"),
    )
    return table, Table(
        "verdicts", "Verdicts of the newest repetition", heads,
        tuple(
            Row(
                (
                    v.subject.value, v.name[:200], MarkCell(_LIKENESS[v.likeness.value], v.likeness.value),
                    v.words or NONE,
                ),
                key=f"{v.subject.value}-{i}",
            )
            for i, v in enumerate(page.items)
        ),
    )  # fmt: skip


def _run_cell(run: str, here: Run) -> Cell:
    return "this run" if run == here.id else RefCell(f"run:{run}", bare=True)


# --- tables ----------------------------------------------------------------------------------------------------------


def _pairs(name: str, label: str, pairs: dict[str, str]) -> Table:
    columns = (Column("name", "Name", Kind.CODE), Column("value", "Value"))
    return Table(name, label, columns, tuple(Row((k, v[:500]), key=k) for k, v in sorted(pairs.items())))


def _linked(text: str) -> Cell:
    try:
        parts(text)
    except InvalidInput:
        return text[:200] or NONE
    return RefCell(text)


def _inputs(run: Run) -> Table:
    columns = (Column("what", "Read"), Column("name", "Name"), Column("digest", "Digest", Kind.CODE))
    rows = [
        Row((_linked(i.dataset.source), i.dataset.name, i.dataset.digest[:16]), key=f"{i.dataset.name}-{n}")
        for n, i in enumerate(run.inputs)
    ]
    named = {i.dataset.source for i in run.inputs}
    rows += [Row((RefCell(str(ref)), NONE, NONE), key=str(ref)) for ref in run.reads if str(ref) not in named]
    rows += [Row((RefCell(f"logged_model:{model}"), "model", NONE), key=model) for model in run.model_inputs]
    return Table("inputs", "Inputs", columns, tuple(rows))


def _outputs(run: Run) -> Table:
    columns = (Column("what", "Made"), Column("step", "At step", Kind.COUNT))
    rows = tuple(Row((RefCell(f"logged_model:{o.model}"), o.step), key=o.model) for o in run.outputs)
    return Table("outputs", "Outputs", columns, rows)


def _files(hub: Slices, run: Run, folder: str) -> Table:
    found = hub.tracking.artifacts(run.id, folder, limit=200)
    columns = (
        Column("path", "Path"), Column("size", "Size", Kind.SIZE), Column("digest", "SHA-256", Kind.CODE),
        Column("at", "Stored", Kind.TIME),
    )  # fmt: skip
    rows = []
    for a in found.items:
        folder_at = f"/runs/{quote(run.id, safe='')}?folder={quote(a.path, safe='')}"
        at = folder_at if a.is_folder else preview_url(run.id, a.path)
        cells: tuple[Cell, ...] = (
            LinkCell(a.path + "/" if a.is_folder else a.path, at),
            NONE if a.size_bytes is None else a.size_bytes,
            NONE if a.digest is None else a.digest[:12],
            NONE if a.stored_ms is None else TimeCell(from_ms(a.stored_ms)),
        )
        rows.append(Row(cells, key=a.path, href=at))
    label = plural(len(rows), "file") if found.next is None else "The first 200 files"
    if gone := len(hub.tracking.forgotten_files(run.id)):
        label += f", {gone} removed since {'it' if gone == 1 else 'they'} named somebody who was forgotten"
    return Table("files", label, columns, tuple(rows))
