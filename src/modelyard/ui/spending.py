"""The screen of cost: what was spent, by step, endpoint and day, and how budgets stand."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from modelyard.cost.api import Budget, By, Level, Spending
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, Cell, Column, Kind, MarkCell, Row, Table

_LEVEL = {Level.WITHIN: "ok", Level.WARNED: "warn", Level.SPENT: "bad"}


class CostData(Struct, frozen=True):
    """What was spent."""

    sentence: str
    spent: Spending
    budgets: Table
    steps: Table
    endpoints: Table
    days: Table


def screens() -> Screens:
    """The page of cost."""
    mine = Screens("cost")
    mine.page("/cost", template="pages/cost.html", nav="cost")(_cost)
    return mine


def _cost(calls: PageCalls, ask: Ask) -> Page:  # noqa: ARG001 - every page is called alike
    cost = slices(calls).cost
    spent, budgets = cost.spent(), cost.budgets()
    bad = sum(b.level is not Level.WITHIN for b in budgets)
    said = f"{spent.cost} spent in all" if spent.rows else "Nothing was spent yet"
    said += f"; {plural(bad, 'budget needs', 'budgets need')} a look." if bad else "; no budget is strained."
    data = CostData(
        said, spent, _budgets(budgets), _used("Step", cost.usage(By.STEP, limit=30)),
        _used("Endpoint", cost.usage(By.ENDPOINT, limit=30)), _used("Day", cost.usage(By.DAY, limit=31)),
    )  # fmt: skip
    foot = Foot("GET /v1/usage?by=step", "yard cost usage --by step", "yard.cost.usage('step')")
    return Page("Cost", data, (Crumb("Cost"),), foot)


def _used(head: str, found: Sequence[Spending]) -> Table:
    serves = head == "Endpoint"
    columns = (
        Column("name", head), Column("usd", "Cost", Kind.MONEY), Column("cpu", "CPU", Kind.DURATION),
        Column("gpu", "GPU", Kind.DURATION), Column("energy", "Energy", Kind.ENERGY),
        *((Column("n", "Predictions", Kind.COUNT), Column("per", "Per 1,000", Kind.MONEY)) if serves else ()),
    )  # fmt: skip
    rows = []
    for one in found:
        if not one.name:
            continue
        used, each = one.amounts, one.per_thousand_predictions
        cells: tuple[Cell, ...] = (one.name, one.cost.micros / 1e6, used.cpu_s, used.gpu_s, used.energy_wh)
        if serves:
            cells += (used.predictions, NONE if each is None else each.micros / 1e6)
        rows.append(Row(cells, key=one.name))
    return Table(f"by-{head.lower()}", f"By {head.lower()}", columns, tuple(rows))


def _budgets(found: Sequence[Budget]) -> Table:
    columns = (
        Column("name", "Budget"), Column("state", "State"), Column("for", "Covers"), Column("period", "Each"),
        Column("limit", "Limit", Kind.MONEY), Column("spent", "Spent", Kind.MONEY),
        Column("share", "Share", Kind.SHARE), Column("then", "Once spent"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                b.name, MarkCell(_LEVEL[b.level], b.level.value, min(b.share, 1.0)), b.flow or "everything",
                b.period.value, b.limit.micros / 1e6, b.spent.micros / 1e6, b.share,
                "refuses flow runs" if b.stops else "only warns",
            ),
            key=b.name,
        )
        for b in found
    )  # fmt: skip
    return Table("budgets", "Budgets", columns, rows)
