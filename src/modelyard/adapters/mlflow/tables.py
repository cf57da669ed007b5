"""A database of MLflow's, opened for reading: SQLite by file, Postgres by address; columns vary by its version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from modelyard.kernel.errors import InvalidInput, MissingExtra, NotFound, Unavailable

_AT_ONCE = 5000


class _Cursor(Protocol):
    def execute(self, statement: str, params: Sequence[Any] = ...) -> Any:
        """Ask."""
        ...

    def fetchmany(self, size: int = ...) -> list[Any]:
        """Some rows."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Tables:
    """The tables of a database, as they are at one moment.

    Attributes:
        name: the database without a password.
    """

    def __init__(self, address: str) -> None:
        self._postgres = address.startswith("postgres")
        if self._postgres:
            self._connection, self.name = _postgres(address)
            self._connection.isolation_level = _isolation()
            self._connection.read_only = True
        else:
            path = Path(address.removeprefix("sqlite:///")).expanduser()
            self._connection, self.name = _sqlite(path), str(path.resolve())
        self._columns = columns_of(self._connection, postgres=self._postgres)
        if "experiments" not in self._columns or "runs" not in self._columns:
            raise InvalidInput(f"{self.name} is no database of MLflow: it has no tables experiments and runs")

    def has(self, table: str, column: str = "") -> bool:
        """True if there is such a table, with such a column."""
        return table in self._columns and (not column or column in self._columns[table])

    def rows(self, table: str, columns: str, where: str = "", params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a table, a few thousand at a time; a column that this version lacks is None, a table gives nothing.

        Args:
            columns: names with spaces between.
            where: what stands behind WHERE, with `?` for each of `params`.
        """
        if table not in self._columns:
            return
        there = self._columns[table]
        asked = ", ".join(f'"{name}"' if name in there else "NULL" for name in columns.split())
        text = f'SELECT {asked} FROM "{table}"' + (f" WHERE {where}" if where else "")
        cursor: _Cursor = self._connection.cursor()
        try:
            cursor.execute(text.replace("?", "%s") if self._postgres else text, params)
            while some := cursor.fetchmany(_AT_ONCE):
                yield from some
        finally:
            cursor.close()

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def columns_of(connection: Any, *, postgres: bool) -> dict[str, set[str]]:
    """Every table with its columns."""
    cursor = connection.cursor()
    found: dict[str, set[str]] = {}
    if postgres:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        )
    else:
        cursor.execute(
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'"
        )
    for table, column in cursor.fetchall():
        found.setdefault(table, set()).add(column)
    cursor.close()
    return found


def opened_for_writing(address: str) -> tuple[Any, bool, str]:
    """A connection, whether it is to Postgres, and what the database is called without a password.

    Raises:
        NotFound: there is no such file.
        Unavailable: the server does not answer.
    """
    if address.startswith("postgres"):
        connection, name = _postgres(address)
        return connection, True, name
    path = Path(address.removeprefix("sqlite:///")).expanduser()
    if not path.is_file():
        raise NotFound(f"there is no file {path}; have MLflow make it: mlflow db upgrade sqlite:///{path}")
    opened = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=rw", uri=True)
    return opened, False, str(path.resolve())


def _sqlite(path: Path) -> Any:
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    try:
        opened = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None)
        opened.execute("BEGIN")
        opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as err:
        raise InvalidInput(f"{path} cannot be read as a SQLite database: {err}") from err
    return opened


def _postgres(address: str) -> tuple[Any, str]:
    try:
        import psycopg
    except ImportError as err:
        raise MissingExtra("Postgres needs psycopg: pip install 'modelyard[postgres]'") from err
    plain = "postgresql://" + address.partition("://")[2]
    said = urlsplit(plain)
    name = f"postgresql://{said.hostname or ''}:{said.port or 5432}{said.path}"
    try:
        opened = psycopg.connect(plain, connect_timeout=10)
    except psycopg.Error as err:
        raise Unavailable(f"{name} does not answer: {err}") from err
    return opened, name


def _isolation() -> Any:
    import psycopg

    return psycopg.IsolationLevel.REPEATABLE_READ
