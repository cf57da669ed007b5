"""SQL of a merge: which new rows cannot take part, and which old rows a new one of the same key replaces."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.lake.api import Column
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN
from modelyard.lake.store.casts import quoted, scan
from modelyard.lake.store.scans import source


def unfit(files: Sequence[str], keys: Sequence[str]) -> str:
    """Places and reasons of new rows whose key has a missing part, or comes again further on in the load."""
    names = [quoted(key) for key in keys]
    missing = " OR ".join(f"{name} IS NULL" for name in names)
    order = f"PARTITION BY {', '.join(names)} ORDER BY {ROW_COLUMN} DESC"
    return (
        f"SELECT {ROW_COLUMN}, CASE WHEN lost THEN 'a part of the key is missing' "
        f"ELSE 'a later row of the load has the same key' END FROM (SELECT {ROW_COLUMN}, {missing} AS lost, "
        f"row_number() OVER ({order}) AS again FROM {scan(files)}) WHERE lost OR again > 1"
    )


def same_key(keys: Sequence[str]) -> str:
    """The condition that an old row and a new one have the same key."""
    return " AND ".join(f"old.{quoted(key)} = new.{quoted(key)}" for key in keys)


def remaining(files: Sequence[str], columns: Sequence[Column], new: Sequence[str], keys: Sequence[str]) -> str:
    """The rows of some files that no new row replaces."""
    names = ", ".join(f"old.{quoted(c.name)}" for c in columns)
    return (
        f"SELECT {names}, old.{LOAD_COLUMN}, old.{ROW_COLUMN} FROM {source(files, columns)} old "
        f"ANTI JOIN {scan(new)} new ON {same_key(keys)}"
    )


def keys_of(new: Sequence[str], gone: Sequence[str], keys: Sequence[str]) -> str:
    """The keys of new rows, and those that are gone."""
    names = ", ".join(quoted(key) for key in keys)
    return " UNION ALL ".join(f"SELECT {names} FROM {scan(each)}" for each in (new, gone) if each)


def _equal(names: Sequence[str]) -> str:
    return " AND ".join(f"old.{quoted(name)} IS NOT DISTINCT FROM new.{quoted(name)}" for name in names)


def unchanged(new: Sequence[str], there: Sequence[str], names: Sequence[str], keys: Sequence[str]) -> str:
    """Places of new rows that equal the row of their key in every column."""
    rest = [name for name in names if name not in keys]
    equal = f" AND {_equal(rest)}" if rest else ""
    return f"SELECT new.{ROW_COLUMN} FROM {scan(new)} new SEMI JOIN {scan(there)} old ON {same_key(keys)}{equal}"


def repeated(new: Sequence[str], there: Sequence[str], names: Sequence[str], window: str) -> str:
    """Places of new rows that equal a whole row that is there, as many as are there of each.

    Args:
        window: a column; only rows from its least new value on are looked at, and those without a value.
    """
    listed = ", ".join(quoted(name) for name in names)
    where = ""
    if window:
        least = f"(SELECT min({quoted(window)}) FROM {scan(new)})"
        where = f" WHERE {quoted(window)} >= {least} OR {quoted(window)} IS NULL OR {least} IS NULL"
    old = f"SELECT {listed}, row_number() OVER (PARTITION BY {listed}) AS nth FROM {scan(there)}{where}"
    fresh = (
        f"SELECT {listed}, {ROW_COLUMN}, row_number() OVER (PARTITION BY {listed} ORDER BY {ROW_COLUMN}) AS nth "
        f"FROM {scan(new)}"
    )
    return f"SELECT new.{ROW_COLUMN} FROM ({fresh}) new SEMI JOIN ({old}) old ON new.nth = old.nth AND {_equal(names)}"


def gone(new: Sequence[str], there: Sequence[str], keys: Sequence[str]) -> str:
    """Keys that are there and do not come."""
    names = ", ".join(f"old.{quoted(key)}" for key in keys)
    if not there:
        return f"SELECT {', '.join(f'NULL AS {quoted(key)}' for key in keys)} WHERE FALSE"
    if not new:
        return f"SELECT {names} FROM {scan(there)} old"
    return f"SELECT {names} FROM {scan(there)} old ANTI JOIN {scan(new)} new ON {same_key(keys)}"
