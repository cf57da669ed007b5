"""The screen of rows that both sides of a merge changed: each with its value before, there, and on the branch."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from modelyard.lake.api import Cell, RowConflict
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import number, plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.profiles import text_of

_PAGE = 60
_ABSENT = "no such row"


class Disputed(Struct, frozen=True):
    """A value that the two sides see differently, and what it was before both; says so where there is no such row."""

    column: str
    base: str
    ours: str
    theirs: str


class DisputedRow(Struct, frozen=True):
    """A row in conflict."""

    key: str
    cells: tuple[Disputed, ...]


class ConflictsData(Struct, frozen=True):
    """Rows of one table in conflict, a page of them."""

    branch: str
    into: str
    table: str
    sentence: str
    rows: tuple[DisputedRow, ...]
    next: str
    plan: tuple[tuple[str, str, str], ...]


def screens() -> Screens:
    """The page of conflicts."""
    mine = Screens("conflicts")
    mine.page("/branches/{branch}/conflicts/{table}", template="pages/conflicts.html", nav="branches")(_rows)
    return mine


def _rows(calls: PageCalls, ask: Ask) -> Page:
    lake, branch, table = slices(calls).lake, ask.params["branch"], ask.params["table"]
    into = ask.text("into") or "main"
    page = lake.conflicts(branch, table, into=into, cursor=ask.text("after") or None, limit=_PAGE)
    count = next((m.conflicts for m in lake.compare(branch, into=into).tables if m.table == table), len(page.items))
    rows = tuple(disputed(row) for row in page.items)
    said = f"{plural(count, 'row')} of {table} changed on {branch} and on {into}, differently."
    if not rows:
        said = f"No row of {table} is in conflict."
    data = ConflictsData(
        branch, into, table, said, rows, page.next or "",
        (("~", f"table {table}", f"{number(count)} rows in conflict go as you choose; all else is joined by key"),),
    )  # fmt: skip
    foot = Foot(
        f"GET /v1/branches/{branch}/conflicts?table={table}", f"yard lake conflicts {branch} {table}",
        f"yard.lake.conflicts({branch!r}, {table!r})",
    )  # fmt: skip
    crumbs = (Crumb("Branches", "/branches"), Crumb(branch, f"/branches/{branch}"), Crumb(f"conflicts of {table}"))
    return Page(f"Conflicts of {table}", data, crumbs, foot)


def disputed(row: RowConflict) -> DisputedRow:
    """A row's columns on which the sides differ."""
    sides = (row.base, row.ours, row.theirs)
    columns = dict.fromkeys(name for side in sides if side is not None for name in side if name not in row.key)
    cells = tuple(
        Disputed(name, *(_value(side, name) for side in sides))
        for name in columns
        if _value(row.ours, name) != _value(row.theirs, name)
    )
    key = ", ".join(f"{name} {text_of(value)}" for name, value in row.key.items())
    return DisputedRow(key, cells)


def _value(side: Mapping[str, Cell] | None, column: str) -> str:
    return _ABSENT if side is None else text_of(side.get(column))
