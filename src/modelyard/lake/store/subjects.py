"""SQL that finds the rows of a subject: those whose value in one column is one of some values."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.lake.api import Column
from modelyard.lake.model.columns import LOAD_COLUMN, sql_type
from modelyard.lake.store.casts import cast, literal, quoted, scan


def typed(column: Column, values: Sequence[str]) -> str:
    """A query that gives each value in the column's type, as text again; null where it has no such value."""
    each = [f"CAST({cast(literal(value), column.type)} AS VARCHAR)" for value in values]
    return f"SELECT {', '.join(each)}"


def condition(column: Column, values: Sequence[str]) -> str:
    """True for the subject's rows, never null."""
    each = ", ".join(f"CAST({literal(value)} AS {sql_type(column.type)})" for value in values)
    return f"coalesce({quoted(column.name)} IN ({each}), FALSE)"


def found(path: str, about: str) -> str:
    """How many of the subject's rows each load brought into a file."""
    return f"SELECT {LOAD_COLUMN}, count(*) FROM {scan([path])} WHERE {about} GROUP BY ALL"


def remainder(path: str, about: str) -> str:
    """All columns of the other rows of a file."""
    return f"SELECT * FROM {scan([path])} WHERE NOT {about}"


def described(path: str) -> str:
    """The columns of a file."""
    return f"SELECT name FROM parquet_schema({literal(path)})"
