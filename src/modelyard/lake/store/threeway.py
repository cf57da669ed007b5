"""SQL of a three-way merge: what two sides changed since the version both come from, and where they disagree.

Three tables are made for one session. `theirs` and `ours` hold the rows that a side changed against the base, by key,
with the values that the side has now; `taken` holds the keys that are to come from theirs. Columns are paired by name
and go by position, so no name of a column can be mistaken for one of ours. Rows of files that all versions share are
never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.lake.api import Column
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN, sql_type
from modelyard.lake.store.casts import quoted
from modelyard.lake.store.scans import source

PLACE = (LOAD_COLUMN, ROW_COLUMN)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some files of a version, and its columns."""

    files: Sequence[str]
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class Triple:
    """The three versions of a merge, without the files that all of them share.

    Attributes:
        columns: of the merged table.
        by: the columns that say which rows are the same one.
    """

    base: Rows
    ours: Rows
    theirs: Rows
    columns: Sequence[Column]
    by: Sequence[str]


def _value(column: Column, rows: Rows) -> str:
    held = next((c for c in rows.columns if c.name == column.name), None)
    if held is None:
        return f"CAST(NULL AS {sql_type(column.type)})"
    return (
        quoted(column.name) if held.type == column.type else f"CAST({quoted(column.name)} AS {sql_type(column.type)})"
    )


def _keys(triple: Triple, rows: Rows) -> list[str]:
    typed = {c.name: c for c in triple.columns}
    return [_value(typed[name], rows) if name in typed else quoted(name) for name in triple.by]


def _projected(triple: Triple, rows: Rows) -> str:
    keys = [f"{value} AS k{n}" for n, value in enumerate(_keys(triple, rows))]
    values = [f"{_value(column, rows)} AS v{n}" for n, column in enumerate(triple.columns)]
    return f"SELECT {', '.join([*keys, *values, 'TRUE AS here'])} FROM {source(rows.files, rows.columns)}"


def unclear(triple: Triple) -> str:
    """How many keys have a missing part, or come twice, on any of the three sides."""
    names = ", ".join(f"k{n}" for n in range(len(triple.by)))
    missing = " OR ".join(f"k{n} IS NULL" for n in range(len(triple.by)))
    parts = [
        f"(SELECT count(*) FROM (SELECT {names} FROM ({_projected(triple, rows)}) GROUP BY {names} "
        f"HAVING count(*) > 1 OR {missing}))"
        for rows in (triple.base, triple.ours, triple.theirs)
    ]
    return f"SELECT {' + '.join(parts)}"


def _same_key(triple: Triple, left: str, right: str) -> str:
    return " AND ".join(f"{left}.k{n} = {right}.k{n}" for n in range(len(triple.by)))


def _differ(triple: Triple, left: str, right: str) -> str:
    each = [f"{left}.v{n} IS DISTINCT FROM {right}.v{n}" for n in range(len(triple.columns))]
    return " OR ".join(each) or "FALSE"


def changes(triple: Triple, rows: Rows, name: str) -> str:
    """Make the table `name` of the rows that a side changed; `was` and `here` say where a row is: base and side."""
    keys = [f"coalesce(s.k{n}, b.k{n}) AS k{n}" for n in range(len(triple.by))]
    values = [f"s.v{n}" for n in range(len(triple.columns))] + [f"b.v{n} AS b{n}" for n in range(len(triple.columns))]
    chosen = ", ".join([*keys, *values, "b.here IS NOT NULL AS was", "s.here IS NOT NULL AS here"])
    return (
        f"CREATE OR REPLACE TEMP TABLE {name} AS WITH b AS ({_projected(triple, triple.base)}), "
        f"s AS ({_projected(triple, rows)}) SELECT {chosen} FROM b FULL JOIN s ON {_same_key(triple, 'b', 's')} "
        f"WHERE b.here IS NULL OR s.here IS NULL OR {_differ(triple, 'b', 's')}"
    )


