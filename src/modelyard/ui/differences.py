"""The screen of a difference: two versions of a table, their columns and their rows, page by page."""

from __future__ import annotations

from msgspec import Struct

from modelyard.lake.api import CellChange, Difference, RowChange, RowFate
from modelyard.lake.api import Table as LakeTable
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.profiles import text_of
from modelyard.ui.sections import Tabs, tabs, version_choice

_PAGE = 60
_SIGN = {RowFate.ADDED: "+", RowFate.REMOVED: "−", RowFate.CHANGED: "~"}


class ChangedCell(Struct, frozen=True):
    """A value before and after."""

    column: str
    old: str
    new: str


class ChangedRow(Struct, frozen=True):
    """A row that differs; `values` are all of one that came or went."""

    sign: str
    fate: str
    key: str
    cells: tuple[ChangedCell, ...]
    values: tuple[tuple[str, str], ...]


class DiffData(Struct, frozen=True):
    """How two versions differ; `schema` are lines such as `+ fare float64`."""

    table: LakeTable
    tabs: Tabs
    base: str
    target: str
    sentence: str
    found: Difference
    schema: tuple[tuple[str, str, str], ...]
    rows: tuple[ChangedRow, ...]
    choices: tuple[tuple[str, str], ...]


def screens() -> Screens:
    """The page of a difference."""
    mine = Screens("differences")
    mine.page("/tables/{name}/diff", template="pages/diff.html", nav="tables")(_diff)
    return mine


def _diff(calls: PageCalls, ask: Ask) -> Page:
    lake, name = slices(calls).lake, ask.params["name"]
    table = lake.table(name)
    history = lake.history(name, every=True, limit=100).items
    before = next((v.parent for v in history if v.version == table.version), None) or table.version
    base, target = ask.text("base") or str(before), ask.text("target") or str(table.version)
    found = lake.diff(name, base, target, cursor=ask.text("after") or None, limit=_PAGE)
    choices = tuple(map(version_choice, history))
    data = DiffData(
        table, tabs(table, "Difference"), base, target, _said(found), found, _schema(found),
        tuple(_row(row) for row in found.rows), choices,
    )  # fmt: skip
    foot = Foot(
        f"GET /v1/tables/{name}/diff?base={base}&target={target}", f"yard lake diff {name} {base} --target {target}",
        f"yard.lake.diff({name!r}, {base!r}, {target!r})",
    )  # fmt: skip
    crumbs = (Crumb("Tables", "/tables"), Crumb(name, f"/tables/{name}"), Crumb(f"{base} → {target}"))
    return Page(f"{name}: {base} → {target}", data, crumbs, foot)


def _said(found: Difference) -> str:
    if not (found.added or found.removed or found.changed):
        return "No row differs."
    by = "its key" if not any(column.startswith("_") for column in found.by) else "where they came from"
    parts = (f"{found.added:,} added", f"{found.removed:,} removed", f"{found.changed:,} changed")
    return f"{', '.join(parts)}; rows are paired by {by} ({', '.join(found.by)})."


def _schema(found: Difference) -> tuple[tuple[str, str, str], ...]:
    lines = [("+", c.name, c.type) for c in found.columns.added]
    lines += [("−", c.name, c.type) for c in found.columns.removed]
    for change in found.columns.changed:
        said = f"{change.old.type} → {change.new.type}" if change.old.type != change.new.type else "says something else"
        lines.append(("~", change.name, said))
    if found.columns.old_keys != found.columns.new_keys:
        old, new = (", ".join(keys) or "none" for keys in (found.columns.old_keys, found.columns.new_keys))
        lines.append(("~", "key", f"{old} → {new}"))
    return tuple(lines)


def _row(row: RowChange) -> ChangedRow:
    key = ", ".join(f"{name} {text_of(value)}" for name, value in row.key.items())
    values = tuple((name, text_of(value)) for name, value in row.row.items() if name not in row.key)
    return ChangedRow(_SIGN[row.fate], row.fate.value, key, tuple(_cell(c) for c in row.cells), values)


def _cell(cell: CellChange) -> ChangedCell:
    return ChangedCell(cell.column, text_of(cell.old), text_of(cell.new))
