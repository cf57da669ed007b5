"""Opening a SQLite file the way the house wants it, and running compiled statements on it.

Autocommit is on in the driver (`isolation_level=None`): transactions begin and end where the writer says so.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from modelyard.adapters.sqlite.faults import translate
from modelyard.kernel.errors import Internal, Unavailable, YardError
from modelyard.ports.database import Params, Row, Statement

DIALECT = SQLiteDialect(paramstyle="named")
OLDEST = (3, 35, 0)
_NOTHING: dict[str, Any] = {}


def connect(path: Path, *, busy_timeout_s: float, synchronous: str, reader: bool = False) -> sqlite3.Connection:
    """Open `path`, making it if need be.

    Raises:
        Unavailable: it cannot be opened or is locked, or the library is too old for RETURNING.
        Damaged: it is no database.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        raise Unavailable(
            f"this Python brings SQLite {sqlite3.sqlite_version}; modelyard needs 3.35 or newer: "
            f"take a newer Python, e.g. uv python install 3.13"
        )
    try:
        connection = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, cached_statements=1024
        )
    except sqlite3.Error as err:
        raise translate(err, path) from err
    try:
        _log_ahead(connection, busy_timeout_s)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased leaves no bytes in free pages
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = {-4000 if reader else -16000}")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
        if reader:
            connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as err:
        connection.close()
        raise translate(err, path) from err
    return connection


def _log_ahead(connection: sqlite3.Connection, patience_s: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait for its lock here, so two first starts would collide."""
    deadline = time.monotonic() + patience_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heard by a file that is new
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class SqliteTransaction:
    """Statements on one connection; `failure` is the error after which nothing more may be kept."""

    __slots__ = ("_connection", "_path", "_reader", "failure")

    def __init__(self, connection: sqlite3.Connection, path: Path, *, reader: bool) -> None:
        self._connection = connection
        self._path = path
        self._reader = reader
        self.failure: YardError | None = None

    def all(self, statement: Statement, params: Params = _NOTHING, /) -> list[Row]:
        """Every row of a query."""
        text, fixed = statement.compiled(DIALECT)
        try:
            return self._connection.execute(text, {**fixed, **params} if fixed else params).fetchall()
        except Exception as err:
            raise self._failed(err) from err

    def one(self, statement: Statement, params: Params = _NOTHING, /) -> Row | None:
        """The first row, or None."""
        text, fixed = statement.compiled(DIALECT)
        try:
            rows = self._connection.execute(text, {**fixed, **params} if fixed else params)
            found: Row | None = rows.fetchone()
            rows.close()
        except Exception as err:
            raise self._failed(err) from err
        return found

    def run(self, statement: Statement, params: Params = _NOTHING, /) -> int:
        """Change something; the number of rows it touched."""
        text, fixed = statement.compiled(DIALECT)
        try:
            return self._connection.execute(text, {**fixed, **params} if fixed else params).rowcount
        except Exception as err:
            raise self._failed(err) from err

    def many(self, statement: Statement, rows: Sequence[Params], /) -> None:
        """Run one statement for every set of parameters."""
        text, fixed = statement.compiled(DIALECT)
        try:
            self._connection.executemany(text, [{**fixed, **row} for row in rows] if fixed else rows)
        except Exception as err:
            raise self._failed(err) from err

    def _failed(self, error: Exception) -> BaseException:
        if self._reader and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY:
            return Internal("a change was tried in a read-only snapshot; do it in a WRITE operation or in a unit")
        found = translate(error, self._path)
        if not isinstance(found, YardError):
            found = Internal(f"a statement got parameters that it cannot take ({type(error).__name__})")
        self.failure = found
        return found
