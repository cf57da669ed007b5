"""Counters and histograms of the edges, kept in plain lists and written in the Prometheus text format.

One note costs well under a microsecond; it never blocks and never leaves the process.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Sample = tuple[str, dict[str, str], float]
"""A metric's name, its labels and its value."""


class _Series:
    __slots__ = ("buckets", "count", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.count = 0
        self.total = 0.0


class Meter:
    """What one process counted; other parts add `sources` that are asked when somebody scrapes."""

    def __init__(self) -> None:
        self._calls: dict[str, _Series] = {}
        self._refused: dict[str, int] = {}
        self._sources: list[Callable[[], Iterable[Sample]]] = []

    def note(self, name: str, seconds: float) -> None:
        """One call of `name` took that long."""
        series = self._calls.get(name)
        if series is None:
            series = self._calls[name] = _Series()
        series.count += 1
        series.total += seconds
        series.buckets[bisect_left(BOUNDS, seconds)] += 1

    def refused(self, code: str) -> None:
        """One call ended in the error `code`."""
        self._refused[code] = self._refused.get(code, 0) + 1

    def add_source(self, source: Callable[[], Iterable[Sample]]) -> None:
        """Have `source` asked for its samples at each scrape."""
        self._sources.append(source)

    def text(self) -> str:
        """Everything, in the Prometheus text exposition format 0.0.4."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "# HELP yard_call_seconds Time from request to answer, by operation."
        yield "# TYPE yard_call_seconds histogram"
        for name, series in sorted(self._calls.items()):
            label, running = _quote(name), 0
            for bound, count in zip((*BOUNDS, "+Inf"), series.buckets, strict=True):
                running += count
                yield f'yard_call_seconds_bucket{{operation="{label}",le="{bound}"}} {running}'
            yield f'yard_call_seconds_sum{{operation="{label}"}} {series.total:.9g}'
            yield f'yard_call_seconds_count{{operation="{label}"}} {series.count}'
        yield "# HELP yard_call_errors_total Calls that ended in an error, by code."
        yield "# TYPE yard_call_errors_total counter"
        for code, count in sorted(self._refused.items()):
            yield f'yard_call_errors_total{{code="{_quote(code)}"}} {count}'
        for source in self._sources:
            for name, labels, value in source():
                inside = ",".join(f'{k}="{_quote(v)}"' for k, v in labels.items())
                yield f"{name}{{{inside}}} {value:.17g}" if inside else f"{name} {value:.17g}"


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
