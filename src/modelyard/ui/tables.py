"""The screens of the lake: the list of tables, and one table with its rows, columns, history and loads."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.lake.api import Table as LakeTable
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import NONE, NULL, Cell, Column, Kind, MarkCell, RefCell, Row, Table, TimeCell, ToneCell
from modelyard.ui.listing import ListData, list_page

Value = bool | int | float | str | None
_NUMBERS = ("int", "float", "decimal")
LINES = "yard lake load trips trips.csv --source trips.csv\nyard lake tables\nyard lake preview trips"


class TableData(Struct, frozen=True):
    """One table."""

    table: LakeTable
    preview: Table
    columns: Table
    history: Table
    loads: Table


def screens() -> Screens:
    """The pages of tables."""
    mine = Screens("tables")
    mine.page("/tables", template="pages/list.html", nav="tables")(_list)
    mine.page("/tables/{name}", template="pages/table.html", nav="tables")(_one)

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
    page = slices(calls).lake.tables(cursor=ask.text("after") or None, limit=60)
    columns = (
        Column("name", "Table"), Column("version", "Version", Kind.COUNT), Column("rows", "Rows", Kind.COUNT),
        Column("columns", "Columns", Kind.COUNT), Column("size", "Size", Kind.SIZE),
        Column("held", "Held back", Kind.COUNT), Column("at", "Changed", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(f"table:{t.name}", bare=True), t.version, t.rows, len(t.columns), t.size_bytes,
                ToneCell(t.quarantined, "warn") if t.quarantined else 0, TimeCell(from_ms(t.updated_ms)),
            ),
            key=t.name, href=f"/tables/{t.name}", ref=str(t.ref),
        )
        for t in page.items
    )  # fmt: skip
    held = sum(t.quarantined for t in page.items)
    said = f"{plural(held, 'row waits', 'rows wait')} in quarantine." if held else "No row waits in quarantine."
    table = Table("tables", "Tables", columns, rows, next=page.next or "")
    state = said if rows else "No table yet."
    return list_page(
        ListData("Tables", state, table, "No table yet", LINES),
        Foot("GET /v1/tables", "yard lake tables", "yard.lake.tables()"),
    )


def _one(calls: PageCalls, ask: Ask) -> Page:
    lake, name = slices(calls).lake, ask.params["name"]
    at = ask.text("version") or None
    table = lake.table(name, at=at)
    shown = lake.preview(name, at=at, limit=14)
    heads = tuple(
        Column(c.name, c.name, Kind.NUMBER if c.type.startswith(_NUMBERS) else Kind.TEXT) for c in shown.columns
    )
    preview = Table("preview", f"Rows of {name}", heads, _cells(shown.rows), total=shown.total)
    columns = Table(
        "columns", "Columns", (Column("name", "Name", Kind.CODE), Column("type", "Type"), Column("null", "Nulls")),
        tuple(Row((c.name, c.type, "allowed" if c.nullable else "never"), key=c.name) for c in table.columns),
    )  # fmt: skip
    data = TableData(table, preview, columns, _history(calls, name), _loads(calls, name))
    foot = Foot(f"GET /v1/tables/{name}", f"yard lake table {name}", f"yard.lake.table({name!r})")
    return Page(name, data, (Crumb("Tables", "/tables"), Crumb(name)), foot)


def _cells(rows: list[list[Value]]) -> tuple[Row, ...]:
    def cell(value: Value) -> Cell:
        return NULL if value is None else str(value).lower() if isinstance(value, bool) else value

    return tuple(Row(tuple(cell(v) for v in row)) for row in rows)


def _history(calls: PageCalls, name: str) -> Table:
    found = slices(calls).lake.history(name, limit=20)
    columns = (
        Column("version", "Version"), Column("what", "What"), Column("added", "Added", Kind.COUNT),
        Column("removed", "Removed", Kind.COUNT), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                RefCell(str(v.ref), bare=True), v.message or v.operation, v.rows_added, v.rows_removed,
                TimeCell(from_ms(v.at_ms)),
            ),
            key=str(v.version), ref=str(v.ref),
        )
        for v in found.items
    )  # fmt: skip
    return Table("history", "Versions", columns, rows)


def _loads(calls: PageCalls, name: str) -> Table:
    found = slices(calls).lake.loads(table=name, limit=20)
    columns = (
        Column("source", "Source"), Column("state", "State"), Column("in", "Rows in", Kind.COUNT),
        Column("taken", "Loaded", Kind.COUNT), Column("held", "Quarantined", Kind.COUNT),
        Column("version", "Version", Kind.COUNT), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                load.source, MarkCell("ok" if load.state.value == "done" else "bad", load.state.value), load.rows_in,
                load.rows_loaded, load.rows_quarantined, NONE if load.version is None else load.version,
                TimeCell(from_ms(load.started_ms)),
            ),
            key=str(load.id),
        )
        for load in found.items
    )  # fmt: skip
    return Table("loads", "Loads", columns, rows)
