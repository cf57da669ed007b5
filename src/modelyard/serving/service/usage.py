"""What the model server uses, shared out over the predictions that it answered.

The CPU time of its processes since it was asked last is divided by the rows folded since then. A fold that comes right
after another finds little left; over a day the sums are right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import psutil

from modelyard.ports.children import Children
from modelyard.serving.api import UsageMeasured
from modelyard.serving.hot.segments import PredictionRecord


class PlaneUsage:
    """CPU time of the model server's processes, as far as it was not shared out yet."""

    def __init__(self, children: Children, name: str) -> None:
        self._children = children
        self._name = name
        self._known: dict[int, float] = {}

    def take(self) -> float:
        """CPU-seconds, user and system, since this was asked before."""
        fresh = 0.0
        alive: dict[int, float] = {}
        for status in self._children.statuses():
            if status.pid is None or not status.name.startswith(self._name):
                continue
            try:
                times = psutil.Process(status.pid).cpu_times()
            except psutil.Error:
                continue
            alive[status.pid] = times.user + times.system
            fresh += max(0.0, alive[status.pid] - self._known.get(status.pid, 0.0))
        self._known = alive
        return fresh


def measured(endpoint: str, records: Sequence[PredictionRecord], cpu_s_a_row: float) -> Iterator[UsageMeasured]:
    """What the predictions of one endpoint used, by model version; those that a shadow made count too."""
    rows: dict[str, int] = defaultdict(int)
    wall: dict[str, float] = defaultdict(float)
    for record in records:
        rows[record.model] += record.rows
        wall[record.model] += record.latency_us / 1e6
    for model, count in rows.items():
        yield UsageMeasured(
            endpoint=endpoint, model_version=model, cpu_seconds=cpu_s_a_row * count, predictions=count,
            wall_seconds=wall[model],
        )  # fmt: skip
