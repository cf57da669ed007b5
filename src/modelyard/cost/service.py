"""The operations on prices, usage and budgets, and the question whether a flow may still spend."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from modelyard.cost import store
from modelyard.cost.api import (
    Amounts,
    Budget,
    BudgetExhausted,
    BudgetWarned,
    By,
    Cost,
    Level,
    Period,
    Price,
    Spending,
    Unit,
    UsageKind,
    UsedBy,
)
from modelyard.cost.model import DEFAULTS, began_ms, level, worth
from modelyard.cost.store import Noted, Plan, Sum, Window
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import BudgetSpent, NotFound
from modelyard.kernel.refs import ref
from modelyard.kernel.units import Money
from modelyard.ports import calls
from modelyard.ports.database import Transaction

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_MICROS = 1_000_000
_GIB = 1 << 30


class CostService(Cost):
    """What was used, what it cost, and what may still be spent.

    Args:
        stored_bytes: how much the home stores; asked for by the duty that notes it.
    """

    def __init__(self, *, stored_bytes: Callable[[], int]) -> None:
        self._stored_bytes = stored_bytes

    def prices(self) -> list[Price]:
        """The price of each unit."""
        chosen = store.prices(calls.current().tx)
        return [_price(unit, chosen.get(unit)) for unit in Unit]

    def set_price(self, unit: Unit, usd: float) -> Price:
        """Set a price."""
        store.set_price(calls.current().tx, unit, usd)
        return _price(unit, usd)

    def usage(
        self, by: By = By.FLOW, *, since_ms: int = 0, until_ms: int | None = None, flow: str | None = None,
        limit: int = 100,
    ) -> list[Spending]:  # fmt: skip
        """Usage added up."""
        window = Window(since_ms=since_ms, until_ms=until_ms, flow=flow or "")
        found = store.sums(calls.current().tx, by, window, limit)
        return [_spending(s, _day(s.name) if by is By.DAY else s.name) for s in found]

    def spent(self, *, since_ms: int = 0, until_ms: int | None = None, flow: str | None = None) -> Spending:
        """Everything added up."""
        window = Window(since_ms=since_ms, until_ms=until_ms, flow=flow or "")
        return _spending(store.whole(calls.current().tx, window), flow or "everything")

    def record_usage(self, source: str, kind: UsageKind, used_by: UsedBy, amounts: Amounts) -> Money:
        """Note usage at the prices in force, and tell of budgets that it fills."""
        call = calls.current()
        usd = {p.unit: p.usd for p in self.prices()}
        noted = Noted(
            source=source, at_ms=call.now_ms, kind=kind, whose=used_by, amounts=amounts, micros=worth(amounts, usd)
        )
        if store.add(call.tx, noted):
            self._tell(call.tx)
        return _money(noted.micros)

    def set_budget(
        self, name: str, usd: float, period: Period = Period.MONTH, *, flow: str | None = None,
        warn_share: float = 0.8, stops: bool = True,
    ) -> Budget:  # fmt: skip
        """Set what may be spent."""
        call = calls.current()
        plan = Plan(name=name, usd=usd, period=period, flow=flow or "", warn_share=warn_share, stops=stops)
        store.set_budget(call.tx, plan)
        self._tell(call.tx)
        return _standing(call.tx, plan, call.now_ms)

    def budgets(self) -> list[Budget]:
        """Budgets and how they stand."""
        call = calls.current()
        return [_standing(call.tx, plan, call.now_ms) for plan in store.budgets(call.tx)]

    def drop_budget(self, name: str) -> None:
        """Remove a budget."""
        if not store.drop_budget(calls.current().tx, name):
            raise NotFound(f"there is no budget {name}; list them: yard cost budgets")

    def check(self, flow: str) -> None:
        """Return if a flow may still spend.

        Raises:
            BudgetSpent: a budget that covers it and stops work is used up.
        """
        call = calls.current()
        for plan in store.budgets(call.tx):
            if plan.stops and plan.flow in ("", flow):
                budget = _standing(call.tx, plan, call.now_ms)
                if budget.level is Level.SPENT:
                    raise BudgetSpent(
                        f"{flow} may not run: budget {plan.name} is spent ({budget.spent} of {budget.limit} this "
                        f"{plan.period}); raise it: yard cost set-budget {plan.name}"
                    )

    def note_storage(self) -> None:
        """Note what the home stores, for the time since it was noted before; for a duty."""
        call = calls.current()
        size_gib = self._stored_bytes() / _GIB

        def note() -> None:
            before = store.last_storage_ms(call.tx)
            hours = 0.0 if before is None else max(0.0, min((call.now_ms - before) / _HOUR_MS, 24.0))
            amounts = Amounts(stored_gib_h=size_gib * hours)
            self.record_usage(f"storage:{call.now_ms}", UsageKind.STORAGE, UsedBy(), amounts)

        call.unit(note)

    def _tell(self, tx: Transaction) -> None:
        """Tell of each budget that has come to a higher level than was told in its period."""
        call = calls.current()
        for plan in store.budgets(tx):
            budget = _standing(tx, plan, call.now_ms)
            told = plan.told if plan.told_since_ms == budget.since_ms else ""
            if budget.level is Level.WITHIN or told in (budget.level, Level.SPENT):
                continue
            about = [ref("budget", plan.name)]
            if budget.level is Level.SPENT:
                call.emit(
                    BudgetExhausted(
                        budget=plan.name, flow=plan.flow, spent=budget.spent, limit=budget.limit, stops=plan.stops
                    ),
                    writes=about,
                )  # fmt: skip
            else:
                call.emit(
                    BudgetWarned(budget=plan.name, flow=plan.flow, spent=budget.spent, limit=budget.limit),
                    writes=about,
                )  # fmt: skip
            store.set_budget(tx, msgspec.structs.replace(plan, told=budget.level, told_since_ms=budget.since_ms))


def _standing(tx: Transaction, plan: Plan, now_ms: int) -> Budget:
    since = began_ms(plan.period, now_ms)
    spent, limit = store.spent(tx, Window(since_ms=since, flow=plan.flow)), plan.usd * _MICROS
    return Budget(
        name=plan.name, limit=_money(limit), period=plan.period, flow=plan.flow, warn_share=plan.warn_share,
        stops=plan.stops, since_ms=since, spent=_money(spent), share=spent / limit if limit else 1.0,
        level=level(spent, limit, plan.warn_share),
    )  # fmt: skip


def _spending(found: Sum, name: str) -> Spending:
    answered = found.amounts.predictions
    return Spending(
        name=name, amounts=found.amounts, cost=_money(found.micros), rows=found.rows,
        per_thousand_predictions=_money(found.served * 1000 / answered) if answered else None,
    )  # fmt: skip


def _price(unit: Unit, chosen: float | None) -> Price:
    default, note = DEFAULTS[unit]
    if chosen is None:
        return Price(unit=unit, usd=default, is_default=True, note=note)
    return Price(unit=unit, usd=chosen, is_default=False)


def _money(micros: float) -> Money:
    return Money(round(micros))


def _day(number: str) -> str:
    return from_ms(int(number) * _DAY_MS).date().isoformat()
