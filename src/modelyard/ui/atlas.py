"""What stands on the map of the lifecycle: the things of each stage, how they stand, and what was made from what.

Each strand comes from a record: a view names its source, a run its inputs, a model version its run, a revision its
model, a monitor what it watches. Of each stage the things in trouble come first, then those that changed last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct

from modelyard.features.api import TrainingSet, View
from modelyard.kernel import refs
from modelyard.kernel.clock import from_ms
from modelyard.kernel.pages import Page
from modelyard.lake.api import Load, LoadState, Table
from modelyard.monitoring.api import AlertState, Monitor
from modelyard.registry.api import Model, ModelVersion, Proposal
from modelyard.serving.api import Endpoint
from modelyard.tracking.api import Run, RunStatus
from modelyard.ui.hub import Slices
from modelyard.ui.kit.figures import ago, metric, number, plural
from modelyard.ui.kit.maps import Place, Stage, Strand, spread
from modelyard.ui.models import model_url
from modelyard.ui.needs import allowed

SHOWN, LOOKED = 5, 100
"""Things drawn of a stage; things looked through for them."""
_TROUBLE = {"bad": 0, "warn": 1, "run": 2, "wait": 3}
_STAND = {"serving": "ok", "degraded": "warn", "starting": "run", "down": "bad"}


class Atlas(Struct, frozen=True):
    """The stages with what is drawn of them, and the strands between."""

    stages: tuple[Stage, ...]
    strands: tuple[Strand, ...]


class _Stage(Struct, frozen=True):
    """What was found for a stage: all its places with when they changed, and the strands that end in them."""

    count: int | None
    more: bool = False
    note: str = ""
    places: Sequence[tuple[int, Place]] = ()
    strands: Sequence[Strand] = ()


def atlas(hub: Slices, now: datetime) -> Atlas:
    """Look through the slices; a stage that the actor may not read has no count and no things."""
    tables = allowed(lambda: hub.lake.tables(limit=LOOKED)) or None
    views = allowed(lambda: hub.features.views(limit=LOOKED)) or None
    sets = allowed(lambda: hub.features.training_sets(limit=LOOKED).items) or []
    runs = allowed(lambda: hub.tracking.runs(limit=LOOKED)) or None
    models = allowed(lambda: hub.registry.models(limit=LOOKED)) or None
    versions = allowed(lambda: hub.registry.versions(limit=LOOKED).items) or []
    endpoints = allowed(lambda: hub.serving.endpoints(limit=LOOKED)) or None
    monitors = allowed(lambda: hub.monitoring.monitors(limit=LOOKED)) or None
    made = {t.name for t in sets} | {name for e in (endpoints.items if endpoints else ()) for name in e.tables}
    served = _served(hub, endpoints.items if endpoints else ())
    found = (
        ("Data", "table", "/tables", _tables(hub, tables, made, now)),
        ("Features", "view", "/features", _views(hub, views, tables.items if tables else (), now)),
        ("Runs", "experiment", "/runs", _experiments(hub, runs, sets, now)),
        ("Models", "model", "/models", _models(hub, models, versions, served, runs.items if runs else ())),
        ("Endpoints", "endpoint", "/endpoints", _endpoints(endpoints, served, now)),
        ("Monitors", "monitor", "/monitors", _monitors(hub, monitors, now)),
    )
    stages = tuple(_stage(name, unit, href, stage) for name, unit, href, stage in found)
    drawn = {place.key: place.state for stage in stages for place in stage.places}
    strands = dict.fromkeys(
        s for _, _, _, stage in found for s in stage.strands if s.source in drawn and s.target in drawn
    )
    return Atlas(stages, spread(drawn, tuple(strands)))


def _stage(name: str, unit: str, href: str, found: _Stage) -> Stage:
    ordered = sorted(found.places, key=lambda one: (_TROUBLE.get(one[1].state, 4), -one[0], one[1].name))
    kept = sorted(ordered[:SHOWN], key=lambda one: (-one[0], one[1].name))
    left = len(ordered) - len(kept)
    rest = f"{left}{'+' if found.more else ''} more" if left else ""
    return Stage(name, unit, href, found.count, found.more, found.note, tuple(place for _, place in kept), rest)


def _plain(value: float) -> str:
    """A figure of an alert: counts as counts, shares and distances with their digits."""
    return number(int(value)) if value == int(value) else metric(value)


def _key(ref: str) -> str:
    """A ref without its version, as the map keys tables, views and endpoints."""
    return ref.partition("@")[0]


def _tables(hub: Slices, page: Page[Table] | None, made: set[str], now: datetime) -> _Stage:
    """Tables that people brought; those that the yard makes itself (training sets, predictions) are only counted."""
    if page is None:
        return _Stage(None)
    refused: dict[str, Load | None] = {}
    for load in allowed(lambda: hub.lake.loads(limit=LOOKED).items) or []:
        refused.setdefault(load.table, load if load.state is LoadState.REFUSED else None)
    places = []
    for t in page.items:
        if t.name in made:
            continue
        failed = refused.get(t.name)
        note = f"{number(t.rows)} rows · {ago(from_ms(t.updated_ms), now)}"
        if failed is not None:
            note = f"load refused {ago(from_ms(failed.started_ms), now)}"
        state = "bad" if failed is not None else "ok"
        places.append(
            (t.updated_ms, Place(f"table:{t.name}", t.name, str(t.version), note, state, f"/tables/{t.name}"))
        )
    held = sum(t.quarantined for t in page.items)
    said = f"{plural(held, 'row')} held back" if held else "no row held back"
    return _Stage(len(page.items), bool(page.next), said, places)


def _views(hub: Slices, page: Page[View] | None, tables: Iterable[Table], now: datetime) -> _Stage:
    if page is None:
        return _Stage(None)
    newest = {t.name: t for t in tables}
    places, strands, fresh = [], [], 0
    for view in page.items:
        filled = next(iter(hub.features.materialisations(view.name)), None)
        source = newest.get(view.spec.source)
        behind = filled and source and refs.parts(str(filled.read))[2] != str(source.version)
        if filled is None:
            state, note = "off", "not filled online"
        elif behind and source and (now - from_ms(source.updated_ms)).total_seconds() > 3600:
            state, note = "warn", f"stale since {ago(from_ms(source.updated_ms), now)}"
        else:
            state, note, fresh = "ok", f"filled {ago(from_ms(filled.at_ms), now)}", fresh + 1
        place = Place(f"view:{view.name}", view.name, str(view.version), note, state, f"/features/{view.name}")
        places.append((view.created_ms, place))
        strands.append(Strand(f"table:{view.spec.source}", place.key))
    return _Stage(len(page.items), bool(page.next), f"{fresh} fresh online", places, strands)


def _experiments(hub: Slices, page: Page[Run] | None, sets: Iterable[TrainingSet], now: datetime) -> _Stage:
    if page is None:
        return _Stage(None)
    views = {f"table:{s.name}@{s.version}": [f"view:{refs.parts(str(v))[1]}" for v in s.views] for s in sets}
    listed = hub.tracking.experiments(limit=LOOKED)
    places, strands, running = [], [], 0
    for one in listed.items:
        mine = [run for run in page.items if run.experiment == one.id]
        busy = sum(run.status is RunStatus.RUNNING for run in mine)
        running += busy
        last = mine[0] if mine else None
        if last is None:
            state, note = "off", "no run of late"
        elif busy:
            state, note = "run", f"{busy} running"
        else:
            state = "bad" if last.status is RunStatus.FAILED else "ok"
            note = f"{'failed' if state == 'bad' else plural(len(mine), 'run')} · {ago(from_ms(last.start_ms), now)}"
        key = f"experiment:{one.id}"
        if last is not None or one.id != "0":
            href = f"/runs?experiment={one.id}"
            places.append((last.start_ms if last else one.updated_ms, Place(key, one.name, "", note, state, href)))
        for read in (str(r) for run in mine for r in run.reads):
            strands += [Strand(source, key) for source in views.get(read) or [_key(read)]]
    return _Stage(len(places), bool(listed.next), f"{running} running" if running else "none running", places, strands)


def _served(hub: Slices, endpoints: Iterable[Endpoint]) -> dict[str, list[str]]:
    """Endpoint -> the model versions in its route."""
    found = {}
    for one in list(endpoints)[:20]:
        inside = {arm.revision for arm in one.route.arms} | {s.revision for s in one.route.shadows}
        revisions = allowed(partial(hub.serving.revisions, one.name, limit=50))
        found[one.name] = [str(r.model) for r in (revisions.items if revisions else ()) if r.name in inside]
    return found


def _models(
    hub: Slices, page: Page[Model] | None, versions: Sequence[ModelVersion], served: dict[str, list[str]],
    runs: Iterable[Run],
) -> _Stage:  # fmt: skip
    if page is None:
        return _Stage(None)
    proposals = [p for p in allowed(lambda: hub.registry.proposals(limit=50).items) or [] if not p.state.is_over]
    inside = dict.fromkeys(key for held in served.values() for key in held)
    wanted = inside | {f"model:{p.name}@{p.version}": p for p in proposals}
    standing = {f"model:{m.name}@{m.aliases.get('production') or m.last_version}" for m in page.items if m.last_version}
    ran = {str(run.id): run.experiment for run in runs}
    places, strands = [], []
    for v in versions:
        key = f"model:{v.name}@{v.version}"
        if key not in standing and key not in wanted:
            continue
        state, note = _standing(v, wanted.get(key), [name for name, held in served.items() if key in held])
        href = f"{model_url(v.name)}?version={v.version}"
        places.append((v.created_ms, Place(key, v.name, str(v.version), note, state, href)))
        experiment = ran.get(v.run or "")
        strands += [Strand(f"experiment:{experiment}", key)] if experiment else []
    said = plural(len(proposals), "proposal open", "proposals open") if proposals else "no proposal open"
    return _Stage(len(page.items), bool(page.next), said, places, strands)


def _standing(version: ModelVersion, proposal: Proposal | None, served: Sequence[str]) -> tuple[str, str]:
    if version.aliases:
        return "ok", " · ".join(sorted(version.aliases, key=lambda a: a != "production"))
    if proposal is not None:
        opened = sum(g.outcome.opens for g in proposal.results)
        return "wait", f"in review · gates {opened}/{len(proposal.results)}" if proposal.results else "in review"
    return "off", f"served by {served[0]}" if served else "no alias yet"


def _endpoints(page: Page[Endpoint] | None, served: dict[str, list[str]], now: datetime) -> _Stage:
    if page is None:
        return _Stage(None)
    places, strands = [], []
    for e in page.items:
        others = len(e.route.arms) - 1
        arms = f"route moved {ago(from_ms(e.updated_ms), now)}" if not others else plural(len(e.route.arms), "arm")
        note = arms + (" · shadow" if e.route.shadows else "")
        state = _STAND[e.stand.value]
        shown = note if state == "ok" else f"{e.stand.value} · {e.reason}" if e.reason else e.stand.value
        places.append((e.updated_ms, Place(f"endpoint:{e.name}", e.name, "", shown, state, f"/endpoints/{e.name}")))
        strands += [Strand(model, f"endpoint:{e.name}") for model in served.get(e.name, ())]
    down = sum(place.state == "bad" for _, place in places)
    return _Stage(len(page.items), bool(page.next), f"{down} down" if down else "none down", places, strands)


def _monitors(hub: Slices, page: Page[Monitor] | None, now: datetime) -> _Stage:
    if page is None:
        return _Stage(None)
    alerts = allowed(lambda: hub.monitoring.alerts(state=AlertState.OPEN, limit=LOOKED).items) or []
    burning = {a.monitor: a for a in alerts}
    places, strands, drifting = [], [], 0
    for m in page.items:
        alert = burning.get(m.name)
        drifting += bool(m.drifted)
        judged = "not judged yet" if m.last_ms is None else f"judged {ago(from_ms(m.last_ms), now)}"
        if alert is not None:
            state, note = (
                ("bad" if alert.severity.value == "critical" else "warn"),
                f"{alert.figure.replace('_', ' ')} {_plain(alert.value)}",
            )
        elif m.drifted:
            state, note = "warn", "drifted · " + judged
        else:
            state, note = ("wait" if m.last_ms is None else "ok"), judged
        place = Place(str(m.ref), m.name, "", note, state, f"/monitors/{m.name}")
        places.append((m.last_ms or m.created_ms, place))
        watched = f"endpoint:{m.watch.endpoint}" if m.watch.endpoint else f"table:{m.watch.table}"
        strands.append(Strand(watched, place.key))
    said = f"{drifting} drifting · {len(burning)} alerting" if drifting or burning else "nothing drifts"
    return _Stage(len(page.items), bool(page.next), said, places, strands)
