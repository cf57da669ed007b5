"""Rows of cost: usage as it was noted, with what it cost then; prices that were set; budgets."""

from __future__ import annotations

import sqlalchemy as sa
from msgspec import Struct

from modelyard.cost.api import Amounts, By, Period, Unit, UsageKind, UsedBy
from modelyard.ports.database import Migration, Row, Statement, Transaction, upsert

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="cost",
        number=1,
        name="usage",
        ddl=(
            """CREATE TABLE cost_usage (
                source {text} PRIMARY KEY, at_ms {int} NOT NULL, kind {text} NOT NULL, flow {text} NOT NULL,
                run {text} NOT NULL, step {text} NOT NULL, model {text} NOT NULL, endpoint {text} NOT NULL,
                wall_s {real} NOT NULL, cpu_s {real} NOT NULL, gpu_s {real} NOT NULL, gib_s {real} NOT NULL,
                stored_gib_h {real} NOT NULL, energy_wh {real} NOT NULL, predictions {int} NOT NULL,
                micros {real} NOT NULL)""",
            "CREATE INDEX cost_usage_at ON cost_usage (at_ms)",
            "CREATE INDEX cost_usage_flow ON cost_usage (flow, at_ms)",
            "CREATE TABLE cost_price (unit {text} PRIMARY KEY, usd {real} NOT NULL)",
            """CREATE TABLE cost_budget (
                name {text} PRIMARY KEY, usd {real} NOT NULL, period {text} NOT NULL, flow {text} NOT NULL,
                warn_share {real} NOT NULL, stops {int} NOT NULL, told {text} NOT NULL,
                told_since_ms {int} NOT NULL)""",
        ),
    ),
)

_WHOSE = ("flow", "run", "step", "model", "endpoint")
_AMOUNTS = ("wall_s", "cpu_s", "gpu_s", "gib_s", "stored_gib_h", "energy_wh", "predictions")
_BUDGET = ("name", "usd", "period", "flow", "warn_share", "stops", "told", "told_since_ms")
_usage = sa.table(
    "cost_usage", *map(sa.column, ("source", "at_ms", "kind")), *map(sa.column, (*_WHOSE, *_AMOUNTS, "micros"))
)
_price = sa.table("cost_price", sa.column("unit"), sa.column("usd"))
_budget = sa.table("cost_budget", *map(sa.column, _BUDGET))
p = sa.bindparam
_DAY_MS = 86_400_000
_STEP: sa.ColumnClause[str] = sa.literal_column(f"'{UsageKind.STEP}'")

_ADD = Statement(upsert(_usage).values({c.name: p(c.name) for c in _usage.columns}).on_conflict_do_nothing())
_sums = [sa.func.sum(_usage.c[name]) for name in (*_AMOUNTS, "micros")]
_count = sa.func.count()
_served = sa.func.sum(
    sa.case(
        (_usage.c.kind == sa.literal_column(f"'{UsageKind.SERVING}'"), _usage.c.micros), else_=sa.literal_column("0.0")
    )
)
_window = (
    _usage.c.at_ms >= p("since"),
    _usage.c.at_ms < p("until"),
    sa.or_(p("flow_", type_=sa.Text) == sa.literal_column("''"), _usage.c.flow == p("flow_", type_=sa.Text)),
)
_whole = _usage.c.kind != _STEP
_named = {
    By.KIND: (_usage.c.kind, _whole),
    By.FLOW: (_usage.c.flow, sa.and_(_whole, _usage.c.flow != sa.literal_column("''"))),
    By.RUN: (_usage.c.run, sa.and_(_whole, _usage.c.run != sa.literal_column("''"))),
    By.STEP: (_usage.c.flow.concat(sa.literal_column("'/'")).concat(_usage.c.step), _usage.c.kind == _STEP),
    By.MODEL: (_usage.c.model, _usage.c.model != sa.literal_column("''")),
    By.ENDPOINT: (_usage.c.endpoint, _usage.c.endpoint != sa.literal_column("''")),
    By.DAY: (_usage.c.at_ms.op("/")(sa.literal_column(str(_DAY_MS))), _whole),
}


def _grouped(by: By) -> Statement:
    name, only = _named[by]
    first = name.desc() if by is By.DAY else sa.func.sum(_usage.c.micros).desc()
    query = sa.select(name, *_sums, _served, _count).where(*_window, only).group_by(name)
    return Statement(query.order_by(first, name).limit(p("limit_")))


