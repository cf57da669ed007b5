"""The screen of one load: where its rows came from and went, how fast, how the source was read, what to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.lake.api import Load, LoadId, LoadState, Progress
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, number, plural, share, size
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Column, Kind, LinkCell, MarkCell, RefCell, Row, Table, TimeCell, ToneCell
from modelyard.ui.people import names

_LOOKED = 1000


class LoadData(Struct, frozen=True):
    """One load; `parts` is where its rows went, `reasons` why some were not taken."""

    load: Load
    state: str
    sentence: str
    who: str
    at: datetime
    rows_per_s: float | None
    bytes_per_s: float | None
    parts: tuple[tuple[str, int, str], ...]
    reasons: Table
    counted: int


class Running(Struct, frozen=True):
    """A pull that runs now; `share` is None where nobody knows how much there is."""

    source: str
    stage: str
    share: float | None
    said: str


class LoadsData(Struct, frozen=True):
    """Pulls that run now and loads that ended, newest first; `where` is the table they are of."""

    sentence: str
    running: tuple[Running, ...]
    loads: Table
    where: str


def screens() -> Screens:
    """The pages of loads."""
    mine = Screens("loads")
    mine.page("/loads", template="pages/loads.html", nav="tables")(_list)
    mine.page("/loads/{load}", template="pages/load.html", nav="tables")(_one)
    return mine


def loads_table(found: Sequence[Load], following: str = "") -> Table:
    """Loads as rows, newest first."""
    columns = (
        Column("source", "Source"), Column("table", "Table"), Column("state", "State"),
        Column("in", "Rows in", Kind.COUNT), Column("taken", "Loaded", Kind.COUNT),
        Column("held", "Quarantined", Kind.COUNT), Column("size", "Size", Kind.SIZE),
        Column("took", "Took", Kind.DURATION), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(load.source, f"/loads/{load.id}"), RefCell(f"table:{load.table}", bare=True),
                MarkCell("ok" if load.state is LoadState.DONE else "bad", load.state.value), load.rows_in,
                load.rows_loaded, ToneCell(load.rows_quarantined, "warn") if load.rows_quarantined else 0,
                load.size_bytes or NONE, load.took_ms / 1000, TimeCell(from_ms(load.started_ms)),
            ),
            key=str(load.id), href=f"/loads/{load.id}", ref=f"load:{load.id}",
        )
        for load in found
    )  # fmt: skip
    return Table("loads", "Loads", columns, rows, next=following)


def _list(calls: PageCalls, ask: Ask) -> Page:
    table = (ask.text("where") or ask.text("table")).strip()
    page = slices(calls).lake.loads(table=table or None, cursor=ask.text("after") or None, limit=60)
    refused = sum(load.state is LoadState.REFUSED for load in page.items)
    state = f"{plural(len(page.items), 'load')} on this page, {refused} refused." if page.items else "No load yet."
    shown = loads_table(page.items, page.next or "")
    data = LoadsData(state, running(slices(calls)), shown, table)
    return Page("Loads", data, (Crumb("Loads"),), Foot("GET /v1/loads", "yard lake loads", "yard.lake.loads()"))


def running(hub: Slices) -> tuple[Running, ...]:
    """The pulls that run now, each with a sentence on how far it is."""
    return tuple(_running(progress) for progress in hub.lake.pulls())


def _running(told: Progress) -> Running:
    part = told.size_bytes / told.total_bytes if told.total_bytes else None
    part = told.rows / told.total_rows if told.total_rows else part
    words = [f"{plural(told.rows, 'row')}" + (f" of about {number(told.total_rows)}" if told.total_rows else "")]
    words += [size(told.size_bytes), f"{number(round(told.rows_per_s))} rows/s"]
    words += [f"about {duration(told.left_s)} left"] if told.left_s is not None else []
    return Running(told.source, told.stage.value, None if part is None else min(part, 1.0), ", ".join(words))


def _one(calls: PageCalls, ask: Ask) -> Page:
    lake = slices(calls).lake
    load = lake.load_record(LoadId(ask.params["load"]))
    held = lake.quarantine(load.id, state=None, limit=_LOOKED).items if load.rows_quarantined else []
    counts = Counter(reason for row in held for reason in row.reasons)
    columns = (Column("why", "Why"), Column("rows", "Rows", Kind.COUNT), Column("part", "Of those held", Kind.SHARE))
    rows = tuple(Row((why, n, n / len(held)), key=str(i)) for i, (why, n) in enumerate(counts.most_common(20)))
    seconds = load.took_ms / 1000
    who = names(calls).get(str(load.author), "")
    data = LoadData(
        load, "ok" if load.state is LoadState.DONE else "bad", _sentence(load), who, from_ms(load.started_ms),
        load.rows_in / seconds if seconds else None, load.size_bytes / seconds if seconds and load.size_bytes else None,
        (("loaded", load.rows_loaded, "ok"), ("quarantined", load.rows_quarantined, "warn")),
        Table("reasons", "Why rows were held back", columns, rows), len(held),
    )  # fmt: skip
    foot = Foot(f"GET /v1/loads/{load.id}", f"yard lake load-record {load.id}", f"yard.lake.load_record({load.id!r})")
    crumbs = (Crumb("Tables", "/tables"), Crumb(load.table, f"/tables/{load.table}"), Crumb(f"load of {load.source}"))
    return Page(f"Load of {load.source}", data, crumbs, foot)


def _sentence(load: Load) -> str:
    if load.state is LoadState.REFUSED:
        return f"Refused whole: none of its {plural(load.rows_in, 'row')} was taken."
    said = f"{plural(load.rows_in, 'row')} in: {number(load.rows_loaded)} loaded"
    if not load.rows_quarantined:
        return said + ", none held back."
    part = share(load.rows_quarantined / load.rows_in) if load.rows_in else "–"
    left = f", {number(load.held)} of them still" if load.held != load.rows_quarantined else ""
    said += f", {number(load.rows_quarantined)} held back ({part}){left}."
    return said + (f" From {size(load.size_bytes)}." if load.size_bytes else "")
