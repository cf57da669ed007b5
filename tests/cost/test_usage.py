"""Usage is priced when it is noted, added up in several ways, and held against budgets, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest

from modelyard.cost.api import (
    Amounts,
    BudgetExhausted,
    BudgetWarned,
    By,
    Cost,
    Level,
    Period,
    Unit,
    UsageKind,
    UsedBy,
)
from modelyard.cost.model import DEFAULTS, began_ms
from modelyard.cost.reactions import reactions
from modelyard.cost.service import CostService
from modelyard.cost.store import MIGRATIONS
from modelyard.kernel.errors import BudgetSpent, NotFound
from modelyard.kernel.events import News
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import ref
from modelyard.kernel.units import Money
from modelyard.pipelines.api import AttemptEnded, AttemptStatus, FlowRunId, StepFinished, StepStatus, Used
from modelyard.ports import calls
from modelyard.ports.database import Migration
from modelyard.testing import Bench

RUN = FlowRunId("frun_01HZZZZZZZZZZZZZZZZZZZZZZZ")
GIB = 1 << 30


class UsageMeasured(News, frozen=True, kw_only=True):
    """What serving tells."""

    kind = "serving.usage_measured"
    endpoint: str
    model_version: str
    cpu_seconds: float
    predictions: int
    wall_seconds: float


class Office:
    """Cost at the bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.stored = 0
        self.service = CostService(stored_bytes=lambda: self.stored)
        self.cost = bench.open(Cost, self.service)

    def tell(self, news: News, *writes: str) -> None:
        refs = [ref(*w.partition(":")[::2]) for w in writes]
        self.bench.call(lambda: calls.current().emit(news, writes=refs))
        self.bench.deliver(*reactions(self.service))

    def check(self, flow: str) -> None:
        self.bench.call(lambda: self.service.check(flow), Effect.READ)


@pytest.fixture
def office(each_bench: Callable[[Sequence[Migration]], Bench]) -> Iterator[Office]:
    yield Office(each_bench(MIGRATIONS))


def step(id_: str, cpu_s: float, status: StepStatus = StepStatus.FINISHED) -> StepFinished:
    used = Used(wall_s=cpu_s, cpu_s=cpu_s, peak_memory_bytes=GIB)
    return StepFinished(run=RUN, flow="training", version=1, step=id_, id=id_, status=status, attempt=1, used=used)


def worker(cpu_s: float) -> AttemptEnded:
    used = Used(wall_s=cpu_s, cpu_s=cpu_s, peak_memory_bytes=GIB)
    return AttemptEnded(run=RUN, flow="training", number=1, status=AttemptStatus.FINISHED, used=used)


def test_prices_begin_as_list_prices_and_say_so(office: Office) -> None:
    prices = {p.unit: p for p in office.cost.prices()}
    assert set(prices) == set(Unit)
    assert all(p.is_default and p.note for p in prices.values())
    office.cost.set_price(Unit.CPU_HOUR, 0.36)
    assert [(p.usd, p.is_default) for p in office.cost.prices() if p.unit is Unit.CPU_HOUR] == [(0.36, False)]


def test_steps_and_their_worker_are_added_up_without_counting_twice(office: Office) -> None:
    for unit in Unit:
        office.cost.set_price(unit, 0.0)
    office.cost.set_price(Unit.CPU_HOUR, 3600.0)
    office.tell(step("train", 2.0), "model:tips")
    office.tell(step("compare", 1.0))
    office.tell(step("split", 9.0, StepStatus.CACHED))
    office.tell(worker(4.0))
    by_step = office.cost.usage(By.STEP)
    assert [(s.name, s.cost) for s in by_step] == [
        ("training/train", Money(2_000_000)), ("training/compare", Money(1_000_000)),
    ]  # fmt: skip
    assert [(s.name, str(s.cost)) for s in office.cost.usage(By.RUN)] == [(RUN, "$4.00")]
    assert [(s.name, str(s.cost)) for s in office.cost.usage(By.FLOW)] == [("training", "$4.00")]
    assert [(s.name, str(s.cost)) for s in office.cost.usage(By.MODEL)] == [("model:tips", "$2.00")]
    assert [(s.name, str(s.cost)) for s in office.cost.usage(By.DAY)] == [("2026-05-03", "$4.00")]
    spent = office.cost.spent()
    assert (str(spent.cost), spent.amounts.gib_s, spent.rows) == ("$4.00", 4.0, 1)
    assert office.cost.spent(flow="nothing").cost == Money(0)


