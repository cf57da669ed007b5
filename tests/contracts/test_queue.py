"""The queue port's suite on SQLite and on Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from modelyard.adapters.queue import MIGRATIONS
from modelyard.ports.database import Migration
from modelyard.testing import Bench
from modelyard.testing.queue_contract import QueueContract


class TestOnDatabases(QueueContract):
    @pytest.fixture
    def bench(self, each_bench: Callable[[Sequence[Migration]], Bench]) -> Bench:
        return each_bench(MIGRATIONS)
