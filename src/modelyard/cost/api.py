"""What was used and what it cost: prices, usage, budgets.

A row of usage is priced when it is noted, at the price in force then. The prices that a yard starts with are list
prices of a public cloud, rounded, and marked as such; set your own. Energy is an estimate from busy time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.operations import operation
from modelyard.kernel.pages import Limit
from modelyard.kernel.refs import Name, Ref
from modelyard.kernel.units import Money

Moment = Annotated[int, Meta(ge=0, description="milliseconds since the Unix epoch, UTC")]
Quantity = Annotated[float, Meta(ge=0, le=1e15)]
Usd = Annotated[float, Meta(ge=0, le=1e9, description="US dollars")]
Share = Annotated[float, Meta(gt=0, le=1, description="0 to 1")]
Label = Annotated[str, Meta(max_length=300)]


class Unit(StrEnum):
    """What a price is for."""

    CPU_HOUR = "cpu_hour"
    GPU_HOUR = "gpu_hour"
    GIB_HOUR = "gib_hour"
    STORED_GIB_MONTH = "stored_gib_month"
    KWH = "kwh"


class Price(Struct, frozen=True, kw_only=True):
    """What one unit costs.

    Attributes:
        usd: dollars for one unit.
        is_default: a list price that this version came with; nobody set it here.
        note: what the default stands for.
    """

    unit: Unit
    usd: float
    is_default: bool
    note: str = ""


class Amounts(Struct, frozen=True, kw_only=True):
    """How much was used.

    Attributes:
        gib_s: resident memory at its peak, in GiB, times the seconds that it was held.
        stored_gib_h: GiB stored, times hours.
        energy_wh: estimated from busy CPU and GPU seconds.
        predictions: how many were answered.
    """

    wall_s: Quantity = 0.0
    cpu_s: Quantity = 0.0
    gpu_s: Quantity = 0.0
    gib_s: Quantity = 0.0
    stored_gib_h: Quantity = 0.0
    energy_wh: Quantity = 0.0
    predictions: Annotated[int, Meta(ge=0, le=1 << 53)] = 0


class UsageKind(StrEnum):
    """What used it. A `worker` is a whole attempt at a flow run; its `step`s are within it and count only by step."""

    WORKER = "worker"
    STEP = "step"
    SERVING = "serving"
    STORAGE = "storage"
    OTHER = "other"


class By(StrEnum):
    """What usage is added up by."""

    KIND = "kind"
    FLOW = "flow"
    RUN = "run"
    STEP = "step"
    MODEL = "model"
    ENDPOINT = "endpoint"
    DAY = "day"


class UsedBy(Struct, frozen=True, kw_only=True):
    """Whose usage it is; what does not apply is empty.

    Attributes:
        run: a flow run's id.
        step: the step's id within the run.
        model: a model version's ref, e.g. `model:tips@3`.
    """

    flow: Label = ""
    run: Label = ""
    step: Label = ""
    model: Label = ""
    endpoint: Label = ""


class Spending(Struct, frozen=True, kw_only=True):
    """What something used and cost.

    Attributes:
        name: the flow, run, step (`flow/step`), model, endpoint, kind or day (`2026-05-03`).
        rows: how many rows of usage were added up.
        per_thousand_predictions: cost of serving for 1,000 predictions; null where none was answered.
    """

    name: str
    amounts: Amounts
    cost: Money
    rows: int
    per_thousand_predictions: Money | None = None


class Period(StrEnum):
    """How long a budget lasts before it begins anew, by the calendar in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    EVER = "ever"


class Level(StrEnum):
    """How a budget stands."""

    WITHIN = "within"
    WARNED = "warned"
    SPENT = "spent"


class Budget(Struct, frozen=True, kw_only=True):
    """What may be spent, and how much of it is.

    Attributes:
        flow: the flow that it covers; empty covers everything.
        warn_share: the share from which on it warns.
        stops: refuse new flow runs once it is spent.
        since_ms: when the present period began.
        share: spent share of the limit in the present period; may exceed 1.
    """

    name: Name
    limit: Money
    period: Period
    flow: str
    warn_share: float
    stops: bool
    since_ms: int
    spent: Money
    share: float
    level: Level


class BudgetWarned(News, frozen=True, kw_only=True):
    """A budget reached its warning share; once a period."""

    budget: str
    flow: str
    spent: Money
    limit: Money


class BudgetExhausted(News, frozen=True, kw_only=True):
    """A budget is used up; once a period."""

    budget: str
    flow: str
    spent: Money
    limit: Money
    stops: bool


class Cost(ABC):
    """What was used, what it cost, and what may still be spent."""

    @operation("GET", "/prices", scope="cost:read")
    @abstractmethod
    def prices(self) -> list[Price]:
        """List the price of each unit, and whether it is a default list price."""

    @operation("PUT", "/prices/{unit}", scope="cost:write", about="price:{unit}")
    @abstractmethod
    def set_price(self, unit: Unit, usd: Usd) -> Price:
        """Set a price; usage noted from now on is priced with it.

        Args:
            usd: dollars for one unit.

        Example:
            yard cost set-price cpu_hour --usd 0.031
        """

    @operation("GET", "/usage", scope="cost:read")
    @abstractmethod
    def usage(
        self, by: By = By.FLOW, *, since_ms: Moment = 0, until_ms: Moment | None = None, flow: Name | None = None,
        limit: Limit = 100,
    ) -> list[Spending]:  # fmt: skip
        """Add usage up by something, the dearest first (by day: the latest first).

        Args:
            by: what to add up by.
            since_ms: from then on.
            until_ms: up to then.
            flow: only of this flow.

        Example:
            yard cost usage --by step --flow training
        """

    @operation("GET", "/spent", scope="cost:read")
    @abstractmethod
    def spent(self, *, since_ms: Moment = 0, until_ms: Moment | None = None, flow: Name | None = None) -> Spending:
        """Add everything up.

        Args:
            since_ms: from then on.
            until_ms: up to then.
            flow: only of this flow.
        """

    @operation("POST", "/usage", scope="cost:write")
    @abstractmethod
    def record_usage(self, source: Label, kind: UsageKind, used_by: UsedBy, amounts: Amounts) -> Money:
        """Note usage that the yard did not measure itself; what it costs. The same source is noted once.

        Args:
            source: what tells this row from every other, e.g. the id of an invoice line.
        """

    @operation("PUT", "/budgets/{name}", scope="cost:write", about="budget:{name}")
    @abstractmethod
    def set_budget(
        self, name: Name, usd: Usd, period: Period = Period.MONTH, *, flow: Name | None = None,
        warn_share: Share = 0.8, stops: bool = True,
    ) -> Budget:  # fmt: skip
        """Set what may be spent; a budget of that name is replaced.

        Args:
            usd: dollars for one period.
            flow: the flow it covers; everything, if left out.
            warn_share: the share from which on it warns.
            stops: refuse new flow runs once it is spent.
        """

    @operation("GET", "/budgets", scope="cost:read")
    @abstractmethod
    def budgets(self) -> list[Budget]:
        """List budgets and how they stand, by name."""

    @operation("DELETE", "/budgets/{name}", scope="cost:write", about="budget:{name}")
    @abstractmethod
    def drop_budget(self, name: Name) -> None:
        """Remove a budget.

        Raises:
            NotFound: no such budget.
        """


def model_of(refs: tuple[Ref, ...]) -> str:
    """The first model among refs; empty if there is none."""
    return next((str(r) for r in refs if r.startswith("model:")), "")
