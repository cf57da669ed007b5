"""What `/metrics` says of the engines: how the database's writer fares, asked at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from modelyard.edges.metrics import Sample
from modelyard.ports.database import COMMIT_BOUNDS_S, GROUP_BOUNDS, Database


def writer_samples(database: Database) -> Callable[[], Iterable[Sample]]:
    """A source for a `Meter`: commits, their times and sizes, and what waits."""

    def samples() -> Iterator[Sample]:
        stats = database.stats()
        yield "yard_written_calls_total", {}, stats.units
        yield "yard_failed_commits_total", {}, stats.failures
        yield "yard_waiting_writes", {}, stats.waiting
        yield from _histogram("yard_commit_seconds", COMMIT_BOUNDS_S, stats.commit_buckets, stats.commit_seconds)
        yield from _histogram("yard_commit_calls", GROUP_BOUNDS, stats.group_buckets, stats.units)

    return samples


def _histogram(name: str, bounds: Sequence[float], buckets: Sequence[int], total: float) -> Iterator[Sample]:
    running = 0
    for bound, count in zip((*(f"{b:g}" for b in bounds), "+Inf"), buckets, strict=True):
        running += count
        yield f"{name}_bucket", {"le": bound}, running
    yield f"{name}_sum", {}, total
    yield f"{name}_count", {}, running
