"""The screen of two profiles: what changed in each column of a table from one version to another, in words first."""

from __future__ import annotations

from msgspec import Struct

from modelyard.lake.api import ColumnComparison, ColumnFate, ColumnProfile, ProfileComparison, Version
from modelyard.lake.api import Table as LakeTable
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import metric, number, share, signed
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import Sketch
from modelyard.ui.profiles import is_number, sketch, text_of
from modelyard.ui.sections import Tabs, tabs, version_choice

_MARK = {
    ColumnFate.ADDED: "run", ColumnFate.REMOVED: "warn", ColumnFate.RETYPED: "warn", ColumnFate.CHANGED: "warn",
    ColumnFate.SAME: "ok",
}  # fmt: skip
_NAMED = 8


class Compared(Struct, frozen=True):
    """One column before and after; `facts` are figures as (word, before, after)."""

    name: str
    fate: str
    state: str
    sentence: str
    before: Sketch | None
    after: Sketch | None
    facts: tuple[tuple[str, str, str], ...]
    came: tuple[str, ...]
    went: tuple[str, ...]


class ComparisonData(Struct, frozen=True):
    """Two versions of a table, column by column; those that changed come first."""

    table: LakeTable
    tabs: Tabs
    base: str
    target: str
    sentence: str
    columns: tuple[Compared, ...]
    same: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]


def screens() -> Screens:
    """The page of a comparison."""
    mine = Screens("comparison")
    mine.page("/tables/{name}/profiles", template="pages/profiles.html", nav="tables")(_compare)
    return mine


def _compare(calls: PageCalls, ask: Ask) -> Page:
    lake, name = slices(calls).lake, ask.params["name"]
    table = lake.table(name)
    history = lake.history(name, every=True, limit=100).items
    base, target = ask.text("base") or _before(history, table), ask.text("target") or str(table.version)
    found = lake.compare_profiles(name, base, target)
    changed = [c for c in found.columns if c.fate is not ColumnFate.SAME]
    data = ComparisonData(
        table, tabs(table, "Columns"), base, target, _said(found), tuple(_column(c) for c in changed),
        tuple(c.name for c in found.columns if c.fate is ColumnFate.SAME), tuple(map(version_choice, history)),
    )  # fmt: skip
    foot = Foot(
        f"GET /v1/tables/{name}/profile-comparison?base={base}&target={target}",
        f"yard lake compare-profiles {name} {base} --target {target}",
        f"yard.lake.compare_profiles({name!r}, {base!r}, {target!r})",
    )  # fmt: skip
    crumbs = (Crumb("Tables", "/tables"), Crumb(name, f"/tables/{name}"), Crumb(f"profiles {base} → {target}"))
    return Page(f"{name}: profiles {base} → {target}", data, crumbs, foot)


def _before(history: list[Version], table: LakeTable) -> str:
    parent = next((v.parent for v in history if v.version == table.version), None)
    return str(parent or table.version)


def _said(found: ProfileComparison) -> str:
    rows = f"{number(found.rows_before)} → {number(found.rows_after)} rows. "
    return rows + (found.sentence or "No column changed in a way worth a word.")


def _column(column: ColumnComparison) -> Compared:
    return Compared(
        column.name, column.fate.value, _MARK[column.fate], column.sentence,
        sketch(column.before) if column.before else None, sketch(column.after) if column.after else None,
        _facts(column), column.new_values[:_NAMED], column.gone_values[:_NAMED],
    )  # fmt: skip


def _facts(column: ColumnComparison) -> tuple[tuple[str, str, str], ...]:
    before, after = column.before, column.after
    told = [("null", _nulls(before), _nulls(after)), ("distinct", _count(before), _count(after))]
    held = after or before
    if held is not None and is_number(held.type):
        told += [("mean", _mean(before), _mean(after)), ("median", _median(before), _median(after))]
    if held is not None and held.low is not None:
        told.append(("range", _range(before), _range(after)))
    if column.shift is not None:
        told.append(("median moved", "", f"{signed(column.shift, 2)} spans between quartiles"))
    return tuple(told)


def _nulls(held: ColumnProfile | None) -> str:
    return "–" if held is None else share(held.nulls / held.rows) if held.rows else "0"


def _count(held: ColumnProfile | None) -> str:
    return "–" if held is None else number(held.distinct)


def _mean(held: ColumnProfile | None) -> str:
    return "–" if held is None else metric(held.mean)


def _median(held: ColumnProfile | None) -> str:
    return "–" if held is None else metric(held.quantiles.get("0.5"))


def _range(held: ColumnProfile | None) -> str:
    return "–" if held is None else f"{text_of(held.low)} to {text_of(held.high)}"
