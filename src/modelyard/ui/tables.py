"""The screens of tables: the list, and one table: history, rows with what they hold, contract, quarantine in one view.

Rows, columns and held rows have pages of their own; a load has one too.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import Load, LoadState, QuarantinedRow, TableProfile, Version
from modelyard.lake.api import Table as LakeTable
from modelyard.ui import profiles
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.commits import Commit, Strands, strands
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.graphs import Link, Node
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    RefCell,
    Row,
    Rows,
    Table,
    TimeCell,
    ToneCell,
)
from modelyard.ui.lineage import near
from modelyard.ui.listing import ListData, list_page
from modelyard.ui.needs import allowed
from modelyard.ui.people import names
from modelyard.ui.reports import Contracted, contracted
from modelyard.ui.sections import Tabs, tabs
from modelyard.ui.standings import standings

LINES = "yard lake load trips trips.csv --source trips.csv\nyard lake tables\nyard lake preview trips"
_WAYS = (("Loads", "/loads", "load"), ("SQL", "/sql", "code"), ("Upkeep", "/upkeep", "gear"))
_AT_ONCE = 400_000
"""Rows up to which a table is profiled while its page is made; above, the page asks for it once it stands."""
_HELD, _LOADS, _ROWS, _WINDOW = 7, 20, 14, 60


class Step(Struct, frozen=True):
    """One version of a table in its history."""

    version: int
    ref: str
    href: str
    words: str
    who: str
    machine: bool
    at: datetime
    added: int
    removed: int
    rows: int
    here: bool
    schema: bool
    branch: str = "main"
    parent: int | None = None


class TableData(Struct, frozen=True):
    """One table in one view; `profiled` is False where its profile is still to come."""

    table: LakeTable
    newest: bool
    tabs: Tabs
    preview: Table
    profiled: bool
    history: tuple[Step, ...]
    strands: Strands
    before: int | None
    contract: Contracted
    held: tuple[QuarantinedRow, ...]
    loads: Table
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


class RowsData(Struct, frozen=True):
    """Rows of a table, a window at a time; `fault` says what is wrong with the filter."""

    table: LakeTable
    tabs: Tabs
    rows: Table
    where: str
    fault: str
    clear: str


class Origin(Struct, frozen=True):
    """What a column was made from, by the query that made it; `sources` are refs with the column's name there."""

    column: str
    expression: str
    sources: tuple[tuple[str, str], ...]


class ColumnsData(Struct, frozen=True):
    """The columns of a table and what they hold; `origins` are empty where no query made it, `made` is that version."""

    table: LakeTable
    tabs: Tabs
    columns: tuple[profiles.ColumnShown, ...]
    origins: tuple[Origin, ...]
    made: str


def screens() -> Screens:
    """The pages of tables."""
    mine = Screens("tables")
    mine.page("/tables", template="pages/list.html", nav="tables")(_list)
    mine.page("/tables/{name}", template="pages/table.html", nav="tables")(_one)
    mine.page("/tables/{name}/rows", template="pages/rows.html", nav="tables")(_rows)
    mine.page("/tables/{name}/columns", template="pages/columns.html", nav="tables")(_columns)
    mine.feed("/tables/{name}/window")(_window)
    mine.form("/tables/{name}/check")(_check)

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:
        found = slices(calls).lake.tables(limit=100).items
        return [
            Found(t.name, f"/tables/{t.name}", f"table · {plural(t.rows, 'row')}", "table")
            for t in found
            if all(word in t.name.lower() for word in words.lower().split())
        ]

    return mine


