"""The screen of a training set: what it was made of, how much was known at each row's moment, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from modelyard.features.api import TrainingSet
from modelyard.kernel import refs
from modelyard.kernel.clock import from_ms
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, number, plural, share
from modelyard.ui.kit.graphs import Link, Node
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import Column, Kind, RefCell, Row, Table, TimeCell
from modelyard.ui.lineage import near


class Known(Struct, frozen=True):
    """How many rows of a training set know a view's features."""

    view: str
    present: int
    missing: int
    expired: int


class SetData(Struct, frozen=True):
    """One version of a training set."""

    set: TrainingSet
    newest: bool
    sentence: str
    built: datetime
    facts: tuple[tuple[str, str], ...]
    known: tuple[Known, ...]
    columns: Table
    versions: Table
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def screens() -> Screens:
    """The page of a training set."""
    mine = Screens("training sets")
    mine.page("/features/sets/{name}", template="pages/trainingset.html", nav="features")(_set)
    return mine


def version_of(ask: Ask) -> int | None:
    """The version that a page was asked for; None for the newest."""
    return ask.number("version", 0, low=1) or None


def set_url(name: str, version: int | None = None) -> str:
    """The address of a training set."""
    return f"/features/sets/{name}" + (f"?version={version}" if version else "")


def sets_table(found: Sequence[TrainingSet]) -> Table:
    """Training sets as rows, newest first."""
    columns = (
        Column("name", "Training set"), Column("labels", "Labels from"), Column("views", "Views", Kind.COUNT),
        Column("rows", "Rows", Kind.COUNT), Column("columns", "Columns", Kind.COUNT),
        Column("missing", "Unknown", Kind.COUNT), Column("took", "Took", Kind.DURATION),
        Column("at", "Built", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(f"dataset:{t.name}@{t.version}", f"{t.name}@{t.version}", bare=True),
                RefCell(f"table:{t.spec.labels.table}", bare=True), len(t.views),
                t.rows, len(t.columns), sum(t.missing.values()) + sum(t.expired.values()), t.took_ms / 1000,
                TimeCell(from_ms(t.created_ms)),
            ),
            key=str(t.ref), href=set_url(t.name, t.version), ref=str(t.ref),
        )
        for t in found
    )  # fmt: skip
    return Table("training-sets", "Training sets", columns, rows)


def _set(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["name"]
    found = hub.features.training_set(name, version=version_of(ask))
    versions = hub.features.training_sets(name=name, limit=20).items
    nodes, links = near(hub, str(found.ref))
    known = tuple(_known(found, str(view)) for view in found.views)
    data = SetData(
        found, found.version == versions[0].version, _set_said(found, known), from_ms(found.created_ms),
        _set_facts(found), known, _set_columns(found), sets_table(versions), nodes, links,
    )  # fmt: skip
    foot = Foot(
        f"GET /v1/training-sets/{name}", f"yard features training-set {name}", f"yard.features.training_set({name!r})"
    )  # fmt: skip
    return Page(name, data, (Crumb("Features", "/features"), Crumb("Training sets", "/features"), Crumb(name)), foot)


def _known(found: TrainingSet, view: str) -> Known:
    name = refs.parts(view)[1]
    missing, expired = found.missing.get(name, 0), found.expired.get(name, 0)
    return Known(view, found.rows - missing - expired, missing, expired)


def _set_said(found: TrainingSet, known: Sequence[Known]) -> str:
    shape = f"{plural(found.rows, 'row')} by {plural(len(found.columns), 'column')}"
    said = f"{shape}, each as it was known at its row's moment"
    worst = max(known, key=lambda k: k.missing + k.expired, default=None)
    if worst is None or not worst.missing + worst.expired or not found.rows:
        return said + "; every feature is known."
    lost = worst.missing + worst.expired
    return f"{said}; {number(lost)} ({share(lost / found.rows)}) without {refs.parts(worst.view)[1]}, and kept."


def _set_facts(found: TrainingSet) -> tuple[tuple[str, str], ...]:
    labels = found.spec.labels
    chosen = ", ".join(c.name if not c.expression else f"{c.name} = {c.expression}" for c in labels.columns)
    facts = {"labels and requests": chosen, "moment": labels.time}
    if labels.where:
        facts["only rows where"] = labels.where
    if found.spec.sample_rows:
        facts["sample"] = f"{plural(found.spec.sample_rows, 'row')}, seed {found.spec.seed}"
    facts |= {"took": duration(found.took_ms / 1000), "hash": found.hash[:12]}
    return tuple(facts.items())


def _set_columns(found: TrainingSet) -> Table:
    chosen = {c.name for c in found.spec.labels.columns}

    def origin(name: str) -> str:
        if "__" in name:
            return name.partition("__")[0]
        return "labels" if name in chosen else "moment" if name == "event_time" else "key"

    columns = (Column("name", "Column", Kind.CODE), Column("from", "From"))
    return Table("columns", "Columns", columns, tuple(Row((name, origin(name)), key=name) for name in found.columns))
