"""Serving at a bench; on both engines where rows are what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from modelyard.ports.database import Migration
from modelyard.testing import Bench
from tests.serving.stand import MIGRATIONS, Place, furnished


@pytest.fixture
def place() -> Iterator[Place]:
    with Bench(MIGRATIONS) as bench, furnished(bench) as made:
        yield made


@pytest.fixture
def each_place(each_bench: Callable[[Sequence[Migration]], Bench]) -> Iterator[Place]:
    """On SQLite, then on Postgres."""
    with furnished(each_bench(MIGRATIONS)) as made:
        yield made
