"""A tracking service at a bench, on each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.operations import Effect
from modelyard.ports.database import Migration
from modelyard.testing import Bench
from modelyard.tracking.api import Tracking
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS


@dataclass
class Workplace:
    """A bench with tracking on it."""

    bench: Bench
    service: TrackingService
    tracking: Tracking

    def fold(self) -> int:
        """One round of the folding duty."""
        return self.bench.call(self.service.folding.round, Effect.WORK)

    def fold_all(self) -> int:
        """Fold every tail."""
        return self.bench.call(self.service.folding.fold_all, Effect.WORK)


def furnished(bench: Bench) -> Workplace:
    """Tracking at that bench."""
    service = TrackingService(objects=FolderObjects(bench.home / "objects"))
    return Workplace(bench, service, bench.open(Tracking, service))


@pytest.fixture
def place(each_bench: Callable[[Sequence[Migration]], Bench]) -> Iterator[Workplace]:
    """Tracking on SQLite, then on Postgres."""
    yield furnished(each_bench(MIGRATIONS))


@pytest.fixture
def small() -> Iterator[Workplace]:
    """Tracking on SQLite alone, for what no engine can change."""
    with Bench(MIGRATIONS) as bench:
        yield furnished(bench)
