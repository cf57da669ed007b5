"""The screens of one endpoint and one prediction: who answers, since when and why, and where an answer came from."""

from __future__ import annotations

from datetime import datetime
from statistics import median

from msgspec import Struct

from modelyard.governance.api import WalkStep
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Forbidden
from modelyard.serving.api import Endpoint, Prediction, Route, RouteChange
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.refs import shown
from modelyard.ui.kit.tables import (
    NONE,
    NULL,
    ActorCell,
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

STAND = {"serving": "ok", "degraded": "warn", "starting": "run", "down": "bad"}
_ROUTES = ("champion", "canary", "trial", "header", "version", "shadow")
Value = bool | int | float | str | None


class ArmShown(Struct, frozen=True):
    """Who answers a share of the requests; a shadow's answers nobody gets."""

    role: str
    revision: str
    model: str
    share: float
    series: int


class EndpointData(Struct, frozen=True):
    """One endpoint; `before` is the champion that a rollback brings back, empty where there is none."""

    endpoint: Endpoint
    mark: str
    sentence: str
    arms: tuple[ArmShown, ...]
    shadows: tuple[ArmShown, ...]
    others: tuple[tuple[str, str], ...]
    champion: str
    before: str
    route: str
    routes: tuple[tuple[str, str], ...]
    latencies: tuple[float, ...]
    median_s: float | None
    revisions: Table
    changes: Table
    predictions: Table


class StepShown(Struct, frozen=True):
    """One step of the way back."""

    icon: str
    stage: str
    ref: str
    text: str
    actor: str
    at: datetime | None
    person: bool


class PredictionData(Struct, frozen=True):
    """One prediction; `steps` is None where whoever looks may not read lineage."""

    prediction: Prediction
    at: datetime
    sentence: str
    outputs: Table
    inputs: Table
    keys: Table
    steps: tuple[StepShown, ...] | None
    cut: bool = False


def screens() -> Screens:
    """The pages and forms of endpoints and predictions."""
    mine = Screens("serving")
    mine.page("/endpoints/{name}", template="pages/endpoint.html", nav="endpoints")(_endpoint)
    mine.page("/predictions/{id}", template="pages/prediction.html", nav="endpoints")(_prediction)
    mine.form("/endpoints/{name}/promote")(_promote)
    mine.form("/endpoints/{name}/roll-back")(_roll_back)
    return mine


def names_of(calls: PageCalls) -> dict[str, str]:
    """The names of actors by id; none where whoever looks may not read them."""
    try:
        return {str(m.id): m.name for m in slices(calls).governance.actors(limit=500).items}
    except Forbidden:
        return {}


def _promote(calls: PageCalls, ask: Ask) -> Done:
    name, revision = ask.params["name"], ask.form.get("revision", "")
    slices(calls).serving.promote(name, revision, comment=ask.form.get("reason", ""))
    return Done(f"/endpoints/{name}", f"{name}@{revision} takes all traffic", f"endpoint:{name}")


def _roll_back(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    now = slices(calls).serving.rollback(name, comment=ask.form.get("reason", ""))
    return Done(f"/endpoints/{name}", f"{name} rolled back to @{_champion(now.route)}", f"endpoint:{name}")


def _champion(route: Route) -> str:
    arms = [arm for arm in route.arms if arm.role == "champion"] or list(route.arms)
    return max(arms, key=lambda arm: arm.weight).revision if arms else ""


def _before(changes: list[RouteChange], present: str) -> str:
    """Whom a rollback brings back, in words; after earlier rollbacks only serving itself can tell."""
    earlier = [_champion(c.route) for c in changes if _champion(c.route) != present]
    if not earlier:
        return ""
    return "the champion before it" if any(c.why == "rollback" for c in changes) else f"@{earlier[0]}"


def _endpoint(calls: PageCalls, ask: Ask) -> Page:
    serving, name = slices(calls).serving, ask.params["name"]
    endpoint = serving.endpoint(name)
    revisions = serving.revisions(name).items
    changes = serving.routes(name).items
    route = ask.text("route")
    found = serving.predictions(name, route=route or None, cursor=ask.text("after") or None, limit=30)
    names, models = names_of(calls), {r.name: str(r.model) for r in revisions}
    total = sum(arm.weight for arm in endpoint.route.arms) or 1.0
    arms = tuple(
        ArmShown(a.role, a.revision, models.get(a.revision, ""), a.weight / total, place)
        for place, a in enumerate(endpoint.route.arms, 1)
    )
    shadows = tuple(
        ArmShown("shadow", s.revision, models.get(s.revision, ""), s.share, 0) for s in endpoint.route.shadows
    )
    present = _champion(endpoint.route)
    times = tuple(p.latency_ms / 1e3 for p in reversed(found.items))
    rows = tuple(
        Row(
            (
                RefCell(str(r.ref), f"@{r.name}", bare=True), RefCell(str(r.model)), r.runtime, r.size_bytes,
                ", ".join(f"{place}: {how}" for place, how in r.places.items()) or NONE,
                ActorCell(names.get(str(r.author), str(r.author))), TimeCell(from_ms(r.at_ms)),
            ),
            key=r.name,
        )
        for r in revisions
    )  # fmt: skip
    columns = (
        Column("name", "Revision"), Column("model", "Model"), Column("runtime", "Runtime"),
        Column("size", "Size", Kind.SIZE), Column("places", "Answers in"), Column("who", "By"),
        Column("at", "Deployed", Kind.TIME),
    )  # fmt: skip
    data = EndpointData(
        endpoint, STAND[endpoint.stand.value], _stand_words(endpoint, len(arms), len(shadows)), arms, shadows,
        tuple((r.name, f"@{r.name} · {r.model}") for r in revisions if r.name != present or len(arms) > 1),
        present, _before(changes, present), route or "all",
        (("all", ask.url(route=None, after=None)), *((w, ask.url(route=w, after=None)) for w in _ROUTES)),
        times, median(times) if times else None, Table("revisions", "Revisions", columns, rows),
        _changes(changes, names), _predictions(found.items, found.next or ""),
    )  # fmt: skip
    foot = Foot(f"GET /v1/endpoints/{name}", f"yard serving endpoint {name}", f"yard.serving.endpoint({name!r})")
    return Page(name, data, (Crumb("Endpoints", "/endpoints"), Crumb(name)), foot)


def _stand_words(endpoint: Endpoint, arms: int, shadows: int) -> str:
    said = {
        "serving": "Every revision of its route answers.", "degraded": "It answers in part.",
        "starting": "It is starting.", "down": "Nobody answers.",
    }[endpoint.stand.value]  # fmt: skip
    who = "One revision takes all requests" if arms == 1 else f"{plural(arms, 'revision')} share the requests"
    watched = f", {plural(shadows, 'shadow watches', 'shadows watch')}" if shadows else ""
    return f"{said}{' ' + endpoint.reason if endpoint.reason else ''} {who}{watched}."


def _changes(changes: list[RouteChange], names: dict[str, str]) -> Table:
    columns = (
        Column("number", "Change", Kind.COUNT), Column("why", "Why"), Column("route", "Route"),
        Column("comment", "Comment"), Column("who", "By"), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = []
    for c in changes:
        total = sum(arm.weight for arm in c.route.arms) or 1.0
        route = [f"{arm.role} @{arm.revision} {arm.weight / total * 100:.0f} %" for arm in c.route.arms]
        route += [f"shadow @{s.revision}" for s in c.route.shadows]
        who = ActorCell(names.get(str(c.author), str(c.author)))
        rows.append(
            Row((c.number, c.why, ", ".join(route), c.comment or NONE, who, TimeCell(from_ms(c.at_ms))), str(c.number))
        )
    return Table("routes", "Route changes", columns, tuple(rows))


def _cell(value: Value) -> Cell:
    return NULL if value is None else str(value).lower() if isinstance(value, bool) else value


def _predictions(found: list[Prediction], following: str) -> Table:
    heads = list(dict.fromkeys(name for p in found for name in p.outputs))[:6]
    columns = (
        Column("id", "Prediction"), Column("version", "Version"), Column("route", "Route"),
        Column("latency", "Latency", Kind.DURATION), Column("at", "When", Kind.TIME),
        *(Column(f"out-{h}", h, Kind.NUMBER, group="Outputs") for h in heads), Column("label", "Truth"),
    )  # fmt: skip
    rows = []
    for p in found:
        href = f"/predictions/{p.id}"
        mark: Cell = p.route if p.status < 400 else MarkCell("bad", f"{p.route} {p.status}")
        cells: list[Cell] = [LinkCell(p.id[-12:], href), RefCell(str(p.model), p.version, bare=True), mark]
        cells += [p.latency_ms / 1e3, TimeCell(from_ms(p.at_ms))]
        cells += [_cell(p.outputs[h]) if h in p.outputs else NONE for h in heads]
        cells.append(NONE if p.label is None else _cell(p.label))
        rows.append(Row(tuple(cells), key=p.id, href=href, ref=str(p.ref)))
    return Table("predictions", "Predictions", columns, tuple(rows), next=following)


def _prediction(calls: PageCalls, ask: Ask) -> Page:
    made = slices(calls).serving.prediction(ask.params["id"])
    try:
        walk = slices(calls).governance.walk(made.id)
    except Forbidden:
        walk = None
    truth = "Nobody has said yet what turned out to be true."
    if made.label is not None:
        truth = f"It turned out to be {_said(made.label)}."
    sentence = f"{made.endpoint} answered {'with' if made.status < 400 else 'an error,'} {_answer(made)}. {truth}"
    data = PredictionData(
        made, from_ms(made.at_ms), sentence, _values("outputs", "Answered", made.outputs),
        _values("inputs", "Asked", made.inputs), _values("keys", "About", made.keys),
        None if walk is None else tuple(_step(s) for s in walk.steps), walk is not None and walk.cut,
    )  # fmt: skip
    cli = f"yard serving prediction {made.id}"
    foot = Foot(f"GET /v1/predictions/{made.id}", cli, f"yard.serving.prediction({made.id!r})")
    crumbs = (Crumb("Endpoints", "/endpoints"), Crumb(made.endpoint, f"/endpoints/{made.endpoint}"), Crumb(made.id))
    return Page(made.id, data, crumbs, foot)


def _said(value: Value) -> str:
    return "null" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _answer(made: Prediction) -> str:
    shown_first = [f"{name} {_said(value)}" for name, value in list(made.outputs.items())[:3]]
    return ", ".join(shown_first) or f"status {made.status}"


def _values(name: str, label: str, values: dict[str, Value]) -> Table:
    rows = tuple(Row((key, _cell(value)), key=key) for key, value in values.items())
    return Table(name, label, (Column("name", "Name", Kind.CODE), Column("value", "Value", Kind.NUMBER)), rows)


def _step(step: WalkStep) -> StepShown:
    person, ref = step.stage.value == "approval", "" if step.ref is None else str(step.ref)
    icon = "person" if person else shown(ref).icon if ref else "dot"
    at = None if step.at_ms is None else from_ms(step.at_ms)
    return StepShown(icon, step.stage.value.replace("_", " "), ref, step.text, step.actor_name, at, person)
