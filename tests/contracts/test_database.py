"""The database port's suite on SQLite and on Postgres."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.adapters.sqlite import SqliteDatabase
from modelyard.ports.database import Database
from modelyard.ports.journal import Journal
from modelyard.testing.database_contract import DatabaseContract, Opener


class TestSqlite(DatabaseContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        def open_(journal: Journal | None = None) -> Database:
            return SqliteDatabase(tmp_path / "yard.db", journal=journal, synchronous="NORMAL")

        return open_


class TestPostgres(DatabaseContract):
    @pytest.fixture
    def opener(self, postgres_address: str) -> Opener:
        def open_(journal: Journal | None = None) -> Database:
            from modelyard.adapters.postgres import PostgresDatabase

            return PostgresDatabase(postgres_address, journal=journal)

        return open_