def test_predictions_have_a_cost_by_the_thousand(office: Office) -> None:
    office.cost.set_price(Unit.CPU_HOUR, 3.6)
    for _ in range(2):
        office.tell(
            UsageMeasured(
                endpoint="tips", model_version="model:tips@3", cpu_seconds=1.0, predictions=500, wall_seconds=5.0
            )
        )  # fmt: skip
    for by, name in ((By.ENDPOINT, "tips"), (By.MODEL, "model:tips@3")):
        (found,) = office.cost.usage(by)
        assert (found.name, found.amounts.predictions) == (name, 1000)
        assert found.per_thousand_predictions == Money(2000)


def test_the_same_source_is_noted_once_and_at_the_price_in_force(office: Office) -> None:
    office.cost.set_price(Unit.GPU_HOUR, 1.0)
    hour = Amounts(gpu_s=3600.0)
    assert office.cost.record_usage("invoice-1", UsageKind.OTHER, UsedBy(), hour) == Money(1_000_000)
    office.cost.set_price(Unit.GPU_HOUR, 9.0)
    office.cost.record_usage("invoice-1", UsageKind.OTHER, UsedBy(), hour)
    assert office.cost.spent().cost == Money(1_000_000)


def test_a_budget_warns_then_stops_work_and_begins_anew(office: Office) -> None:
    office.cost.set_price(Unit.GPU_HOUR, 1.0)
    budget = office.cost.set_budget("experiments", 10.0, Period.MONTH, flow="training")
    assert (budget.level, budget.spent) == (Level.WITHIN, Money(0))

    def use(usd: float, flow: str = "training") -> None:
        source = f"line-{office.bench.clock.now_ns()}-{len(office.bench.events())}-{usd}"
        office.cost.record_usage(source, UsageKind.OTHER, UsedBy(flow=flow), Amounts(gpu_s=3600 * usd))

    use(50.0, "another")
    use(7.9)
    assert office.bench.events(BudgetWarned) == []
    use(0.2)
    use(0.3)
    assert len(office.bench.events(BudgetWarned)) == 1, "it warns once a period"
    office.check("training")
    use(2.0)
    use(1.0)
    assert len(office.bench.events(BudgetExhausted)) == 1
    assert office.cost.budgets()[0].level is Level.SPENT
    with pytest.raises(BudgetSpent, match="experiments is spent"):
        office.check("training")
    office.check("another")
    office.bench.clock.advance(timedelta(days=31))
    office.check("training")
    assert office.cost.budgets()[0].spent == Money(0)
    office.cost.drop_budget("experiments")
    with pytest.raises(NotFound):
        office.cost.drop_budget("experiments")


def test_a_budget_that_does_not_stop_only_tells(office: Office) -> None:
    office.cost.set_budget("watched", 0.0, Period.EVER, stops=False)
    assert office.cost.budgets()[0].level is Level.SPENT
    office.check("training")


def test_storage_costs_by_the_time_it_is_held(office: Office) -> None:
    office.cost.set_price(Unit.STORED_GIB_MONTH, 730.0)
    office.stored = 2 * GIB
    office.bench.call(office.service.note_storage, Effect.WORK)
    office.bench.clock.advance(timedelta(hours=3))
    office.bench.call(office.service.note_storage, Effect.WORK)
    (found,) = office.cost.usage(By.KIND)
    assert (found.name, found.amounts.stored_gib_h, str(found.cost)) == ("storage", 6.0, "$6.00")


def test_periods_begin_by_the_calendar() -> None:
    thursday_noon = 1_768_478_400_000  # 2026-01-15 12:00 UTC
    assert began_ms(Period.DAY, thursday_noon) == 1_768_435_200_000
    assert began_ms(Period.WEEK, thursday_noon) == 1_768_176_000_000
    assert began_ms(Period.MONTH, thursday_noon) == 1_767_225_600_000
    assert began_ms(Period.EVER, thursday_noon) == 0


def test_every_unit_has_a_default() -> None:
    assert set(DEFAULTS) == set(Unit)
