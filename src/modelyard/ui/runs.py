"""The page of one run: how it stands, its metrics with their curves, params, inputs, outputs, files; never a change."""

from __future__ import annotations

import struct
from array import array
from datetime import datetime
from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import parts
from modelyard.tracking.api import Axis, Point, Run, RunStatus
from modelyard.ui.hub import slices
from modelyard.ui.kit import series
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.drawings import Line
from modelyard.ui.kit.figures import duration, plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    NULL,
    Cell,
    Column,
    Kind,
    LinkCell,
    RefCell,
    Row,
    Table,
    TimeCell,
    TrendCell,
)

MARKS = {"RUNNING": "run", "SCHEDULED": "wait", "FINISHED": "ok", "FAILED": "bad", "KILLED": "off"}
SUMMED, DRAWN, STILL = 200, 12, 120
"""For how many metrics the least and greatest are looked up; how many are drawn; buckets of a still picture."""

_HEAD = struct.Struct("<IId")


class Series(Struct, frozen=True):
    """Points of one metric, thinned to the lowest and highest of each bucket; `time`: x is Unix seconds."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    time: bool = False


class Picture(Struct, frozen=True):
    """A metric that is drawn: `source` is the feed of its curve, x and line what stands there without script."""

    key: str
    note: str
    source: str
    x: tuple[float, ...]
    line: Line


class RunData(Struct, frozen=True):
    """One run; `state` is its mark, `said` how it stands in words."""

    run: Run
    ref: str
    state: str
    said: str
    started: datetime
    metrics: Table
    pictures: tuple[Picture, ...]
    undrawn: int
    params: Table
    tags: Table
    inputs: Table
    outputs: Table
    files: Table
    folder: str


def screens() -> Screens:
    """The page of a run and the feed of its curves."""
    mine = Screens("runs")
    mine.page("/runs/{id}", template="pages/run.html", nav="runs")(_one)
    mine.feed("/runs/{id}/curve")(_feed)
    return mine


def _feed(calls: PageCalls, ask: Ask) -> bytes:
    key = ask.text("metric")
    if not key:
        raise InvalidInput("say which metric to draw: /runs/RUN/curve?metric=loss")
    found = _series(calls, ask.params["id"], key, ask.number("buckets", 700, low=1, high=4096))
    return series.pack(found.x, [series.Curve(key, found.y)], time=found.time)


def _series(calls: PageCalls, run: str, key: str, buckets: int) -> Series:
    """The metric by step; by time where all its points have one step."""
    chart = slices(calls).tracking.chart
    steps = _block(b"".join(chart(key, [run], buckets)))
    if len(steps.x) < 2 or steps.x[0] != steps.x[-1]:
        return steps
    timed = _block(b"".join(chart(key, [run], buckets, axis=Axis.TIME)))
    return Series(tuple(x / 1000 for x in timed.x), timed.y, True)


def _block(body: bytes) -> Series:
    count, _, first = _HEAD.unpack_from(body)
    columns = array("f")
    columns.frombytes(body[_HEAD.size : _HEAD.size + 8 * count])
    return Series(tuple(first + x for x in columns[:count]), tuple(columns[count:]))


def _one(calls: PageCalls, ask: Ask) -> Page:
    run = slices(calls).tracking.run_record(ask.params["id"])
    folder = ask.text("folder")
    metrics, pictures, undrawn = _metrics(calls, run)
    data = RunData(
        run=run,
        ref=f"run:{run.id}",
        state=MARKS[run.status.value],
        said=_said(run, ask.now),
        started=from_ms(run.start_ms),
        metrics=metrics,
        pictures=pictures,
        undrawn=undrawn,
        params=_pairs("params", "Parameters", run.params),
        tags=_pairs("tags", "Tags", run.tags),
        inputs=_inputs(run),
        outputs=_outputs(run),
        files=_files(calls, run, folder),
        folder=folder,
    )
    foot = Foot(
        f"GET /v1/runs/{run.id}", f"yard tracking run-record {run.id}", f"yard.tracking.run_record({str(run.id)!r})"
    )
    return Page(run.name, data, (Crumb("Runs", "/runs"), Crumb(run.name)), foot)


def _said(run: Run, now: datetime) -> str:
    began = from_ms(run.start_ms)
    if run.status is RunStatus.SCHEDULED:
        return "Waits to start"
    if run.end_ms is None:
        return f"Running for {duration(now - began)}" if not run.status.is_over else run.status.value.capitalize()
    words = {"FINISHED": "Finished in", "FAILED": "Failed after", "KILLED": "Stopped after"}
    return f"{words.get(run.status.value, 'Ran for')} {duration(from_ms(run.end_ms) - began)}"


def _metrics(calls: PageCalls, run: Run) -> tuple[Table, tuple[Picture, ...], int]:
    columns = (
        Column("key", "Metric", Kind.CODE), Column("last", "Last", Kind.METRIC), Column("low", "Min", Kind.METRIC),
        Column("high", "Max", Kind.METRIC), Column("step", "Step", Kind.COUNT), Column("trend", "History"),
    )  # fmt: skip
    rows, pictures, drawable = [], [], 0
    for index, point in enumerate(sorted(run.metrics, key=lambda p: p.key)):
        cells: tuple[Cell, ...] = (NULL, NULL, point.step, NONE)
        if index < SUMMED:
            found = _series(calls, run.id, point.key, STILL)
            cells = _summary(point, found)
            if len(found.y) > 1:
                drawable += 1
                if drawable <= DRAWN:
                    pictures.append(_picture(run, point.key, found))
        rows.append(Row((point.key, point.number, *cells), key=point.key))
    return Table("metrics", "Metrics", columns, tuple(rows)), tuple(pictures), max(0, drawable - DRAWN)


def _summary(point: Point, found: Series) -> tuple[Cell, ...]:
    values = (*found.y, point.number) if len(found.y) < 2 else found.y
    trend: Cell = TrendCell(found.y) if len(found.y) > 1 else NONE
    return (min(values), max(values), point.step, trend)


def _picture(run: Run, key: str, found: Series) -> Picture:
    source = f"/runs/{quote(run.id, safe='')}/curve?metric={quote(key, safe='')}"
    return Picture(key, "by time" if found.time else "by step", source, found.x, Line(key, found.y))


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


def _files(calls: PageCalls, run: Run, folder: str) -> Table:
    found = slices(calls).tracking.artifacts(run.id, folder, limit=200)
    columns = (
        Column("path", "Path"), Column("size", "Size", Kind.SIZE), Column("digest", "SHA-256", Kind.CODE),
        Column("at", "Stored", Kind.TIME),
    )  # fmt: skip
    rows = []
    for a in found.items:
        at = f"/runs/{quote(run.id, safe='')}?folder={quote(a.path, safe='')}" if a.is_folder else ""
        cells: tuple[Cell, ...] = (
            LinkCell(a.path + "/", at) if a.is_folder else a.path,
            NONE if a.size_bytes is None else a.size_bytes,
            NONE if a.digest is None else a.digest[:12],
            NONE if a.stored_ms is None else TimeCell(from_ms(a.stored_ms)),
        )
        rows.append(Row(cells, key=a.path, href=at))
    label = plural(len(rows), "file") if found.next is None else "The first 200 files"
    return Table("files", label, columns, tuple(rows))
