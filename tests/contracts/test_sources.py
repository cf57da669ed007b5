"""The sources port's suites on databases, folders, buckets and the web."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from modelyard.adapters.sources import Grounds, KnownSources
from modelyard.ports.sources import Batch, RowSource
from modelyard.testing.sources_contract import RowSourceContract


class SqlStand:
    stream = "orders"
    cursor = "id"
    secret = ""

    def __init__(self, address: str, grounds: Grounds) -> None:
        self._address = address
        self._sources = KnownSources(grounds)

    def open(self) -> RowSource:
        source = self._sources.open(self._address, secret=None, options={})
        assert isinstance(source, RowSource)
        return source

    def ids(self, batch: Batch) -> list[int]:
        return [int(n) for n in batch.rows.column("id").to_pylist()]


class SqliteStand(SqlStand):
    def __init__(self, folder: Path) -> None:
        self._path = folder / "shop.db"
        super().__init__(f"sqlite://{self._path}", Grounds(folders=(str(folder),)))
        with sqlite3.connect(self._path) as connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT, price REAL)")
        connection.close()

    def add(self, ids: Sequence[int]) -> None:
        with sqlite3.connect(self._path) as connection:
            connection.executemany("INSERT INTO orders VALUES (?, NULL, 1.5)", [(n,) for n in ids])
        connection.close()


class PostgresStand(SqlStand):
    def __init__(self, address: str) -> None:
        import psycopg

        self._plain = address
        super().__init__(address, Grounds(folders=("/tmp",)))
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY, note text, price numeric(8, 2))")

    def add(self, ids: Sequence[int]) -> None:
        import psycopg

        with psycopg.connect(self._plain, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO orders VALUES (%s, NULL, 1.5)", [(n,) for n in ids])


class TestSqlite(RowSourceContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> SqliteStand:
        return SqliteStand(tmp_path)


class TestPostgres(RowSourceContract):
    @pytest.fixture
    def stand(self, postgres_address: str) -> PostgresStand:
        return PostgresStand(postgres_address)
