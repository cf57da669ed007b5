"""The journal port's suite on SQLite and on Postgres."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.ports.database import Database
from modelyard.ports.journal import Journal
from modelyard.testing.journal_contract import JournalContract


class OnDatabase(JournalContract):
    address: str

    @pytest.fixture
    def journal(self) -> Journal:
        return DatabaseJournal()

    @pytest.fixture
    def database(self, journal: Journal, where: str) -> Iterator[Database]:
        self.address = where
        database = open_database(where, journal=journal)
        database.migrate(())
        yield database
        database.close()


class TestOnSqlite(OnDatabase):
    @pytest.fixture
    def where(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/yard.db"

    def execute(self, sql: str) -> None:
        connection = sqlite3.connect(self.address.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute(sql)
        connection.close()


class TestOnPostgres(OnDatabase):
    @pytest.fixture
    def where(self, postgres_address: str) -> str:
        return postgres_address

    def execute(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(sql)
