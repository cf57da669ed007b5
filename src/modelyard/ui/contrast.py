"""The page of several runs beside each other: curves, how params and results spread, pictures by step, what differs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.tracking.api import Axis, Run
from modelyard.ui.curves import IN_SIGHT, Range, curves_url
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit import brushes, spreads
from modelyard.ui.kit.brushes import Brush
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, metric, plural, stamp
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.spreads import Parallel, Scatter
from modelyard.ui.previews import is_picture, raw_url
from modelyard.ui.runs import MARKS

MOST, DRAWN, SHOWN, PICTURED = 100, 6, 20, 8
"""Runs that are compared; metrics drawn unasked; runs with a column of their own; runs whose pictures are shown."""
_SIDES, _AXES, _FILES = ("curves", "spread", "pictures"), 7, 400
_SHORT = 40
_KEPT = ("run", "pick", "side", "brush")
"""Fields of the address that every form of the page keeps."""
_LOW = re.compile(r"loss|err|mse|mae|rmse|mape|brier|perplexity|latency|_ms$|seconds|time", re.IGNORECASE)
_PICTURE = re.compile(r"^(?P<key>.+?)%step%(?P<step>\d+)%")
_STEP = re.compile(r"(?:step|epoch|iter)[_\-= ]?(?P<step>\d+)", re.IGNORECASE)

Best = Literal["", "min", "max"]


class Side(Struct, frozen=True):
    """One run of the comparison: `series` is its colour on the whole page."""

    id: str
    name: str
    series: int
    state: str
    said: str
    figures: tuple[tuple[str, str], ...]


class Panel(Struct, frozen=True):
    """A metric that is drawn, and in which direction it is better."""

    key: str
    best: Best
    source: str


class Difference(Struct, frozen=True):
    """Something said of each run; `differs` if not all say the same."""

    group: str
    name: str
    values: tuple[str | None, ...]
    differs: bool


class Picture(Struct, frozen=True):
    """A picture of each run at one step; None where a run has none."""

    step: int
    sources: tuple[str | None, ...]


class Pictures(Struct, frozen=True):
    """The pictures of one name, step by step."""

    shown: tuple[Picture, ...]
    key: str
    keys: tuple[str, ...]


class AxisData(Struct, frozen=True):
    """An axis of the parallel coordinates: its ends, its words if it is of words, and the value of each run."""

    name: str
    low: float
    high: float
    words: tuple[str, ...]
    values: tuple[float | None, ...]


class Chosen(Struct, frozen=True):
    """The runs that lie within all brushes of the address; `out` are the ids of the others."""

    brushes: tuple[Brush, ...]
    out: tuple[str, ...]
    said: str


class Spread(Struct, frozen=True):
    """How the runs spread over what varies; `front` says which way the best so far is drawn."""

    parallel: Parallel | None
    axes: tuple[AxisData, ...]
    scatter: Scatter
    fields: tuple[str, ...]
    chosen: tuple[str, ...]
    x: str
    y: str
    front: Best


class ContrastData(Struct, frozen=True):
    """Several runs beside each other."""

    side: str
    sides: tuple[tuple[str, str], ...]
    runs: tuple[Side, ...]
    panels: tuple[Panel, ...]
    metrics: tuple[str, ...]
    axis: str
    smooth: int
    best: bool
    log: bool
    equal: bool
    differences: tuple[Difference, ...]
    alike: int
    state: str
    hidden: tuple[tuple[str, str], ...]
    going: bool
    range: str
    first: tuple[str, ...]
    chosen: Chosen
    spread: Spread | None = None
    pictures: Pictures | None = None


def screens() -> Screens:
    """The page of a comparison."""
    mine = Screens("contrast")
    mine.page("/compare", template="pages/compare.html", nav="runs")(_page)
    return mine


def _page(calls: PageCalls, ask: Ask) -> Page:
    hub = slices(calls)
    ids = list(dict.fromkeys((*ask.texts("run"), *ask.texts("pick"))))
    if not ids:
        raise NotFound("choose runs to compare: tick them at /runs and press C")
    if len(ids) > MOST:
        raise InvalidInput(f"at most {MOST} runs are compared at once, not {len(ids)}; choose fewer")
    runs = [hub.tracking.run_record(run) for run in ids]
    side = ask.text("side") if ask.text("side") in _SIDES else _SIDES[0]
    smooth = ask.number("smooth", 0, high=10_000)
    axis = Axis(ask.text("axis")) if ask.text("axis") in set(Axis) else Axis.STEP
    seen = Range.of(ask.text("range"))
    metrics = _metrics(runs)
    wanted = [m for m in ask.texts("metric") if m in metrics] or metrics[:DRAWN]
    every = _differences(runs[:SHOWN])
    equal, alike = bool(ask.text("equal")), sum(not d.differs for d in every)
    going = any(not run.status.is_over for run in runs)
    values = _values(runs, metrics) if side == "spread" or ask.texts("brush") else {}
    chosen = _chosen(runs, values, ask)
    data = ContrastData(
        side=side,
        sides=tuple((name.capitalize(), ask.url(side=None if name == _SIDES[0] else name)) for name in _SIDES),
        runs=tuple(_side(run, i, wanted[:3], ask) for i, run in enumerate(runs)),
        panels=tuple(Panel(key, direction(key), curves_url(key, ids, axis)) for key in wanted),
        metrics=tuple(metrics), axis=axis.value, smooth=smooth,
        best=bool(ask.text("best")), log=bool(ask.text("log")), equal=equal,
        differences=tuple(d for d in every if d.differs or equal), alike=alike,
        state=_state(len(every), alike, going=going),
        hidden=tuple((name, v) for name, vs in ask.query.items() for v in vs if name in _KEPT),
        going=going, range=str(seen),
        first=tuple(
            curves_url(key, ids, axis, seen) for key in (wanted[:IN_SIGHT] if side == _SIDES[0] else ())
        ),
        chosen=chosen,
        spread=_spread(runs, ask, values, chosen) if side == "spread" else None,
        pictures=_pictures(hub, runs, ask) if side == "pictures" else None,
    )  # fmt: skip
    foot = _foot(wanted, ids, axis, seen)
    title = f"Compare {plural(len(runs), 'run')}"
    return Page(title, data, (Crumb("Runs", "/runs"), Crumb(title)), foot)


def _foot(metrics: Sequence[str], ids: list[str], axis: Axis, seen: Range) -> Foot:
    """The call behind the first chart, as it is looked at."""
    cli = f"yard tracking run-record {ids[0]}"
    if not metrics:
        return Foot("GET /v1/runs", cli, "yard.tracking.runs()")
    by = "" if axis is Axis.STEP else f", axis={axis.value!r}"
    python = f"yard.tracking.chart({metrics[0]!r}, {ids!r}{by})"
    return Foot(f"GET {curves_url(metrics[0], ids, axis, seen)}"[:300], cli, python[:2000])


def _state(told: int, alike: int, *, going: bool) -> str:
    """How alike the runs are, in words."""
    apart = told - alike
    words = f"{apart} {'differs' if apart == 1 else 'differ'} and {alike} {'is' if alike == 1 else 'are'} the same"
    every = plural(told, "parameter, setting or result", "parameters, settings and results")
    return f"Of {every}, {words}{'; some still run' if going else ''}."


def direction(key: str) -> Best:
    """Which way a metric is better, told by its name."""
    return "min" if _LOW.search(key) else "max"


def _metrics(runs: Sequence[Run]) -> list[str]:
    """The metrics of these runs: those of most runs first; what the machine tells comes last."""
    held: dict[str, int] = {}
    curved: set[str] = set()
    for run in runs:
        for point in run.metrics:
            held[point.key] = held.get(point.key, 0) + 1
            if point.step > 1:
                curved.add(point.key)
    return sorted(held, key=lambda k: (k.startswith("system/"), k not in curved, -held[k], k))


def _side(run: Run, index: int, keys: Sequence[str], ask: Ask) -> Side:
    values = {p.key: p.number for p in run.metrics}
    took = (run.end_ms / 1000 if run.end_ms is not None else ask.now.timestamp()) - run.start_ms / 1000
    figures = tuple((key, metric(values[key])) for key in keys if key in values)
    return Side(run.id, run.name, index % 8 + 1, MARKS[run.status.value], duration(took), figures)


def _differences(runs: Sequence[Run]) -> list[Difference]:
    """What is said of these runs, name by name; what tells them apart first in each group."""
    rows: list[Difference] = []
    params = [run.params for run in runs]
    config = [
        {
            "status": run.status.value, "user": run.user, "commit": run.commit or "",
            "started": stamp(from_ms(run.start_ms)),
            **{k: v for k, v in run.tags.items() if not k.startswith("mlflow.") or k.startswith("mlflow.source")},
            **{f"input {i.dataset.name}": i.dataset.digest or i.dataset.source for i in run.inputs},
        }
        for run in runs
    ]  # fmt: skip
    results = [{p.key: metric(p.number) for p in run.metrics} for run in runs]
    for group, told in (("Parameters", params), ("Configuration", config), ("Results", results)):
        names = sorted({name for one in told for name in one})
        found = [
            Difference(group, name, tuple(one[name][:300] if name in one else None for one in told),
                       len({one.get(name) for one in told}) > 1)
            for name in names
        ]  # fmt: skip
        rows += sorted(found, key=lambda d: not d.differs)
    return rows


# --- spread ----------------------------------------------------------------------------------------------------------


def _values(runs: Sequence[Run], metrics: Sequence[str]) -> dict[str, list[spreads.Value]]:
    """What each run says of each field that can be an axis."""
    values: dict[str, list[spreads.Value]] = {"started": [run.start_ms / 1000 for run in runs]}
    for name in sorted({name for run in runs for name in run.params}):
        values[f"params.{name}"] = [run.params.get(name) for run in runs]
    held = [{p.key: p.number for p in run.metrics} for run in runs]
    for name in metrics:
        values[f"metrics.{name}"] = [one.get(name) for one in held]
    return values


def _chosen(runs: Sequence[Run], values: dict[str, list[spreads.Value]], ask: Ask) -> Chosen:
    """The runs within all ranges that the address tells; of one axis the last range counts."""
    found: dict[str, Brush] = {}
    scales = [spreads.scale(f, values[f]) for f in values if any(b.startswith(f"{f}:") for b in ask.texts("brush"))]
    for text in ask.texts("brush"):
        if (brush := brushes.read(text, scales)) is not None:
            found[brush.field] = brush
    told = tuple(found.values())
    out = tuple(str(runs[i].id) for i in brushes.outside(told, scales, len(runs)))
    many = len(runs) - len(out)
    verb = "lies" if many == 1 else "lie"
    said = f"{many} of {plural(len(runs), 'run')} {verb} within what is chosen." if told else ""
    return Chosen(told, out, said)


def _spread(runs: Sequence[Run], ask: Ask, values: dict[str, list[spreads.Value]], chosen: Chosen) -> Spread:
    """Parallel coordinates of what varies, and a scatter of two fields with the front of the best so far."""
    varying = [f for f, told in values.items() if f != "started" and len(set(told)) > 1]
    params = [f for f in varying if f.startswith("params.") and _is_brief(values[f])]
    params.sort(key=lambda f: len(set(values[f]) - {None}) < 2)  # last those that some runs have and all alike
    given = [f for f in ask.texts("field") if f in values] or [
        *params[: _AXES - 2],
        *[f for f in varying if f.startswith("metrics.") and "system/" not in f][:2],
    ]
    given += [brush.field for brush in chosen.brushes if brush.field not in given]
    things = [(str(run.id), i % 8 + 1) for i, run in enumerate(runs)]
    results = [f for f in varying if f.startswith("metrics.")]
    y = ask.text("y") if ask.text("y") in values else (results or ["started"])[0]
    x = ask.text("x") if ask.text("x") in values else "started"
    asked = ask.text("front")
    front: Best = "min" if asked == "min" else "max" if asked == "max" else "" if asked == "none" else direction(y)
    said = [(key, series, f"{run.name}: {_said(values[x][i])}, {_said(values[y][i])}")
            for i, ((key, series), run) in enumerate(zip(things, runs, strict=True))]  # fmt: skip
    scales = [spreads.scale(f, values[f]) for f in given] if len(given) > 1 else []
    held = {brush.field: brush for brush in chosen.brushes}
    stretches = [brushes.stretch(held[s.name], s) if s.name in held else None for s in scales]
    return Spread(
        spreads.parallel(scales, things, stretches=stretches) if scales else None,
        tuple(AxisData(s.name, *s.ends, s.words, s.values) for s in scales),
        spreads.scatter(_scale(x, values[x]), _scale(y, values[y]), said, best=front),
        tuple(values), tuple(given), x, y, front,
    )  # fmt: skip


def _is_brief(values: Sequence[spreads.Value]) -> bool:
    """True if an axis can be read: no value is a whole object written out."""
    return all(value is None or len(str(value)) <= _SHORT for value in values)


def _scale(name: str, values: Sequence[spreads.Value]) -> spreads.Scale:
    made = spreads.scale(name, values)
    if name != "started":
        return made
    known = [v for v in values if isinstance(v, float)]
    low, high = min(known), max(known)
    ends = ((0.0, low), (1.0, high)) if high > low else ((0.5, low),)
    return spreads.Scale(name, tuple((at, stamp(from_ms(int(v * 1000)))[:16]) for at, v in ends), made.places)


def _said(value: spreads.Value) -> str:
    return "–" if value is None else metric(value) if isinstance(value, float) and abs(value) < 1e9 else str(value)[:60]


# --- pictures --------------------------------------------------------------------------------------------------------


def _pictures(hub: Slices, runs: Sequence[Run], ask: Ask) -> Pictures:
    """Pictures of the first runs by name and step; those of one name stand side by side."""
    found: dict[str, dict[int, dict[int, str]]] = {}
    for place, run in enumerate(runs[:PICTURED]):
        for path in _files(hub, run.id):
            if is_picture(path):
                key, step = _named(path)
                found.setdefault(key, {}).setdefault(step, {})[place] = raw_url(run.id, path)
    keys = sorted(found, key=lambda k: (-max(len(at) for at in found[k].values()), k))
    key = ask.text("picture") if ask.text("picture") in found else (keys or [""])[0]
    shown = tuple(
        Picture(step, tuple(at.get(i) for i in range(min(len(runs), PICTURED))))
        for step, at in sorted(found.get(key, {}).items())
    )
    return Pictures(shown, key, tuple(keys))


def _named(path: str) -> tuple[str, int]:
    """What a picture shows, and at which step, as MLflow's `log_image` and common names say it."""
    name = path.rpartition("/")[2]
    if logged := _PICTURE.match(name):
        return logged["key"].replace("#", "/"), int(logged["step"])
    if stepped := _STEP.search(path):
        return path[: stepped.start("step")] + "*" + path[stepped.end("step") :], int(stepped["step"])
    return path, 0


def _files(hub: Slices, run: str) -> Iterator[str]:
    folders, seen = [""], 0
    while folders and seen < _FILES:
        for entry in hub.tracking.artifacts(run, folders.pop(0), limit=_FILES).items:
            seen += 1
            if entry.is_folder:
                folders.append(entry.path)
            else:
                yield entry.path
