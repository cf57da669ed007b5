"""How databases write names, texts and casts, so that one adapter reads them all. It never runs anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal

from modelyard.kernel.errors import InvalidInput

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_QUOTED = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One database's way of writing.

    Attributes:
        mark: the quote around a name.
        text: the type that a cast to text names.
        escapes: True where a backslash escapes in a text.
        position: an expression whose answer is the text of a cursor's value, as `literal` takes it again.
        listing: a query for schema, name, kind and estimated rows of what can be read.
        home: the schema whose name is left out.
    """

    mark: str
    text: str
    escapes: bool
    listing: str
    home: str
    position: Literal["cast", "quote"] = "cast"

    def name(self, text: str) -> str:
        """A name, quoted."""
        if "\0" in text:
            raise InvalidInput("a name holds no NUL character")
        return self.mark + text.replace(self.mark, self.mark * 2) + self.mark

    def table(self, stream: str) -> str:
        """A stream as the FROM of a query has it."""
        schema, dot, table = stream.partition(".")
        return f"{self.name(schema)}.{self.name(table)}" if dot and schema and table else self.name(stream)

    def literal(self, text: str) -> str:
        """A text, quoted; compared with a column it takes the column's type."""
        if "\0" in text:
            raise InvalidInput("a value to compare with holds no NUL character")
        if self.escapes:
            text = text.replace("\\", "\\\\").replace("'", "\\'")
            return f"'{text}'"
        return "'" + text.replace("'", "''") + "'"

    def as_text(self, name: str) -> str:
        """A column's value as text."""
        return f"CAST({name} AS {self.text})"

    def position_of(self, name: str) -> str:
        """A column's value as a position."""
        return f"quote({name})" if self.position == "quote" else self.as_text(name)

    def value(self, position: str) -> str:
        """A kept position as the query compares with it.

        Raises:
            InvalidInput: it is none that this dialect gave.
        """
        if self.position == "cast":
            return self.literal(position)
        if not (_NUMBER.fullmatch(position) or _QUOTED.fullmatch(position)):
            raise InvalidInput("the kept position is no value of this database; declare the source again")
        return position

    def bound(self, text: str) -> str:
        """An end of a range that a user gave, as the query compares with it."""
        return text if self.position == "quote" and _NUMBER.fullmatch(text) else self.literal(text)


_POSTGRES = (
    "SELECT n.nspname, c.relname, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, "
    "CASE WHEN c.relkind = 'r' AND c.reltuples >= 0 THEN c.reltuples::bigint END "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
    "AND n.nspname NOT LIKE 'pg_toast%' AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2"
)
_SQLITE = (
    "SELECT 'main', name, type, NULL FROM sqlite_master WHERE type IN ('table', 'view') "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 2"
)
_STANDARD = (
    "SELECT table_schema, table_name, CASE WHEN table_type LIKE '%VIEW%' THEN 'view' ELSE 'table' END, NULL "
    "FROM information_schema.tables WHERE LOWER(table_schema) NOT IN "
    "('information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY 1, 2"
)

POSTGRES = Dialect('"', "text", False, _POSTGRES, "public")
SQLITE = Dialect('"', "TEXT", False, _SQLITE, "main", position="quote")
MYSQL = Dialect("`", "CHAR", True, _STANDARD, "")
SNOWFLAKE = Dialect('"', "VARCHAR", True, _STANDARD, "PUBLIC")
BIGQUERY = Dialect("`", "STRING", True, _STANDARD, "")


def earlier(position: str, look_back: float | timedelta) -> str:
    """A position, moved back.

    >>> earlier("2026-01-02 00:00:00+00", timedelta(hours=1))
    '2026-01-01 23:00:00+00:00'
    >>> earlier("'2026-01-02'", timedelta(days=1))
    "'2026-01-01'"
    >>> earlier("100", 7)
    '93'

    Raises:
        InvalidInput: the value is no time, or no number, to look back from.
    """
    quoted = position.startswith("'") and position.endswith("'") and len(position) > 1
    plain = position[1:-1].replace("''", "'") if quoted else position
    moved = _before(plain, look_back) if isinstance(look_back, timedelta) else _less(plain, look_back)
    return f"'{moved}'" if quoted else moved


def _less(plain: str, look_back: float) -> str:
    try:
        return str(Decimal(plain) - Decimal(str(look_back)))
    except InvalidOperation as err:
        raise InvalidInput(f"{plain[:40]!r} is no number to look back from; give look_back as a time, e.g. 2h") from err


def _before(plain: str, look_back: timedelta) -> str:
    try:
        if len(plain) == 10:
            return (date.fromisoformat(plain) - max(look_back, timedelta(days=1))).isoformat()
        moment = datetime.fromisoformat(plain) - look_back
    except (ValueError, OverflowError) as err:
        raise InvalidInput(f"{plain[:40]!r} is no time to look back from; give look_back as a number") from err
    text = moment.isoformat("T" if "T" in plain else " ")
    return text.replace("+00:00", "Z") if plain.endswith("Z") else text


def hint_of(declared: str) -> str | None:
    """What a column declared so in SQLite holds, in the lake's words; empty where its values must tell.

    >>> [hint_of(t) for t in ("INTEGER", "varchar(20)", "DATETIME", "DECIMAL(10,2)", "REAL", "")]
    ['int64', 'string', 'timestamp', 'decimal(10, 2)', 'float64', '']
    """
    kind = declared.lower()
    if found := re.fullmatch(r"(?:decimal|numeric)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", kind):
        digits, after = int(found[1]), int(found[2] or 0)
        return f"decimal({digits}, {after})" if 0 < digits <= 38 and after <= digits else ""
    known: Sequence[tuple[str, str]] = (
        ("bool", "bool"), ("datetime", "timestamp"), ("timestamp", "timestamp"), ("date", "date"), ("int", "int64"),
        ("char", "string"), ("clob", "string"), ("text", "string"), ("blob", "binary"), ("real", "float64"),
        ("floa", "float64"), ("doub", "float64"),
    )  # fmt: skip
    return next((word for part, word in known if part in kind), "")
