"""What the tests of governance stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.governance.store import MIGRATIONS
from modelyard.testing import Bench
from tests.governance.yard import Yard, yard


@pytest.fixture
def house() -> Iterator[Yard]:
    """A fresh yard with its owner."""
    with yard() as made:
        yield made


@pytest.fixture
def house_on_postgres(postgres_address: str) -> Iterator[Yard]:
    """The same, on Postgres."""
    journal = DatabaseJournal()
    database = open_database(postgres_address, journal=journal)
    try:
        with Bench(MIGRATIONS, database=database, journal=journal) as bench:
            yield Yard(bench)
    finally:
        database.close()
