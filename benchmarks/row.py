"""What a benchmark says: one figure, what it is measured against in the same run, and what it must reach.

Absolute times swing on shared machines, so a figure comes with the raw floor or the peer beside it where there is one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure. `beside` is the floor or the peer, in the same unit; `reach` the most (or least) it may be."""

    what: str
    value: float
    unit: str
    beside: float | None = None
    beside_what: str = ""
    reach: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """The figure over what stands beside it."""
        return self.value / self.beside if self.beside else None

    @property
    def is_reached(self) -> bool | None:
        """Whether the figure is as good as it must be; None where nothing was asked."""
        if self.reach is None:
            return None
        return self.value >= self.reach if self.more_is_better else self.value <= self.reach


def median_ms(action: Callable[[], object], *, times: int) -> float:
    """The median wall time of `action` in milliseconds, after one call that is not counted."""
    action()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)
