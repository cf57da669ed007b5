"""The operators of the standard's quality rules, as bounds of a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput

OPERATORS = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
    "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip


class Bounds(Struct, frozen=True, kw_only=True):
    """The smallest and the largest that a number may be; None where there is no bound."""

    low: float | None = None
    high: float | None = None

    @property
    def is_zero(self) -> bool:
        """True if nothing but zero is allowed."""
        return self.high == 0 and (self.low is None or self.low == 0)


def bounds_of(rule: Mapping[str, Any], *, whole: bool) -> Bounds | None:
    """The bounds that a rule gives; None if it gives none, or such as are no interval.

    Args:
        whole: True where the number counts, so that less than 5 is at most 4.

    Raises:
        InvalidInput: an operator compares with something that is no number.
    """
    if "mustNotBe" in rule or "mustNotBeBetween" in rule:
        return None
    low: list[float] = []
    high: list[float] = []
    for name in OPERATORS:
        if name not in rule:
            continue
        values = rule[name] if isinstance(rule[name], list) else [rule[name]]
        if not values or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            raise InvalidInput(f"{name} compares with a number, not with {str(rule[name])[:60]!r}")
        first, last = values[0], values[-1]
        if name in ("mustBe", "mustBeGreaterOrEqualTo", "mustBeBetween"):
            low.append(first)
        if name in ("mustBe", "mustBeLessOrEqualTo", "mustBeBetween"):
            high.append(last)
        if name == "mustBeGreaterThan":
            low.append(_above(first, whole=whole))
        if name == "mustBeLessThan":
            high.append(-_above(-first, whole=whole))
    return Bounds(low=max(low, default=None), high=min(high, default=None)) if low or high else None


def _above(value: float, *, whole: bool) -> float:
    return math.floor(value) + 1 if whole else math.nextafter(value, math.inf)