def _list(calls: PageCalls, ask: Ask) -> Page:
    hub = slices(calls)
    page, standing = hub.lake.tables(cursor=ask.text("after") or None, limit=60), standings(hub)
    columns = (
        Column("name", "Table"), Column("version", "Version", Kind.COUNT), Column("rows", "Rows", Kind.COUNT),
        Column("columns", "Columns", Kind.COUNT), Column("size", "Size", Kind.SIZE),
        Column("keys", "A row is named by", Kind.CODE), Column("contract", "Contract"),
        Column("held", "Held back", Kind.COUNT), Column("says", "Description"), Column("at", "Changed", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(f"table:{t.name}", bare=True), t.version, t.rows, len(t.columns), t.size_bytes,
                ", ".join(t.keys) or NONE, standing.get(t.name, NONE),
                ToneCell(t.quarantined, "warn") if t.quarantined else 0, t.description[:120] or NONE,
                TimeCell(from_ms(t.updated_ms)),
            ),
            key=t.name, href=f"/tables/{t.name}", ref=str(t.ref),
        )
        for t in page.items
    )  # fmt: skip
    held = sum(t.quarantined for t in page.items)
    told = f"{plural(len(rows), 'table')}, {plural(sum(t.rows for t in page.items), 'row')}"
    said = f"{told}; {plural(held, 'row waits', 'rows wait')} in quarantine." if held else f"{told}; none held back."
    table = Table("tables", "Tables", columns, rows, next=page.next or "")
    state = said if rows else "No table yet."
    return list_page(
        ListData("Tables", state, table, "No table yet", LINES, ways=_WAYS),
        Foot("GET /v1/tables", "yard lake tables", "yard.lake.tables()"),
    )


def _profile(hub: Slices, table: LakeTable, at: str | None) -> TableProfile | None:
    return allowed(lambda: hub.lake.profile(table.name, at=at)) if table.rows else None


def _one(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["name"]
    lake, at = hub.lake, ask.text("version") or None
    table = lake.table(name, at=at)
    shown = lake.preview(name, at=at, limit=_ROWS)
    small = table.rows <= _AT_ONCE or ask.text("profile") == "yes"
    profile = _profile(hub, table, at) if small else None
    preview = Table(
        "preview", f"Rows of {name}", profiles.heads(shown.columns, profile), profiles.rows(shown.rows),
        total=shown.total,
    )  # fmt: skip
    loads = lake.loads(table=name, limit=_LOADS).items
    steps, drawn = _history(calls, table)
    nodes, links = near(hub, str(table.ref))
    data = TableData(
        table, at is None, tabs(table, "Overview", at), preview, small, steps, drawn,
        next((s.parent for s in steps if s.here), None),
        contracted(hub, name), _held(hub, loads), _loads(loads), nodes, links,
    )  # fmt: skip
    foot = Foot(f"GET /v1/tables/{name}", f"yard lake table {name}", f"yard.lake.table({name!r})")
    return Page(name, data, (Crumb("Tables", "/tables"), Crumb(name)), foot)


def _history(calls: PageCalls, table: LakeTable) -> tuple[tuple[Step, ...], Strands]:
    found = slices(calls).lake.history(table.name, every=True, limit=60).items
    called = names(calls)
    steps = []
    known = {v.version: v for v in found}
    for v in found:
        older = known.get(v.parent) if v.parent is not None else None
        who = called.get(str(v.author), "")
        steps.append(
            Step(
                v.version, str(v.ref), f"/tables/{table.name}?version={v.version}", _words(v), who or "yard", not who,
                from_ms(v.at_ms), v.rows_added, v.rows_removed, v.rows, v.version == table.version,
                older is not None and older.schema_hash != v.schema_hash, v.branch, v.parent,
            )
        )  # fmt: skip
    commits = [Commit(v.version, v.branch, v.parent, v.merged) for v in found]
    return tuple(steps), strands(commits)


def _words(version: Version) -> str:
    return version.message or version.operation


def _held(hub: Slices, loads: list[Load]) -> tuple[QuarantinedRow, ...]:
    held: list[QuarantinedRow] = []
    for load in loads:
        if load.held and len(held) < _HELD:
            found = allowed(partial(hub.lake.quarantine, load.id, limit=_HELD - len(held)))
            held += found.items if found else ()
    return tuple(held)


def _loads(found: list[Load]) -> Table:
    columns = (
        Column("source", "Source"), Column("state", "State"), Column("in", "Rows in", Kind.COUNT),
        Column("taken", "Loaded", Kind.COUNT), Column("held", "Quarantined", Kind.COUNT),
        Column("rate", "Rows/s", Kind.COUNT), Column("version", "Version"), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(load.source, f"/loads/{load.id}"),
                MarkCell("ok" if load.state is LoadState.DONE else "bad", load.state.value), load.rows_in,
                load.rows_loaded, ToneCell(load.rows_quarantined, "warn") if load.rows_quarantined else 0,
                round(load.rows_in / load.took_ms * 1000) if load.took_ms else NONE,
                NONE if load.version is None else RefCell(f"table:{load.table}@{load.version}", bare=True),
                TimeCell(from_ms(load.started_ms)),
            ),
            key=str(load.id), href=f"/loads/{load.id}", ref=f"load:{load.id}",
        )
        for load in found
    )  # fmt: skip
    return Table("loads", "Loads", columns, rows)


