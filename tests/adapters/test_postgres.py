"""Postgres' own dangers: a server that is away, restarted or locked by somebody else, and a missing driver."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.kernel.errors import InvalidInput, Unavailable
from modelyard.ports.database import Database, Migration
from modelyard.testing import notes

psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install 'modelyard[postgres]'")


@pytest.fixture
def database(postgres_address: str) -> Iterator[Database]:
    database = open_database(postgres_address, journal=DatabaseJournal())
    database.migrate(notes.TABLES)
    yield database
    database.close()


def cut_off(address: str) -> None:
    """End every other connection to this database, as a restart of the server does."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_server_that_was_restarted_is_found_again(database: Database, postgres_address: str) -> None:
    database.write(lambda tx: notes.add(tx, "a"), lambda: [notes.entry("a")])
    with database.read() as tx:
        notes.names(tx)
    cut_off(postgres_address)
    database.write(lambda tx: notes.add(tx, "b"), lambda: [notes.entry("b")])
    with database.read() as tx:
        assert notes.names(tx) == ["a", "b"]


def test_a_connection_lost_within_a_unit_fails_that_unit_alone(database: Database, postgres_address: str) -> None:
    def cut(tx: object) -> None:
        cut_off(postgres_address)
        notes.add(tx, "a")  # type: ignore[arg-type]  # a transaction, as the writer gives it

    with pytest.raises(Unavailable, match="does not answer"):
        database.write(cut)
    database.write(lambda tx: notes.add(tx, "b"))
    with database.read() as tx:
        assert notes.names(tx) == ["b"]


def test_a_migration_or_a_write_waits_for_another_only_so_long(database: Database, postgres_address: str) -> None:
    from modelyard.adapters.postgres import PostgresDatabase

    hasty = PostgresDatabase(postgres_address, lock_timeout_s=0.1)
    entered, gate = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        entered.set()
        gate.wait(10)

    task = notes.Task(hold)
    database.submit(task)
    entered.wait(10)
    more = Migration("note", 2, "more", ("CREATE TABLE note_more (a {int})",))
    with pytest.raises(Unavailable, match="locked"):
        hasty.migrate((*notes.TABLES, more))
    with pytest.raises(Unavailable, match="locked"):
        hasty.write(lambda tx: notes.add(tx, "a"))
    gate.set()
    task.wait()
    hasty.write(lambda tx: notes.add(tx, "a"))
    hasty.close()


def test_readers_beyond_the_pool_wait_for_their_turn(postgres_address: str) -> None:
    from modelyard.adapters.postgres import PostgresDatabase

    database = PostgresDatabase(postgres_address, readers=1)
    with database.read():
        waiting = threading.Thread(target=lambda: database.read().__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()
    database.close()


def test_an_address_where_nobody_answers_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not let us in") as told:
        open_database(f"postgresql://ana:hunter2@/yard?host={tmp_path}")
    assert "hunter2" not in str(told.value)
    with pytest.raises(InvalidInput):
        open_database("postgresql://ana:hunter2@host:notaport/x?unknown_word=1")


def test_without_the_driver_the_error_is_the_install_command() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from modelyard.adapters.databases import open_database\n"
        "from modelyard.kernel.errors import MissingExtra\n"
        "try:\n    open_database('postgresql://host/x')\n"
        "except MissingExtra as err:\n    print(err.detail)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'modelyard[postgres]'" in found.stdout


def test_sqlite_never_loads_the_driver_of_postgres(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from modelyard.adapters.databases import open_database\n"
        "open_database(pathlib.Path(sys.argv[1]) / 'a.db').close()\n"
        "print('psycopg' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
