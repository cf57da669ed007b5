"""Postgres as a sink: a delivery is one transaction, and what was delivered is noted in the same one.

The note (`yard_delivered`, a row for each sink) tells a delivery that was repeated after a crash, so every row arrives
exactly once. The target's table is made if it is missing; columns that it lacks are an error, never added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import parse_qs

import psycopg
import pyarrow as pa
from psycopg import sql

from modelyard.adapters.sinks.hosts import refuse_server
from modelyard.adapters.sinks.opening import Opening
from modelyard.adapters.sources.addresses import redacted, refuse_secret_options, split, with_password
from modelyard.kernel.errors import Forbidden, InvalidInput, StaleVersion, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Parcel, Way

_NOTES = "yard_delivered"
_TYPES = {
    "bool": "boolean", "int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint",
    "float32": "real", "float64": "double precision", "string": "text", "binary": "bytea", "date": "date",
    "timestamp": "timestamptz",
}  # fmt: skip
_LIST = re.compile(r"list<(\w+)>")
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_WORDS = {"connect_timeout": "10", "passfile": "/dev/null", "application_name": "modelyard"}


def check(opening: Opening, *, sealed: bool) -> None:
    """Refuse what may not be written; nothing is dialled."""
    del sealed  # a server may want none
    parts = split(opening.address, takes=("host", "sslmode"))
    refuse_secret_options(opening.options, known=())
    refuse_server(opening, host=parts.hostname, socket=(parse_qs(parts.query).get("host") or [""])[0])


def opened(opening: Opening) -> PostgresTarget:
    """The database behind an address."""
    return PostgresTarget(opening.address, opening.secret)


class PostgresTarget:
    """One database, over a connection of its own."""

    by_parts = False

    def __init__(self, address: str, secret: Secret | None) -> None:
        self._secret = secret
        with self._asking():
            self._connection = psycopg.connect(with_password(address, secret), autocommit=True, **_WORDS)  # type: ignore[arg-type]  # words of libpq

    def reached(self, sink: str, target: str) -> int:
        """The version that the note tells of."""
        with self._asking(), self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (_NOTES,))
            if cursor.fetchone() == (False,):
                return 0
            cursor.execute(f"SELECT version FROM {_NOTES} WHERE sink = %s", (_noted(sink, target),))
            found = cursor.fetchone()
        return 0 if found is None else int(found[0])

    def take(self, parcel: Parcel) -> bool:
        """Write a delivery in one transaction."""
        with self._asking(), self._connection.transaction(), self._connection.cursor() as cursor:
            if not self._is_new(cursor, parcel):
                return False
            target = _name(parcel.target)
            self._prepare(cursor, parcel)
            if parcel.way is Way.OVERWRITE:
                cursor.execute(sql.SQL("DELETE FROM {}").format(target))
            if parcel.way is not Way.MERGE:
                _copy(cursor, target, parcel.schema.names, parcel.puts())
                return True
            _apply(cursor, parcel, parcel.gone(), inserts=False)
            _apply(cursor, parcel, parcel.puts(), inserts=True)
        return True

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _is_new(self, cursor: psycopg.Cursor, parcel: Parcel) -> bool:
        """Note the delivery; False if it, or a later one, is noted already. Others of the sink wait here."""
        who = _noted(parcel.sink, parcel.target)
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {_NOTES} (sink text PRIMARY KEY, version bigint NOT NULL)")
        cursor.execute(f"INSERT INTO {_NOTES} VALUES (%s, 0) ON CONFLICT (sink) DO NOTHING", (who,))
        cursor.execute(f"SELECT version FROM {_NOTES} WHERE sink = %s FOR UPDATE", (who,))
        ((known,),) = cursor.fetchall()
        if known >= parcel.upto:
            return False
        if known > parcel.since and parcel.way is Way.APPEND:
            raise StaleVersion(f"version {known} arrived there meanwhile; deliver again")
        cursor.execute(f"UPDATE {_NOTES} SET version = %s WHERE sink = %s", (parcel.upto, who))
        return True

    def _prepare(self, cursor: psycopg.Cursor, parcel: Parcel) -> None:
        columns: list[sql.Composable] = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_type(kind)))
            for name, kind in zip(parcel.schema.names, parcel.types, strict=True)
        ]
        if parcel.way is Way.MERGE:
            columns.append(sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, parcel.keys))))
        made = sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(_name(parcel.target), sql.SQL(", ").join(columns))
        cursor.execute(made)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as err:
            said = redacted(" ".join(str(err).split()), self._secret)[:300]
            state = err.sqlstate or ""
            if state.startswith("28") or state == "42501":
                raise Forbidden(f"Postgres does not let this user write that: {said}") from None
            if state.startswith(("22", "23", "42")) or isinstance(err, psycopg.DataError):
                raise InvalidInput(f"Postgres cannot take the rows: {said}; nothing was written") from None
            raise Unavailable(f"Postgres does not answer as it should: {said}") from None


def _apply(cursor: psycopg.Cursor, parcel: Parcel, batches: pa.RecordBatchReader, *, inserts: bool) -> None:
    """Remove the rows whose keys come, then, if they are to be there, write those that come."""
    target, coming = _name(parcel.target), sql.Identifier("yard_coming")
    columns = sql.SQL(", ").join(map(sql.Identifier, batches.schema.names))
    fresh = sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0")
    cursor.execute(fresh.format(coming, columns, target))
    _copy(cursor, coming, batches.schema.names, batches)
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = c.{0}").format(sql.Identifier(key)) for key in parcel.keys)
    cursor.execute(sql.SQL("DELETE FROM {} AS t USING {} AS c WHERE {}").format(target, coming, same))
    if inserts:
        cursor.execute(sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {2}").format(target, columns, coming))
    cursor.execute(sql.SQL("DROP TABLE {}").format(coming))


def _noted(sink: str, target: str) -> str:
    return f"{sink} {target}"


def _name(target: str) -> sql.Identifier:
    return sql.Identifier(*target.split(".", 1))


def _type(kind: str) -> str:
    if found := _LIST.fullmatch(kind):
        return f"{_TYPES[found[1]]}[]"
    if found := _DECIMAL.fullmatch(kind):
        return f"numeric({found[1]}, {found[2]})"
    return _TYPES[kind]


def _copy(
    cursor: psycopg.Cursor, target: sql.Composable, names: Sequence[str], batches: pa.RecordBatchReader
) -> None:  # fmt: skip
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(target, columns)) as copy:
        for batch in batches:
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                copy.write_row(row)