def _asked(ask: Ask) -> tuple[str | None, str | None, bool, str | None]:
    """Version, column to sort by, downwards or not, condition."""
    sort = ask.text("sort")
    return (
        ask.text("version") or None,
        sort.lstrip("-") or None,
        sort.startswith("-"),
        ask.text("where").strip() or None,
    )


def _rows(calls: PageCalls, ask: Ask) -> Page:
    lake, name = slices(calls).lake, ask.params["name"]
    at, sort, down, where = _asked(ask)
    table, fault, found, first = lake.table(name, at=at), "", None, ask.number("after", 0, high=2**53)
    try:
        found = lake.preview(name, at=at, offset=first, limit=_WINDOW, sort=sort, descending=down, where=where)
    except InvalidInput as refused:
        fault = refused.detail
    columns = found.columns if found else table.columns
    rows = profiles.rows(found.rows, first) if found else ()
    total = found.total if found else 0
    after = str(first + len(rows)) if first + len(rows) < total else ""
    query = ask.url(after=None).partition("?")[2]
    shown = Table(
        "rows", f"Rows of {name}", profiles.heads(columns, None, sortable=True), rows,
        source=f"/tables/{name}/window" + ("?" + query if query else ""), next=after, sort=ask.text("sort"),
        total=total,
    )  # fmt: skip
    data = RowsData(table, tabs(table, "Rows", at), shown, where or "", fault, ask.url(where=None, after=None))
    foot = Foot(
        f"GET /v1/tables/{name}/preview", f"yard lake preview {name}" + (f" --where {where!r}" if where else ""),
        f"yard.lake.preview({name!r})",
    )  # fmt: skip
    return Page(
        f"Rows of {name}", data, (Crumb("Tables", "/tables"), Crumb(name, f"/tables/{name}"), Crumb("Rows")), foot
    )


def _window(calls: PageCalls, ask: Ask) -> Rows:
    """Further rows, as the windowed table asks for them while a reader scrolls."""
    at, sort, down, where = _asked(ask)
    first, name = ask.number("after", 0, high=2**53), ask.params["name"]
    found = slices(calls).lake.preview(
        name, at=at, offset=first, limit=200, sort=sort, descending=down, where=where
    )  # fmt: skip
    rows = profiles.rows(found.rows, first)
    last = first + len(rows)
    return Rows(rows, str(last) if rows and last < found.total else "", found.total)


def _columns(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["name"]
    at = ask.text("version") or None
    table = hub.lake.table(name, at=at)
    shown = profiles.shown(table.columns, table.keys, _profile(hub, table, at))
    origins, made = _origins(hub, name, at)
    data = ColumnsData(table, tabs(table, "Columns", at), shown, origins, made)
    foot = Foot(f"GET /v1/tables/{name}/profile", f"yard lake profile {name}", f"yard.lake.profile({name!r})")
    crumbs = (Crumb("Tables", "/tables"), Crumb(name, f"/tables/{name}"), Crumb("Columns"))
    return Page(f"Columns of {name}", data, crumbs, foot)


def _origins(hub: Slices, name: str, at: str | None) -> tuple[tuple[Origin, ...], str]:
    """From which stored columns each column came, and the version whose query says so."""
    try:
        found = allowed(lambda: hub.lake.column_lineage(name, at=at))
    except NotFound:
        return (), ""
    if found is None:
        return (), ""
    origins = (Origin(c.column, c.expression, tuple((str(s.ref), s.column) for s in c.sources)) for c in found.columns)
    return tuple(origins), str(found.ref)


def _check(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    try:
        report = slices(calls).quality.check(name)
    except NotFound:
        return Done(f"/tables/{name}/contract", "It has no contract yet", "Declare one here.", tone="warn")
    failed = sum(r.failed > 0 for r in report.results)
    said = f"{plural(failed, 'check is', 'checks are')} broken" if failed else "Every check holds"
    return Done(f"/tables/{name}", said, f"of {plural(report.rows, 'row')}", tone="warn" if failed else "ok")
