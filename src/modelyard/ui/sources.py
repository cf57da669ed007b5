"""The screens of sources: what fills tables from elsewhere, and where rows wait or leave: pushes and sinks.

One source shows what it would give, how far it was read, its last loads; a pull tells how far it is while it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput, YardError
from modelyard.lake.api import Backlog, Drawing, Load, Look, PullMode, Sink, Source
from modelyard.ui import profiles
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import NONE, Column, Kind, LinkCell, MarkCell, RefCell, Row, Table, TimeCell
from modelyard.ui.loads import Running, loads_table, running

MODES = tuple((mode.value, mode.value) for mode in PullMode)
_LOOKED, _SHOWN = 200, 20


class SourcesData(Struct, frozen=True):
    """All sources and sinks, the pulls that run now, and what was pushed and is not yet in its table."""

    sentence: str
    running: tuple[Running, ...]
    sources: Table
    waiting: Table
    sinks: Table
    modes: tuple[tuple[str, str], ...]


class SourceData(Struct, frozen=True):
    """One source; `look` is what it would give, where that was asked for, `fault` why it could not be seen."""

    source: Source
    sentence: str
    pulled: datetime | None
    facts: tuple[tuple[str, str], ...]
    loads: Table
    look: Look | None
    first: Table | None
    streams: Table | None
    fault: str
    modes: tuple[tuple[str, str], ...]


def screens() -> Screens:
    """The pages of sources and their forms."""
    mine = Screens("sources")
    mine.page("/sources", template="pages/sources.html", nav="sources")(_all)
    mine.page("/sources/{name}", template="pages/source.html", nav="sources")(_one)
    mine.form("/sources/declare")(_declare)
    mine.form("/sources/{name}/seal")(_seal)
    mine.form("/sources/{name}/pull")(_pull)
    mine.form("/sources/{name}/remove")(_remove)
    mine.form("/pushes/flush")(_flush)
    mine.form("/sinks/{name}/deliver")(_deliver)

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:
        return [
            Found(s.name, f"/sources/{s.name}", f"source of {s.table}", "load")
            for s in slices(calls).lake.sources()
            if all(word in s.name.lower() for word in words.lower().split())
        ]

    return mine


def _all(calls: PageCalls, _ask: Ask) -> Page:
    lake = slices(calls).lake
    found, waiting, sinks = lake.sources(), lake.backlog(), lake.sinks(limit=_LOOKED).items
    said = f"{plural(len(found), 'source')} {'fills' if len(found) == 1 else 'fill'} tables"
    said += f", {plural(len(sinks), 'sink')} {'takes' if len(sinks) == 1 else 'take'} them out. "
    said += f"Pushed rows wait for {plural(len(waiting), 'table')}." if waiting else "No pushed row waits."
    data = SourcesData(said, running(slices(calls)), _sources(found), _waiting(waiting), _sinks(sinks), MODES)
    foot = Foot("GET /v1/sources", "yard lake sources", "yard.lake.sources()")
    return Page("Sources", data, (Crumb("Sources"),), foot)


def _sources(found: Sequence[Source]) -> Table:
    columns = (
        Column("name", "Source"), Column("table", "Fills"), Column("address", "From", Kind.CODE),
        Column("stream", "Stream", Kind.CODE), Column("mode", "Mode"), Column("cursor", "Cursor", Kind.CODE),
        Column("position", "Read up to", Kind.CODE), Column("at", "Last pull", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(s.name, f"/sources/{s.name}"), RefCell(f"table:{s.table}", bare=True), s.address[:80],
                s.stream or NONE, s.mode.value, s.cursor or NONE, s.position[:60] or NONE,
                MarkCell("wait", "never") if s.pulled_ms is None else TimeCell(from_ms(s.pulled_ms)),
            ),
            key=s.name, href=f"/sources/{s.name}", ref=f"source:{s.name}",
        )
        for s in found
    )  # fmt: skip
    return Table("sources", "Sources", columns, rows)


def _waiting(found: Sequence[Backlog]) -> Table:
    columns = (
        Column("table", "Table"), Column("size", "Waits on the disk", Kind.SIZE), Column("since", "Since", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row((LinkCell(b.table, f"/tables/{b.table}"), b.size_bytes, TimeCell(from_ms(b.since_ms))), key=b.table)
        for b in found
    )
    return Table("waiting", "Pushed rows that wait", columns, rows)


def _sinks(found: Sequence[Sink]) -> Table:
    columns = (
        Column("name", "Sink", Kind.CODE), Column("table", "Takes"), Column("address", "To", Kind.CODE),
        Column("target", "As", Kind.CODE), Column("way", "How"), Column("version", "Delivered"),
        Column("at", "Declared", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                s.name, RefCell(f"table:{s.table}", bare=True), s.address[:80], s.target or s.table, s.way.value,
                RefCell(f"table:{s.table}@{s.position}", bare=True) if s.position else MarkCell("wait", "nothing yet"),
                TimeCell(from_ms(s.at_ms)),
            ),
            key=s.name, ref=str(s.ref),
        )
        for s in found
    )  # fmt: skip
    return Table("sinks", "Sinks", columns, rows)


# --- one source ------------------------------------------------------------------------------------------------------


def _one(calls: PageCalls, ask: Ask) -> Page:
    lake, name = slices(calls).lake, ask.params["name"]
    source = lake.declared_source(name)
    mine = [load for load in lake.loads(table=source.table, limit=_LOOKED).items if load.origin == name][:_SHOWN]
    look, streams, fault = None, None, ""
    if ask.text("look"):
        try:
            look = lake.look(name, stream=ask.text("stream"), rows=_SHOWN)
            streams = _streams(calls, name)
        except YardError as refused:
            fault = refused.detail
    data = SourceData(
        source, _said(source, mine, ask.now), None if source.pulled_ms is None else from_ms(source.pulled_ms),
        _facts(source), loads_table(mine), look, _first(look) if look else None, streams, fault, MODES,
    )  # fmt: skip
    foot = Foot(
        f"POST /v1/sources/{name}/pulls", f"yard lake pull {name}", f"yard.lake.pull({name!r})",
    )  # fmt: skip
    return Page(name, data, (Crumb("Sources", "/sources"), Crumb(name)), foot)


def _said(source: Source, loads: Sequence[Load], now: datetime) -> str:
    if source.pulled_ms is None:
        return f"It was never pulled; the first pull makes or fills {source.table}."
    ago = duration(max(0.0, (now - from_ms(source.pulled_ms)).total_seconds()))
    rows = sum(load.rows_in for load in loads)
    held = sum(load.rows_quarantined for load in loads)
    said = f"Pulled {ago} ago; {plural(rows, 'row')} in {plural(len(loads), 'load')} of late"
    return said + (f", {plural(held, 'row')} held back." if held else ", none held back.")


def _facts(source: Source) -> tuple[tuple[str, str], ...]:
    drawing = source.drawing
    told = {"address": source.address, "fills": source.table, "mode": source.mode.value}
    told |= {"stream": source.stream, "cursor": source.cursor, "keys": ", ".join(source.keys)}
    told |= {"read up to": source.position, "look back": drawing.look_back, "query": drawing.query}
    told |= {"secret": "kept, sealed" if source.sealed else ""}
    told |= {f"option {key}": value for key, value in drawing.options.items()}
    return tuple((word, value) for word, value in told.items() if value)


def _first(look: Look) -> Table:
    """The first rows of a source under the columns that were inferred."""
    return Table("first", f"First rows of {look.of}", profiles.heads(look.columns, None), profiles.rows(look.rows))


def _streams(calls: PageCalls, name: str) -> Table:
    columns = (
        Column("name", "Stream"), Column("kind", "Kind"), Column("rows", "Rows", Kind.COUNT),
        Column("size", "Size", Kind.SIZE),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                s.name[:200], s.kind, NONE if s.rows is None else s.rows, NONE if s.size_bytes is None else s.size_bytes
            ),
            key=s.name[:200],
        )
        for s in slices(calls).lake.streams(name)[:_LOOKED]
    )  # fmt: skip
    return Table("streams", "What it can be read from", columns, rows)


# --- forms -----------------------------------------------------------------------------------------------------------


def _declare(calls: PageCalls, ask: Ask) -> Done:
    form = {key: value.strip() for key, value in ask.form.items()}
    name, mode = form.get("name", ""), form.get("mode") or PullMode.APPEND.value
    if mode not in {each.value for each in PullMode}:
        raise InvalidInput(f"a pull is one of {', '.join(each.value for each in PullMode)}, not {mode[:40]!r}")
    keys = tuple(key.strip() for key in form.get("keys", "").split(",") if key.strip())
    lake = slices(calls).lake
    before = next((s.drawing for s in lake.sources() if s.name == name), Drawing())
    drawing = Drawing(
        query=form.get("query", ""), look_back=form.get("look_back", ""), options=before.options,
        reading=before.reading, schema=before.schema, load_rows=before.load_rows,
    )  # fmt: skip
    made = lake.declare_source(
        name, form.get("address", ""), form.get("table", ""), stream=form.get("stream", ""), mode=PullMode(mode),
        cursor=form.get("cursor", ""), keys=keys, drawing=drawing,
    )  # fmt: skip
    return Done(f"/sources/{made.name}?look=yes", f"Source {made.name} is declared", "Nothing was read into a table.")


def _seal(calls: PageCalls, ask: Ask) -> Done:
    made = slices(calls).lake.seal_source(ask.params["name"], ask.form.get("secret", ""))
    return Done(f"/sources/{made.name}", "Its secret is kept, sealed", "It is shown to nobody.")


def _pull(calls: PageCalls, ask: Ask) -> Done:
    """Pull and wait for the end; a browser with script follows the live pull instead and never posts this."""
    name = ask.params["name"]
    done = slices(calls).lake.pull(name, branch=ask.form.get("branch", "").strip() or None)
    if not done.loads:
        return Done(f"/sources/{name}", "There was nothing new", f"{plural(done.rows_unchanged, 'row')} were there")
    said = f"{plural(done.rows_loaded, 'row')} of {name} loaded in {duration(done.took_ms / 1000)}"
    held = f"{plural(done.rows_quarantined, 'row')} held back" if done.rows_quarantined else "none held back"
    return Done(f"/sources/{name}", said, held, tone="warn" if done.rows_quarantined else "ok")


def _remove(calls: PageCalls, ask: Ask) -> Done:
    slices(calls).lake.remove_source(ask.params["name"])
    said = f"Source {ask.params['name']} is forgotten, with its secret"
    return Done("/sources", said, "The table stays, with how far it was read.", tone="warn")


def _flush(calls: PageCalls, ask: Ask) -> Done:
    done = slices(calls).lake.flush(ask.form.get("table") or None)
    rows, held = sum(one.rows_loaded for one in done), sum(one.rows_quarantined for one in done)
    said = f"{plural(rows, 'pushed row')} folded into {plural(len(done), 'table')}"
    return Done("/sources", said, f"{held} held back" if held else "", tone="warn" if held else "ok")


def _deliver(calls: PageCalls, ask: Ask) -> Done:
    done = slices(calls).lake.deliver(ask.params["name"])
    said = f"{done.table}@{done.version} delivered to {done.sink}"
    return Done("/sources", said, f"{plural(done.written, 'row')} written, {done.removed:,} removed")
