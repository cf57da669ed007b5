"""A stand and a listener for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from modelyard.ports.database import Migration
from modelyard.testing import Bench
from tests.engines.listener import Listener, listening
from tests.monitoring.stand import MIGRATED, Stand, stand


@pytest.fixture
def yard() -> Iterator[Stand]:
    with Bench(MIGRATED) as bench, stand(bench) as made:
        yield made


@pytest.fixture
def each_yard(each_bench: Callable[[Sequence[Migration]], Bench]) -> Iterator[Stand]:
    """The same on SQLite and on Postgres."""
    with stand(each_bench(MIGRATED)) as made:
        yield made


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as made:
        yield made
