"""Connecting to Postgres the way the house wants it, and running compiled statements on a connection.

Autocommit is on in the driver: transactions begin and end where the writer says so. Values agree with SQLite: truth is
0 or 1, NaN is stored as NULL, a sum of whole numbers comes back as a whole number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import FloatDumper, IntDumper
from sqlalchemy.dialects.postgresql.base import PGDialect

from modelyard.adapters.postgres.faults import READ_ONLY, translate
from modelyard.kernel.errors import Internal, InvalidInput, Unavailable, YardError
from modelyard.ports.database import Params, Row, Statement

Connection = psycopg.Connection[Row]
DIALECT = PGDialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it unannotated
LOCK_TIMEOUT_S = 10.0
_NOTHING: dict[str, Any] = {}
_ADDRESS_DEFAULTS = {"application_name": "modelyard", "connect_timeout": "5", "keepalives_idle": "30"}


class _Truth(IntDumper):
    """Booleans are 0 or 1 in our tables."""

    def dump(self, obj: Any) -> Any:
        return super().dump(int(obj))


class _Number(FloatDumper):
    """NaN is NULL, as on SQLite."""

    def dump(self, obj: Any) -> Any:
        return None if math.isnan(obj) else super().dump(obj)


class _Sum(psycopg.adapt.Loader):
    """`sum()` and `avg()` of whole numbers are NUMERIC here; give back what SQLite would."""

    def load(self, data: Any) -> float | int:
        text = bytes(data)
        return float(text) if b"." in text or b"N" in text or b"I" in text else int(text)


def connect(address: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Connection:
    """Open a connection that waits for a lock no longer than `lock_timeout_s`.

    Raises:
        InvalidInput: the address cannot be read.
        Unavailable: nobody answers there, or lets us in.
    """
    try:
        given = conninfo_to_dict(address)
    except psycopg.ProgrammingError as err:
        raise InvalidInput("the database address cannot be read; write postgresql://user@host:5432/name") from err
    try:
        connection: Connection = psycopg.connect(make_conninfo(address, **_ADDRESS_DEFAULTS | given), autocommit=True)
        connection.execute(f"SET lock_timeout = {round(lock_timeout_s * 1000)}")
    except psycopg.Error as err:
        where = f"{given.get('host') or 'the local socket'}, database {given.get('dbname') or given.get('user')}"
        raise Unavailable(
            f"Postgres at {where} does not let us in: check that it is up, and the user, password and database name"
        ) from err
    connection.adapters.register_dumper(bool, _Truth)
    connection.adapters.register_dumper(float, _Number)
    connection.adapters.register_loader("numeric", _Sum)
    return connection


class PostgresTransaction:
    """Statements on one connection; `failure` is the error after which nothing more may be kept."""

    __slots__ = ("_connection", "_reader", "failure")

    def __init__(self, connection: Connection, *, reader: bool) -> None:
        self._connection = connection
        self._reader = reader
        self.failure: YardError | None = None

    def all(self, statement: Statement, params: Params = _NOTHING, /) -> list[Row]:
        """Every row of a query."""
        return self._execute(statement, params).fetchall()

    def one(self, statement: Statement, params: Params = _NOTHING, /) -> Row | None:
        """The first row, or None."""
        return self._execute(statement, params).fetchone()

    def run(self, statement: Statement, params: Params = _NOTHING, /) -> int:
        """Change something; the number of rows it touched."""
        return self._execute(statement, params).rowcount

    def many(self, statement: Statement, rows: Sequence[Params], /) -> None:
        """Run one statement for every set of parameters, in one pipeline."""
        text, fixed = statement.compiled(DIALECT)
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(text, [{**fixed, **row} for row in rows] if fixed else rows)
        except Exception as err:
            raise self._failed(err) from err

    def _execute(self, statement: Statement, params: Params) -> psycopg.Cursor[Row]:
        text, fixed = statement.compiled(DIALECT)
        try:
            return self._connection.execute(text, {**fixed, **params} if fixed else params)
        except Exception as err:
            raise self._failed(err) from err

    def _failed(self, error: Exception) -> BaseException:
        if self._reader and isinstance(error, psycopg.Error) and error.sqlstate == READ_ONLY:
            return Internal("a change was tried in a read-only snapshot; do it in a WRITE operation or in a unit")
        found = translate(error)
        if not isinstance(found, YardError):
            found = Internal(f"a statement got parameters that it cannot take ({type(error).__name__})")
        self.failure = found
        return found