def counts(name: str) -> str:
    """How many rows a side added, removed, changed."""
    return f"SELECT count_if(NOT was AND here), count_if(was AND NOT here), count_if(was AND here) FROM {name}"


def _disputed(triple: Triple) -> str:
    return f"NOT (NOT o.here AND NOT t.here) AND (o.here <> t.here OR {_differ(triple, 'o', 't')})"


def conflicts(triple: Triple) -> str:
    """How many keys both sides changed differently."""
    return f"SELECT count(*) FROM theirs t JOIN ours o ON {_same_key(triple, 't', 'o')} WHERE {_disputed(triple)}"


def conflict_page(triple: Triple, *, offset: int, limit: int) -> str:
    """Some conflicts by key: key, whether base, ours, theirs have the row, then their values."""
    keys = [f"t.k{n}" for n in range(len(triple.by))]
    width = range(len(triple.columns))
    values = [*(f"t.b{n}" for n in width), *(f"o.v{n}" for n in width), *(f"t.v{n}" for n in width)]
    named = ", ".join(f"{each} AS c{n}" for n, each in enumerate([*keys, "t.was", "o.here", "t.here", *values]))
    return (
        f"SELECT {named} FROM theirs t JOIN ours o ON {_same_key(triple, 't', 'o')} WHERE {_disputed(triple)} "
        f"ORDER BY {', '.join(keys)} LIMIT {int(limit)} OFFSET {int(offset)}"
    )


def take(triple: Triple, *, theirs_win: bool) -> str:
    """Make the table `taken` of the keys whose row is to be as theirs has it."""
    keys = ", ".join(f"t.k{n}" for n in range(len(triple.by)))
    disputed = f" OR ({_disputed(triple)})" if theirs_win else ""
    return (
        f"CREATE OR REPLACE TEMP TABLE taken AS SELECT {keys}, t.here FROM theirs t LEFT JOIN ours o "
        f"ON {_same_key(triple, 't', 'o')} WHERE o.here IS NULL{disputed}"
    )


def _keyed(triple: Triple, rows: Rows) -> str:
    """The rows of files in the columns of the merged table, with place, and with keys beside; all by position."""
    keys = [f"{value} AS k{n}" for n, value in enumerate(_keys(triple, rows))]
    values = [f"{_value(column, rows)} AS v{n}" for n, column in enumerate(triple.columns)]
    place = [f"{name} AS p{n}" for n, name in enumerate(PLACE)]
    return f"(SELECT {', '.join([*values, *place, *keys])} FROM {source(rows.files, rows.columns)})"


def _stored(triple: Triple) -> str:
    values = [f"r.v{n} AS {quoted(column.name)}" for n, column in enumerate(triple.columns)]
    return ", ".join([*values, *(f"r.p{n} AS {name}" for n, name in enumerate(PLACE))])


def leaving(triple: Triple, rows: Rows) -> str:
    """How many rows of ours are to go."""
    return f"SELECT count(*) FROM {_keyed(triple, rows)} r SEMI JOIN taken x ON {_same_key(triple, 'r', 'x')}"


def staying(triple: Triple, rows: Rows) -> str:
    """The rows of ours that stay, as they are stored."""
    return f"SELECT {_stored(triple)} FROM {_keyed(triple, rows)} r ANTI JOIN taken x ON {_same_key(triple, 'r', 'x')}"


def coming(triple: Triple, rows: Rows) -> str:
    """How many rows of theirs are to come."""
    return f"SELECT count(*) {_coming(triple, rows)}"


def arriving(triple: Triple, rows: Rows) -> str:
    """The rows of theirs that come, as they are stored."""
    return f"SELECT {_stored(triple)} {_coming(triple, rows)}"


def _coming(triple: Triple, rows: Rows) -> str:
    wanted = "(SELECT * FROM taken WHERE here)"
    return f"FROM {_keyed(triple, rows)} r SEMI JOIN {wanted} x ON {_same_key(triple, 'r', 'x')}"
