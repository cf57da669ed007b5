"""A bench and a lake for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelyard.lake.api import Lake
from modelyard.lake.store import MIGRATIONS
from modelyard.testing import Bench
from tests.lake.stand import open_lake


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(MIGRATIONS) as made:
        yield made


@pytest.fixture
def lake(bench: Bench) -> Iterator[Lake]:
    with open_lake(bench) as made:
        yield made
