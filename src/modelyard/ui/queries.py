"""The screen of SQL: one SELECT over the lake, its rows, its plan, what runs now, and the answer kept as a table."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, NotFound, YardError
from modelyard.lake.api import READS_KEY, Mode
from modelyard.ui import streams
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Column, Kind, Row, Table, TimeCell
from modelyard.ui.needs import allowed

SHOWN, LONG = 500, 20_000
"""Rows of an answer that are shown; characters of a query."""


class SqlData(Struct, frozen=True):
    """A query and what became of it; `fault` is why there is no answer."""

    query: str
    at: str
    answer: Table | None
    cut: bool
    plan: str
    reads: tuple[str, ...]
    fault: str
    running: Table
    tables: tuple[tuple[str, str], ...]


def screens() -> Screens:
    """The page of SQL and its forms."""
    mine = Screens("sql")
    mine.page("/sql", template="pages/sql.html", nav="sql")(_page)
    mine.form("/sql/keep")(_keep)
    mine.form("/sql/running/{query}/cancel")(_cancel)
    return mine


def _page(calls: PageCalls, ask: Ask) -> Page:
    hub = slices(calls)
    query, at = ask.text("q").strip()[:LONG], ask.text("at").strip()
    answer, plan, fault = None, "", ""
    if query:
        try:
            answer = streams.read(hub.lake.sql(query, at=at or None), most=SHOWN)
            plan = hub.lake.explain(query, at=at or None).text
        except YardError as refused:
            fault = refused.detail
    found = allowed(lambda: hub.lake.tables(limit=100).items) or []
    tables = tuple((t.name, ", ".join(c.name for c in t.columns)[:400]) for t in found)
    data = SqlData(
        query, at, streams.shown(answer, "answer", "Answer") if answer else None, bool(answer and answer.cut), plan,
        tuple(answer.metadata.get(READS_KEY, "").split()) if answer else (), fault, _running(hub), tables,
    )  # fmt: skip
    foot = Foot("POST /v1/sql", f"yard lake sql {query!r}"[:2000], f"yard.lake.sql({query!r})"[:2000])
    return Page("SQL", data, (Crumb("SQL"),), foot)


def _running(hub: Slices) -> Table:
    columns = (
        Column("text", "Query", Kind.CODE), Column("share", "Done", Kind.SHARE), Column("rows", "Rows", Kind.COUNT),
        Column("at", "Began", Kind.TIME), Column("id", "Id", Kind.CODE),
    )  # fmt: skip
    rows = tuple(
        Row(
            (q.text[:160], NONE if q.share is None else q.share, q.rows, TimeCell(from_ms(q.started_ms)), str(q.id)),
            key=str(q.id),
        )
        for q in allowed(hub.lake.queries) or []
    )  # fmt: skip
    return Table("running", "Queries that run now", columns, rows)


def _cancel(calls: PageCalls, ask: Ask) -> Done:
    gone = slices(calls).lake.cancel_query(ask.params["query"])
    return Done("/sql", "The query is cancelled", gone.text[:100])


def _keep(calls: PageCalls, ask: Ask) -> Done:
    """Ask again and keep the whole answer as a version of a table, with what each of its columns was made from."""
    lake, name = slices(calls).lake, ask.form.get("name", "").strip()
    query, at = ask.form.get("q", "").strip(), ask.form.get("at", "").strip() or None
    if not name or not query:
        raise InvalidInput("name the table that the answer is to become, and ask something")
    try:
        lake.table(name)
        mode = Mode.OVERWRITE
    except NotFound:
        mode = Mode.CREATE
    if mode is Mode.OVERWRITE and not ask.form.get("replace"):
        raise InvalidInput(f"there is a table {name} already; tick the box to write a new version over its rows")
    made = lake.create_as(name, query, mode=mode, at=at, message=f"from SQL: {query[:160]}")
    read = ", ".join(str(ref) for ref in made.reads)
    return Done(f"/tables/{name}", f"{plural(made.rows, 'row')} kept as {made.ref}", f"read from {read}")