_BY = {by: _grouped(by) for by in By}
_ALL = Statement(sa.select(sa.literal_column("''"), *_sums, _served, _count).where(*_window, _whole))
_SPENT = Statement(
    sa.select(sa.func.coalesce(sa.func.sum(_usage.c.micros), sa.literal_column("0.0"))).where(*_window, _whole)
)
_LAST_STORAGE = Statement(
    sa.select(sa.func.max(_usage.c.at_ms)).where(_usage.c.kind == sa.literal_column(f"'{UsageKind.STORAGE}'"))
)
_PRICES = Statement(sa.select(_price.c.unit, _price.c.usd))
_pricing = upsert(_price).values(unit=p("unit"), usd=p("usd"))
_SET_PRICE = Statement(
    _pricing.on_conflict_do_update(index_elements=[_price.c.unit], set_={"usd": _pricing.excluded["usd"]})
)
_BUDGETS = Statement(sa.select(_budget).order_by(_budget.c.name))
_planning = upsert(_budget).values({name: p(name) for name in _BUDGET})
_SET_BUDGET = Statement(
    _planning.on_conflict_do_update(
        index_elements=[_budget.c.name], set_={name: _planning.excluded[name] for name in _BUDGET if name != "name"}
    )
)
_DROP_BUDGET = Statement(sa.delete(_budget).where(_budget.c.name == p("name_")))
_FAR_MS = 1 << 62


class Noted(Struct, frozen=True, kw_only=True):
    """Usage as it is kept; `micros` is what it cost."""

    source: str
    at_ms: int
    kind: UsageKind
    whose: UsedBy
    amounts: Amounts
    micros: float


class Sum(Struct, frozen=True):
    """Usage added up; `served` is the part of `micros` that serving cost."""

    name: str
    amounts: Amounts
    micros: float
    served: float
    rows: int


class Plan(Struct, frozen=True, kw_only=True):
    """A budget as it is kept; `told` is the level last told, in the period that began at `told_since_ms`."""

    name: str
    usd: float
    period: Period
    flow: str
    warn_share: float
    stops: bool
    told: str = ""
    told_since_ms: int = 0


class Window(Struct, frozen=True, kw_only=True):
    """Which usage to add up; an empty flow means all."""

    since_ms: int = 0
    until_ms: int | None = None
    flow: str = ""


def add(tx: Transaction, noted: Noted) -> bool:
    """Note usage; False if its source was noted before."""
    whose = {name: getattr(noted.whose, name) for name in _WHOSE}
    amounts = {name: getattr(noted.amounts, name) for name in _AMOUNTS}
    row = {"source": noted.source, "at_ms": noted.at_ms, "kind": noted.kind, "micros": noted.micros}
    return bool(tx.run(_ADD, {**row, **whose, **amounts}))


def sums(tx: Transaction, by: By, window: Window, limit: int) -> list[Sum]:
    """Usage added up by something, the dearest first; by day, the latest first. A day is named by its number."""
    return [_to_sum(row) for row in tx.all(_BY[by], {**_bounds(window), "limit_": limit})]


def whole(tx: Transaction, window: Window) -> Sum:
    """Everything added up."""
    row = tx.one(_ALL, _bounds(window))
    return Sum("", Amounts(), 0.0, 0.0, 0) if row is None or not row[-1] else _to_sum(row)


def spent(tx: Transaction, window: Window) -> float:
    """What everything cost, in micro-dollars."""
    row = tx.one(_SPENT, _bounds(window))
    return 0.0 if row is None else float(row[0])


def last_storage_ms(tx: Transaction) -> int | None:
    """When storage was last noted."""
    row = tx.one(_LAST_STORAGE)
    return None if row is None else row[0]


def prices(tx: Transaction) -> dict[Unit, float]:
    """Prices that were set, in dollars."""
    return {Unit(row[0]): float(row[1]) for row in tx.all(_PRICES)}


def set_price(tx: Transaction, unit: Unit, usd: float) -> None:
    """Set a price."""
    tx.run(_SET_PRICE, {"unit": unit, "usd": usd})


def budgets(tx: Transaction) -> list[Plan]:
    """Budgets by name."""
    return [_to_plan(row) for row in tx.all(_BUDGETS)]


def set_budget(tx: Transaction, plan: Plan) -> None:
    """Add a budget or replace the one of its name."""
    tx.run(_SET_BUDGET, {name: getattr(plan, name) for name in _BUDGET})


def drop_budget(tx: Transaction, name: str) -> bool:
    """False if there was none."""
    return bool(tx.run(_DROP_BUDGET, {"name_": name}))


def _bounds(window: Window) -> dict[str, int | str]:
    until = _FAR_MS if window.until_ms is None else window.until_ms
    return {"since": window.since_ms, "until": until, "flow_": window.flow}


def _to_sum(row: Row) -> Sum:
    name, *amounts, micros, served, rows = row
    given = dict(zip(_AMOUNTS, amounts, strict=True))
    given["predictions"] = int(given["predictions"])
    return Sum(str(name), Amounts(**given), float(micros), float(served), rows)


def _to_plan(row: Row) -> Plan:
    name, usd, period, flow, warn_share, stops, told, since = row
    return Plan(
        name=name, usd=float(usd), period=Period(period), flow=flow, warn_share=float(warn_share), stops=bool(stops),
        told=told, told_since_ms=since,
    )  # fmt: skip
