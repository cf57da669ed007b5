"""Row sources in SQL databases, read as Arrow through ADBC: no row passes through Python.

Postgres and SQLite have drivers of their own in the extra; MySQL, Snowflake and BigQuery go through the same adapter
once their driver is installed. Values that Arrow has no type for travel as text. It only ever reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import pyarrow as pa
from adbc_driver_manager import DatabaseError
from adbc_driver_manager import Error as AdbcError

from modelyard.adapters.sources import dialects
from modelyard.adapters.sources.addresses import Grounds, redacted
from modelyard.adapters.sources.connecting import check, connect
from modelyard.adapters.sources.dialects import Dialect
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable, YardError
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import Abilities, Ask, Batch, Shape, Stream, StreamKind

__all__ = ["SqlSource", "check", "opened"]
_POSITION = "_position"
_DIALECTS = {
    "postgresql": dialects.POSTGRES, "postgres": dialects.POSTGRES, "sqlite": dialects.SQLITE,
    "mysql": dialects.MYSQL, "snowflake": dialects.SNOWFLAKE, "bigquery": dialects.BIGQUERY,
}  # fmt: skip
_BATCH_BYTES = str(4 << 20)
_TELLS_THAT_IT_MISSES = re.compile(r"no such (table|column)|does not exist|doesn't exist|not found", re.IGNORECASE)


def opened(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> SqlSource:
    """The database behind an address."""
    scheme = address.partition("://")[0]
    return SqlSource(address, secret, options, grounds, dialect=_DIALECTS[scheme])


class _Column(NamedTuple):
    """One column: its name, the expression that reads it, what Arrow it comes as, what its text means."""

    name: str
    read: str
    kind: pa.DataType
    hint: str | None = None


class SqlSource:
    """One database, over one connection that is opened when it is first needed."""

    abilities = Abilities(columns_as_cursor=True, queries=True, ranges=True)

    def __init__(
        self, address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds, *, dialect: Dialect
    ) -> None:
        self._address = address
        self._secret = secret
        self._options = options
        self._grounds = grounds
        self._dialect = dialect
        self._typed = dialect is not dialects.SQLITE
        self._open: Any = None

    def streams(self) -> Iterator[Stream]:
        """Tables and views that may be read."""
        for schema, name, kind, rows in self._rows(self._dialect.listing):
            full = name if schema in (self._dialect.home, "") else f"{schema}.{name}"
            count = None if rows is None else int(rows)
            yield Stream(name=str(full), kind=StreamKind.VIEW if kind == "view" else StreamKind.TABLE, rows=count)

    def shape(self, ask: Ask) -> Shape:
        """The columns of a table or query."""
        columns = self._columns(ask)
        return Shape(
            pa.schema([pa.field(c.name, c.kind) for c in columns]),
            {c.name: c.hint for c in columns if c.hint is not None},
            None if ask.query or ask.after or ask.low or ask.high else self._estimate(ask.stream),
        )

    def read(self, ask: Ask) -> Iterator[Batch]:
        """The rows of a table or query, in the order of the cursor where there is one."""
        columns = self._columns(ask)
        schema = pa.schema([pa.field(c.name, c.kind) for c in columns])
        position, skip = "", 0 if self._typed else 1
        with self._answer(self._query(ask, columns)) as reader:
            while (batch := self._next(reader)) is not None:
                batch, skip = batch.slice(skip), max(0, skip - batch.num_rows)
                for start in range(0, batch.num_rows, ask.batch_rows):
                    part = batch.slice(start, ask.batch_rows)
                    if ask.cursor:
                        position = _last(part.column(len(columns))) or position
                    arrays = [_as(part.column(n), field.type) for n, field in enumerate(schema)]
                    yield Batch(pa.RecordBatch.from_arrays(arrays, schema=schema), position)

    def close(self) -> None:
        """Let go of the connection."""
        if self._open is not None:
            connection, self._open = self._open, None
            with self._translated():
                connection.close()

    def _columns(self, ask: Ask) -> list[_Column]:
        if bool(ask.stream) == bool(ask.query):
            raise InvalidInput("name a stream to read, or write a query; one of the two")
        found = self._described(ask) if self._typed else self._declared(ask)
        if not found:
            raise NotFound(f"there is no table {ask.stream[:80]!r} in this database; list them: yard lake streams")
        if ask.cursor and ask.cursor not in {c.name for c in found}:
            names = ", ".join(c.name for c in found)[:300]
            raise NotFound(f"there is no column {ask.cursor[:80]!r} to read on by; there are {names}")
        return found

    def _described(self, ask: Ask) -> list[_Column]:
        """Columns as the driver describes an empty answer."""
        with self._answer(f"SELECT * FROM {self._source(ask)} LIMIT 0") as reader:
            return [self._column(field) for field in reader.schema]

    def _column(self, field: pa.Field) -> _Column:
        name = self._dialect.name(field.name)
        if _travels(field.type):
            return _Column(field.name, name, field.type)
        return _Column(field.name, self._dialect.as_text(name), pa.string(), _meaning(field))

    def _declared(self, ask: Ask) -> list[_Column]:
        """Columns of SQLite, whose values may be of any type whatever was declared: all but bytes travel as text."""
        if ask.query:
            with self._answer(f"SELECT * FROM {self._source(ask)} LIMIT 0") as reader:
                given = [(name, "") for name in reader.schema.names]
        else:
            table = self._dialect.literal(ask.stream.removeprefix("main."))
            given = [(str(n), str(t)) for n, t in self._rows(f"SELECT name, type FROM pragma_table_xinfo({table})")]
        found = []
        for plain, declared in given:
            name, hint = self._dialect.name(plain), dialects.hint_of(declared)
            if hint == "binary":
                found.append(_Column(plain, f"CAST({name} AS BLOB)", pa.binary()))
                continue
            exact = (
                f"CASE typeof({name}) WHEN 'real' THEN printf('%!.17g', {name}) WHEN 'blob' THEN hex({name}) "
                f"ELSE CAST({name} AS TEXT) END"
            )
            found.append(_Column(plain, exact, pa.string(), None if hint == "string" else hint))
        return found

    def _source(self, ask: Ask) -> str:
        given = f"(\n{ask.query}\n)" if ask.query else self._dialect.table(ask.stream)
        return f"{given} AS asked"

    def _query(self, ask: Ask, columns: Sequence[_Column]) -> str:
        speak = self._dialect
        chosen = [f"{c.read} AS {speak.name(c.name)}" for c in columns]
        if ask.cursor:
            chosen.append(f"{speak.position_of(speak.name(ask.cursor))} AS {speak.name(_POSITION)}")
        text = f"SELECT {', '.join(chosen)} FROM {self._source(ask)}{self._condition(ask)}"
        if self._typed:
            return text
        # The driver takes the types of its first rows for those of all; a row of the right types goes in front.
        first = [f"{'x' * pa.types.is_binary(c.kind)}'00' AS {speak.name(c.name)}" for c in columns]
        first += ["'0'"] * bool(ask.cursor)
        return f"SELECT {', '.join(first)} UNION ALL SELECT * FROM ({text} LIMIT -1)"

    def _condition(self, ask: Ask) -> str:
        speak, parts = self._dialect, list[str]()
        if not ask.cursor:
            return ""
        column = f"asked.{speak.name(ask.cursor)}"  # without the prefix it would be the text that is selected
        if ask.low or ask.high:
            parts += [f"{column} >= {speak.bound(ask.low)}"] if ask.low else []
            parts += [f"{column} < {speak.bound(ask.high)}"] if ask.high else []
        elif ask.after:
            start = ask.after if ask.look_back is None else dialects.earlier(ask.after, ask.look_back)
            parts.append(f"({column} >= {speak.value(start)} OR {column} IS NULL)")
        return (f" WHERE {' AND '.join(parts)}" if parts else "") + f" ORDER BY {column}"

    def _estimate(self, stream: str) -> int | None:
        return next((each.rows for each in self.streams() if each.name == stream), None)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._answer(query) as reader:
            table = reader.read_all()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    @contextmanager
    def _answer(self, query: str) -> Iterator[pa.RecordBatchReader]:
        with self._translated():
            if self._open is None:
                self._open = connect(self._address, self._secret, self._options, self._grounds)
            cursor = self._open.cursor()
        with closing(cursor):
            with self._translated():
                if self._dialect is dialects.POSTGRES:
                    cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
                cursor.execute(query)
                reader = cursor.fetch_record_batch()
            with self._translated():
                yield reader

    def _next(self, reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
        with self._translated():
            try:
                return reader.read_next_batch()
            except StopIteration:
                return None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except YardError:
            raise
        except (AdbcError, pa.ArrowException, OSError) as err:
            raise self._ours(err) from None

    def _ours(self, err: Exception) -> YardError:
        text = redacted(" ".join(str(err).split()), self._secret)[:400]
        state = str(getattr(err, "sqlstate", None) or "")
        if state.startswith("28") or "password" in text.lower():
            return Forbidden(f"the database refuses the credentials: {text}; give the right `secret`")
        if state == "42501":
            return Forbidden(f"the database does not let this user read that: {text}")
        if state in ("42P01", "42703", "3F000") or _TELLS_THAT_IT_MISSES.search(text):
            return NotFound(f"the database does not have what is asked for: {text}")
        if state.startswith(("22", "42")):
            return InvalidInput(f"the database cannot read that: {text}")
        if isinstance(err, DatabaseError) and not state and "syntax" in text:
            return InvalidInput(f"the database cannot read that: {text}")
        return Unavailable(f"the database does not answer as it should: {text}")


def _travels(kind: pa.DataType) -> bool:
    """True for what the lake has a type for."""
    t = pa.types
    if isinstance(kind, pa.BaseExtensionType) or t.is_float16(kind):
        return False
    if t.is_list(kind):
        element = kind.value_type
        return not t.is_nested(element) and (
            t.is_string(element) or t.is_floating(element) or t.is_boolean(element) or t.is_signed_integer(element)
        )
    return bool(
        t.is_boolean(kind) or t.is_integer(kind) or t.is_floating(kind) or t.is_string(kind) or t.is_binary(kind)
        or t.is_large_string(kind) or t.is_large_binary(kind) or t.is_date32(kind) or t.is_timestamp(kind)
        or t.is_decimal128(kind)
    )  # fmt: skip


def _meaning(field: pa.Field) -> str | None:
    """What the text of a column means that Arrow has no type for; only exact numbers mean more than their text."""
    told = field.metadata or {}
    if told.get(b"ADBC:postgresql:typname") != b"numeric":
        return None
    packed = int(told.get(b"POSTGRESQL:typmod", b"-1")) - 4
    digits, after = packed >> 16, packed & 0x7FF
    return f"decimal({digits}, {after})" if packed >= 0 and after <= digits <= 38 else ""


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    return column if column.type == kind else column.cast(kind)


def _last(column: pa.Array) -> str:
    """The last value that is there, as text."""
    for place in range(len(column) - 1, -1, -1):
        value = column[place].as_py()
        if value is not None and value != "NULL" and not (isinstance(value, float) and math.isnan(value)):
            return str(value)
    return ""
