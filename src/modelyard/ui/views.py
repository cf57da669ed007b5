"""The screen of features: views with how fresh their online rows are, and the training sets built from them."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Cell, Column, Kind, MarkCell, RefCell, Row, Table, TimeCell


class FeaturesData(Struct, frozen=True):
    """Views and training sets."""

    sentence: str
    views: Table
    sets: Table


def screens() -> Screens:
    """The page of features."""
    mine = Screens("features")
    mine.page("/features", template="pages/features.html", nav="features")(_features)
    return mine


def _features(calls: PageCalls, ask: Ask) -> Page:
    views, stale = _views(calls, ask)
    sets = _sets(calls)
    said = f"{plural(len(views.rows), 'view')}, {stale} without online rows; {plural(len(sets.rows), 'training set')}."
    foot = Foot("GET /v1/views", "yard features views", "yard.features.views()")
    return Page("Features", FeaturesData(said, views, sets), (Crumb("Features"),), foot)


def _views(calls: PageCalls, ask: Ask) -> tuple[Table, int]:
    features = slices(calls).features
    page = features.views(limit=50, cursor=ask.text("after") or None)
    columns = (
        Column("name", "View"), Column("entity", "About"), Column("source", "From"),
        Column("n", "Features", Kind.COUNT), Column("online", "Online"),
        Column("rows", "Entities", Kind.COUNT), Column("upto", "Up to", Kind.TIME),
        Column("lag", "Behind", Kind.DURATION),
    )  # fmt: skip
    rows, stale = [], 0
    for view in page.items:
        newest = next((m for m in features.materialisations(view.name) if m.view == view.ref), None)
        stale += newest is None
        cells: tuple[Cell, ...] = (RefCell(str(view.ref), bare=True), view.spec.entity)
        cells += (RefCell(f"table:{view.spec.source}", bare=True), len(view.spec.features))
        if newest is None:
            cells += (MarkCell("wait", "never filled"), NONE, NONE, NONE)
        else:
            lag = max(0.0, (ask.now - from_ms(newest.up_to_ms)).total_seconds())
            cells += (MarkCell("ok", "filled"), newest.entities, TimeCell(from_ms(newest.up_to_ms)), lag)
        rows.append(Row(cells, key=str(view.ref), ref=str(view.ref)))
    return Table("views", "Views", columns, tuple(rows), next=page.next or ""), stale


def _sets(calls: PageCalls) -> Table:
    columns = (
        Column("name", "Training set"), Column("labels", "Labels from"), Column("views", "Views", Kind.COUNT),
        Column("rows", "Rows", Kind.COUNT), Column("columns", "Columns", Kind.COUNT),
        Column("missing", "Unknown", Kind.COUNT), Column("took", "Took", Kind.DURATION),
        Column("at", "Built", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(str(t.ref), bare=True), RefCell(f"table:{t.spec.labels.table}", bare=True), len(t.views),
                t.rows, len(t.columns), sum(t.missing.values()) + sum(t.expired.values()), t.took_ms / 1000,
                TimeCell(from_ms(t.created_ms)),
            ),
            key=str(t.ref), ref=str(t.ref),
        )
        for t in slices(calls).features.training_sets(limit=30).items
    )  # fmt: skip
    return Table("training-sets", "Training sets", columns, rows)
