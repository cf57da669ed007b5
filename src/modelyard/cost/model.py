"""Decisions of cost: what amounts are worth, how much energy busy time takes, when a budget's period began.

Costs are micro-dollars as floats until they are shown, so that many small rows do not round to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from modelyard.cost.api import Amounts, Level, Period, Unit
from modelyard.kernel.clock import from_ms, to_ms
from modelyard.kernel.units import BUSY_CORE_WATTS

DEFAULTS: dict[Unit, tuple[float, str]] = {
    Unit.CPU_HOUR: (0.04, "list price of a general-purpose cloud vCPU, on demand, rounded"),
    Unit.GPU_HOUR: (2.50, "list price of a data-centre GPU, on demand, rounded"),
    Unit.GIB_HOUR: (0.005, "list price of a GiB of memory in a cloud machine, on demand, rounded"),
    Unit.STORED_GIB_MONTH: (0.023, "list price of standard object storage"),
    Unit.KWH: (0.0, "within the prices above; set it where you pay for power yourself"),
}
"""Dollars for each unit, and what they stand for: the order of magnitude of public list prices in 2026."""

GPU_WATTS = 350.0
"""Estimated draw of one busy data-centre GPU."""
_HOURS_IN_MONTH = 730.0
_MICROS = 1_000_000
_GIB = 1 << 30


def gib_seconds(memory_bytes: int, wall_s: float) -> float:
    """Memory held over time."""
    return memory_bytes / _GIB * wall_s


def energy_wh(cpu_s: float, gpu_s: float) -> float:
    """Estimated watt-hours of busy time.

    >>> energy_wh(3600.0, 0.0)
    10.0
    """
    return (cpu_s * BUSY_CORE_WATTS + gpu_s * GPU_WATTS) / 3600


def worth(amounts: Amounts, usd: Mapping[Unit, float]) -> float:
    """What amounts cost, in micro-dollars.

    >>> worth(Amounts(cpu_s=3600.0), {unit: 0.04 for unit in Unit})
    40000.0
    """
    dollars = (
        amounts.cpu_s / 3600 * usd[Unit.CPU_HOUR]
        + amounts.gpu_s / 3600 * usd[Unit.GPU_HOUR]
        + amounts.gib_s / 3600 * usd[Unit.GIB_HOUR]
        + amounts.stored_gib_h / _HOURS_IN_MONTH * usd[Unit.STORED_GIB_MONTH]
        + amounts.energy_wh / 1000 * usd[Unit.KWH]
    )
    return dollars * _MICROS


def began_ms(period: Period, now_ms: int) -> int:
    """When the period that holds `now_ms` began: midnight, Monday or the first of the month, in UTC."""
    if period is Period.EVER:
        return 0
    now = from_ms(now_ms)
    midnight = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo)
    if period is Period.WEEK:
        midnight -= timedelta(days=midnight.weekday())
    elif period is Period.MONTH:
        midnight = midnight.replace(day=1)
    return to_ms(midnight)


def level(spent: float, limit: float, warn_share: float) -> Level:
    """How a budget stands, both amounts in micro-dollars; a limit of nothing is spent from the start."""
    if spent >= limit:
        return Level.SPENT
    return Level.WARNED if spent >= limit * warn_share else Level.WITHIN
