"""The screen of a table's quarantine: rows that it did not take, and the ways out: mend, replay, drop.

One form holds the rows of one load; a row whose text was changed is mended, one that was only chosen goes as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Load, LoadId, Mend, QuarantinedRow
from modelyard.lake.api import Table as LakeTable
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.sections import Tabs, tabs

_PAGE, _LONG = 40, 4_000
"""Rows shown at once; characters up to which a row can be mended on the page."""


class HeldLoad(Struct, frozen=True):
    """A load with rows in quarantine."""

    id: str
    source: str
    held: int
    at: datetime
    href: str


class QuarantineData(Struct, frozen=True):
    """The held rows of one load of a table; `reasons` says how often each comes in all of the table's."""

    table: LakeTable
    tabs: Tabs
    loads: tuple[HeldLoad, ...]
    current: HeldLoad | None
    rows: tuple[QuarantinedRow, ...]
    reasons: tuple[tuple[str, int], ...]
    next: str
    long: int


def screens() -> Screens:
    """The page of a table's quarantine and its form."""
    mine = Screens("quarantine")
    mine.page("/tables/{name}/quarantine", template="pages/quarantine.html", nav="tables")(_held)
    mine.form("/loads/{load}/settle")(_settle)
    return mine


def _held(calls: PageCalls, ask: Ask) -> Page:
    lake, name = slices(calls).lake, ask.params["name"]
    table = lake.table(name)
    standing = lake.table_quarantine(name)
    asked = ask.text("load")
    current = next((held for held in standing.loads if held.load == asked), next(iter(standing.loads), None))
    found = lake.quarantine(current.load, cursor=ask.text("after") or None, limit=_PAGE) if current else None
    rows = tuple(found.items) if found else ()
    loads = tuple(
        HeldLoad(
            str(held.load), held.source, held.held, from_ms(held.at_ms), f"/tables/{name}/quarantine?load={held.load}"
        )
        for held in standing.loads
    )  # fmt: skip
    shown = next((one for one in loads if current and one.id == current.load), None)
    data = QuarantineData(
        table, tabs(table, "Quarantine"), loads, shown, rows,
        tuple((reason.reason, reason.rows) for reason in standing.reasons[:8]),
        found.next or "" if found else "", _LONG,
    )  # fmt: skip
    which = current.load if current else "LOAD"
    foot = Foot(
        f"GET /v1/loads/{which}/quarantine", f"yard lake quarantine {which}", f"yard.lake.quarantine({str(which)!r})"
    )  # fmt: skip
    crumbs = (Crumb("Tables", "/tables"), Crumb(name, f"/tables/{name}"), Crumb("Quarantine"))
    return Page(f"Quarantine of {name}", data, crumbs, foot)


def _settle(calls: PageCalls, ask: Ask) -> Done:
    lake = slices(calls).lake
    load = lake.load_record(LoadId(ask.params["load"]))
    road = f"/tables/{load.table}/quarantine?load={load.id}"
    if ask.form.get("do") == "all":
        return _told(lake.replay(load.id), load, road)
    chosen, mends = _chosen(ask.form), _mends(ask.form, lake.quarantine(load.id, limit=1000).items)
    if ask.form.get("do") == "drop":
        reason = ask.form.get("reason", "").strip()
        if not reason:
            raise InvalidInput("say why these rows are given up; the reason is kept with them")
        if not chosen:
            raise InvalidInput("no row was chosen; tick the rows to give up")
        lake.drop_rows(load.id, reason, rows=chosen)
        return Done(road, f"Gave up {plural(len(chosen), 'row')}", reason)
    asis = tuple(row for row in chosen if row not in {mend.row for mend in mends})
    if not asis and not mends:
        raise InvalidInput("no row was chosen or changed; tick rows, or mend their text, then replay")
    return _told(lake.replay(load.id, mends=mends, rows=asis), load, road)


def _told(done: Load, load: Load, road: str) -> Done:
    said = f"{plural(done.rows_loaded, 'row')} of {load.table} taken"
    left = f"{plural(done.rows_quarantined, 'row')} still break a rule" if done.rows_quarantined else "None came back."
    return Done(road, said, left, tone="warn" if done.rows_quarantined else "ok")


def _number(field: str) -> int | None:
    text = field.partition("-")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _chosen(form: Mapping[str, str]) -> tuple[int, ...]:
    found = (_number(field) for field in form if field.startswith("pick-"))
    return tuple(sorted(row for row in found if row is not None))


def _mends(form: Mapping[str, str], held: list[QuarantinedRow]) -> tuple[Mend, ...]:
    """Rows whose text is another than the one that is held."""
    before = {row.row: row.raw for row in held}
    mends = []
    for field, text in form.items():
        row = _number(field) if field.startswith("raw-") else None
        if row is not None and row in before and _plain(text) != _plain(before[row]):
            mends.append(Mend(row=row, raw=text))
    return tuple(mends)


def _plain(text: str) -> str:
    """A text as a form sends it back: line ends alike."""
    return text.replace("\r\n", "\n").rstrip("\n")
