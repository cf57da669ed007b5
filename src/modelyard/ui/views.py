"""The screens of features: the list, and one view with its versions, its rows and who uses it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from modelyard.features.api import (
    Entity,
    Materialisation,
    OnlineAnswer,
    View,
)
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import YardError
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, number, plural
from modelyard.ui.kit.graphs import Link, Node
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import NONE, NULL, Cell, Column, Kind, LinkCell, MarkCell, RefCell, Row, Table, TimeCell
from modelyard.ui.lineage import near
from modelyard.ui.trainingsets import sets_table, version_of

_LOOKED = 100
_WHOLE = re.compile(r"-?[0-9]{1,18}")


class FeaturesData(Struct, frozen=True):
    """Views, training sets and entities."""

    sentence: str
    views: Table
    sets: Table
    entities: Table
    entity: str


class ViewData(Struct, frozen=True):
    """One version of a view; `online` is the answer to the entity that was asked for, `fault` why there is none."""

    view: View
    newest: bool
    sentence: str
    facts: tuple[tuple[str, str], ...]
    features: Table
    filled: Table
    versions: Table
    sets: Table
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    asked: dict[str, str]
    online: Table | None
    fault: str


def screens() -> Screens:
    """The pages of features."""
    mine = Screens("features")
    mine.page("/features", template="pages/features.html", nav="features")(_features)
    mine.page("/features/{name}", template="pages/view.html", nav="features")(_view)
    mine.form("/features/{name}/fill")(_fill)

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:
        features, wanted = slices(calls).features, words.lower().split()
        views = [
            Found(v.name, f"/features/{v.name}", "feature view", "columns") for v in features.views(limit=_LOOKED).items
        ]
        names = dict.fromkeys(t.name for t in features.training_sets(limit=_LOOKED).items)
        sets = [Found(name, f"/features/sets/{name}", "training set", "layers") for name in names]
        return [found for found in (*views, *sets) if all(word in found.text.lower() for word in wanted)]

    return mine


def _features(calls: PageCalls, ask: Ask) -> Page:
    hub = slices(calls)
    only = ask.text("entity")
    views, stale = _views(calls, ask, only)
    sets = sets_table(hub.features.training_sets(limit=30).items)
    said = f"{plural(len(views.rows), 'view')}, {stale} without online rows; {plural(len(sets.rows), 'training set')}."
    foot = Foot("GET /v1/views", "yard features views", "yard.features.views()")
    data = FeaturesData(said, views, sets, _entities(hub.features.entities(limit=_LOOKED).items), only)
    return Page("Features", data, (Crumb("Features"),), foot)


def _views(calls: PageCalls, ask: Ask, entity: str) -> tuple[Table, int]:
    features = slices(calls).features
    page = features.views(limit=1000 if entity else 50, cursor=ask.text("after") or None)
    columns = (
        Column("name", "View"), Column("entity", "About"), Column("source", "From"),
        Column("n", "Features", Kind.COUNT), Column("online", "Online"),
        Column("rows", "Entities", Kind.COUNT), Column("upto", "Up to", Kind.TIME),
        Column("lag", "Behind", Kind.DURATION),
    )  # fmt: skip
    rows, stale = [], 0
    for view in (v for v in page.items if entity in ("", v.spec.entity)):
        newest = next((m for m in features.materialisations(view.name) if m.view == view.ref), None)
        stale += newest is None
        cells: tuple[Cell, ...] = (RefCell(str(view.ref), bare=True), view.spec.entity)
        cells += (RefCell(f"table:{view.spec.source}", bare=True), len(view.spec.features))
        if newest is None:
            cells += (MarkCell("wait", "never filled"), NONE, NONE, NONE)
        else:
            lag = max(0.0, (ask.now - from_ms(newest.up_to_ms)).total_seconds())
            cells += (MarkCell("ok", "filled"), newest.entities, TimeCell(from_ms(newest.up_to_ms)), lag)
        rows.append(Row(cells, key=str(view.ref), href=f"/features/{view.name}", ref=str(view.ref)))
    return Table("views", "Views", columns, tuple(rows), next=page.next or ""), stale


def _entities(found: Sequence[Entity]) -> Table:
    columns = (
        Column("name", "Entity"), Column("keys", "Identified by", Kind.CODE), Column("says", "Description"),
        Column("at", "Defined", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(e.name, f"/features?entity={e.name}"),
                ", ".join(f"{k.name}: {k.type.value}" for k in e.keys), e.description or NONE,
                TimeCell(from_ms(e.created_ms)),
            ),
            key=e.name, ref=str(e.ref),
        )
        for e in found
    )  # fmt: skip
    return Table("entities", "Entities", columns, rows)


def _view(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["name"]
    features = hub.features
    view = features.view(name, version=version_of(ask))
    versions = features.view_versions(name, limit=20).items
    filled = features.materialisations(name)
    used = [t for t in features.training_sets(limit=_LOOKED).items if view.ref in t.views]
    asked = {key.name: ask.text(f"key.{key.name}") for key in view.keys}
    online, fault = _online(hub, view, asked)
    nodes, links = near(hub, str(view.ref))
    data = ViewData(
        view, view.version == versions[0].version, _said(view, filled, ask.now), _facts(view), _defined(view),
        _filled(filled), _versions(versions), sets_table(used), nodes, links, asked, online, fault,
    )  # fmt: skip
    foot = Foot(f"GET /v1/views/{name}", f"yard features view {name}", f"yard.features.view({name!r})")
    return Page(name, data, (Crumb("Features", "/features"), Crumb(name)), foot)


def _said(view: View, filled: Sequence[Materialisation], now: datetime) -> str:
    newest = next((m for m in filled if m.view == view.ref), None)
    what = f"{plural(len(view.spec.features), 'feature')} of {view.spec.entity} from {view.spec.source}"
    if newest is None:
        return f"{what}; its online rows were never filled."
    behind = duration(max(0.0, (now - from_ms(newest.up_to_ms)).total_seconds()))
    return f"{what}; {plural(newest.entities, 'entity', 'entities')} online, {behind} behind."


def _facts(view: View) -> tuple[tuple[str, str], ...]:
    spec = view.spec
    kept = {"entity": spec.entity, "keys": ", ".join(f"{k.name}: {k.type.value}" for k in view.keys)}
    if spec.key_columns:
        kept["key columns"] = ", ".join(f"{k} is {v}" for k, v in spec.key_columns.items())
    kept["event time"] = spec.event_time
    if spec.created:
        kept["created"] = spec.created
    kept["expires"] = f"after {duration(spec.ttl_s)}" if spec.ttl_s is not None else "never"
    if spec.delay_s:
        kept["counts"] = f"{duration(spec.delay_s)} after its event time"
    if spec.description:
        kept["description"] = spec.description
    kept["hash"] = view.hash[:12]
    return tuple(kept.items())


def _defined(view: View) -> Table:
    columns = (
        Column("name", "Feature", Kind.CODE), Column("type", "Type"), Column("how", "How"),
        Column("of", "Of", Kind.CODE), Column("window", "Over", Kind.DURATION), Column("says", "Description"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                f.name, kind.value, f.aggregate.value if f.aggregate else "newest row", f.expression or f.name,
                NONE if f.window_s is None else f.window_s, f.description or NONE,
            ),
            key=f.name,
        )
        for f, kind in zip(view.spec.features, view.types, strict=True)
    )  # fmt: skip
    return Table("features", "Features", columns, rows)


def _filled(found: Sequence[Materialisation]) -> Table:
    columns = (
        Column("version", "Version"), Column("rows", "Entities", Kind.COUNT), Column("upto", "Up to", Kind.TIME),
        Column("read", "From"), Column("took", "Took", Kind.DURATION), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(str(m.view), bare=True), m.entities, TimeCell(from_ms(m.up_to_ms)),
                RefCell(str(m.read), bare=True),
                m.took_ms / 1000, TimeCell(from_ms(m.at_ms)),
            ),
            key=str(m.view),
        )
        for m in found
    )  # fmt: skip
    return Table("filled", "Online rows", columns, rows)


def _versions(found: Sequence[View]) -> Table:
    columns = (
        Column("version", "Version"), Column("n", "Features", Kind.COUNT), Column("source", "From"),
        Column("hash", "Hash", Kind.CODE), Column("at", "Defined", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(str(v.ref), bare=True), len(v.spec.features), v.spec.source, v.hash[:12],
                TimeCell(from_ms(v.created_ms)),
            ),
            key=str(v.version), href=f"/features/{v.name}?version={v.version}", ref=str(v.ref),
        )
        for v in found
    )  # fmt: skip
    return Table("versions", "Versions", columns, rows)


def _online(hub: Slices, view: View, asked: dict[str, str]) -> tuple[Table | None, str]:
    """The features of the entity that was asked for; nothing where none was."""
    if not all(asked.values()):
        return None, ""
    keys: dict[str, bool | int | float | str | None] = {}
    for key in view.keys:
        text = asked[key.name]
        whole = (
            key.type.value == "int64" and text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 19
        )
        keys[key.name] = int(text) if whole else text
    try:
        answer = hub.features.online((f"{view.name}@{view.version}",), [keys])
    except YardError as refused:
        return None, refused.detail
    return _answered(answer), ""


def _answered(answer: OnlineAnswer) -> Table:
    row = answer.rows[0]
    columns = (
        Column("name", "Feature", Kind.CODE), Column("value", "Now"), Column("state", "Status"),
        Column("age", "Age", Kind.DURATION),
    )  # fmt: skip
    marks = {"present": "ok", "missing": "wait", "expired": "warn"}
    rows = []
    for name, value in row.values.items():
        view = name.partition("__")[0]
        status, age = row.status[view], row.age_s[view]
        shown = NULL if value is None else number(value) if isinstance(value, int | float) else str(value)
        rows.append(
            Row(
                (
                    name.partition("__")[2],
                    shown,
                    MarkCell(marks[status.value], status.value),
                    NONE if age is None else age,
                )
            )
        )
    return Table("online", "Online now", columns, tuple(rows))


def _fill(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    done = slices(calls).features.materialise(name)
    said = f"{plural(done.entities, 'entity', 'entities')} of {name} online"
    return Done(f"/features/{name}", said, f"from {done.read} in {duration(done.took_ms / 1000)}")
