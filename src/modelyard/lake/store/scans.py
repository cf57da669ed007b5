"""SQL that reads a version's files: rows, windows, counts. Users' conditions run confined."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.lake.api import Column
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN, sql_type
from modelyard.lake.store.casts import quoted, scan

_PLACE = f"{LOAD_COLUMN}, {ROW_COLUMN}"


def source(paths: Sequence[str], columns: Sequence[Column]) -> str:
    """The rows of a version with provenance, also where it has no file at all."""
    if paths:
        return scan(paths)
    empty = [f"CAST(NULL AS {sql_type(c.type)}) AS {quoted(c.name)}" for c in columns]
    return (
        f"(SELECT {', '.join(empty)}, CAST(NULL AS VARCHAR) AS {LOAD_COLUMN}, CAST(NULL AS BIGINT) AS {ROW_COLUMN} "
        "WHERE FALSE)"
    )


def _condition(where: str | None) -> str:
    return f" WHERE (\n{where}\n)" if where else ""


def rows(
    paths: Sequence[str], names: Sequence[str], columns: Sequence[Column], *, where: str | None = None,
    limit: int | None = None, provenance: bool = False,
) -> str:  # fmt: skip
    """Some columns of the rows that match, in the order of loading."""
    chosen = ", ".join(quoted(name) for name in names) + (f", {_PLACE}" if provenance else "")
    end = "" if limit is None else f" LIMIT {int(limit)}"
    return f"SELECT {chosen} FROM {source(paths, columns)}{_condition(where)}{end}"


def count(paths: Sequence[str], columns: Sequence[Column], where: str) -> str:
    """How many rows match."""
    return f"SELECT count(*) FROM {source(paths, columns)}{_condition(where)}"


def window(
    paths: Sequence[str], columns: Sequence[Column], *, where: str | None, sort: str | None, descending: bool,
    span: tuple[int, int],
) -> str:  # fmt: skip
    """A window of the rows that match, sorted; rows that sort alike keep the order of loading."""
    offset, limit = span
    chosen = ", ".join(quoted(c.name) for c in columns)
    by = f"{quoted(sort)} {'DESC' if descending else 'ASC'} NULLS LAST, " if sort else ""
    return (
        f"SELECT {chosen} FROM {source(paths, columns)}{_condition(where)} ORDER BY {by}{_PLACE} "
        f"LIMIT {int(limit)} OFFSET {int(offset)}"
    )


def plan(query: str) -> str:
    """How a query would be answered."""
    return f"EXPLAIN {query}"
