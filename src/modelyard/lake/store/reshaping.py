"""SQL of verbs that change a table: which rows a condition meets, what stays, what they become, what breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.lake.api import Column
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN, sql_type
from modelyard.lake.store.casts import literal, quoted, scan
from modelyard.lake.store.merging import same_key
from modelyard.lake.store.scans import source

FILE = "_file"
_PLACE = f"{LOAD_COLUMN}, {ROW_COLUMN}"


def alone(condition: str) -> tuple[str, str]:
    """Two texts that are each one SELECT only if the condition is one expression."""
    return f"SELECT 1 WHERE\n{condition}\n", f"SELECT (\n{condition}\n)"


def meeting(paths: Sequence[str], columns: Sequence[Column], condition: str) -> str:
    """For each file that holds rows that meet a condition: the file, and how many."""
    listed = ", ".join(map(literal, paths))
    file = _free([c.name for c in columns])
    return (
        f"SELECT {file}, count(*) FROM read_parquet([{listed}], union_by_name = true, filename = {literal(file)}) "
        f"WHERE (\n{condition}\n) GROUP BY ALL"
    )


def sparing(paths: Sequence[str], columns: Sequence[Column], condition: str) -> str:
    """The rows of some files that do not meet a condition."""
    names = ", ".join(quoted(c.name) for c in columns)
    return f"SELECT {names}, {_PLACE} FROM {source(paths, columns)} WHERE (\n{condition}\n) IS NOT TRUE"


def breaking(paths: Sequence[str], columns: Sequence[Column], condition: str) -> str:
    """How many rows break a condition; one that is null holds."""
    return f"SELECT count(*) FROM {source(paths, columns)} WHERE (\n{condition}\n) IS FALSE"


def broken(paths: Sequence[str], columns: Sequence[Column], condition: str) -> str:
    """The places of the rows that break a condition."""
    return f"SELECT {ROW_COLUMN} FROM {source(paths, columns)} WHERE (\n{condition}\n) IS FALSE"


def unkeyed(paths: Sequence[str], columns: Sequence[Column], keys: Sequence[str]) -> str:
    """How many rows have no whole key, and how many keys come more than once."""
    names = [quoted(key) for key in keys]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    scan = source(paths, columns)
    return (
        f"SELECT (SELECT count(*) FROM {scan} WHERE NOT ({whole})), (SELECT count(*) FROM "
        f"(SELECT 1 FROM {scan} GROUP BY {', '.join(names)} HAVING count(*) > 1))"
    )


def renamed(paths: Sequence[str], columns: Sequence[Column], column: str, fresh: str) -> str:
    """All rows, one column under another name."""
    names = [f"{quoted(c.name)} AS {quoted(fresh)}" if c.name == column else quoted(c.name) for c in columns]
    return _all(paths, columns, names)


def chosen(paths: Sequence[str], columns: Sequence[Column], names: Sequence[str]) -> str:
    """All rows, some columns."""
    return _all(paths, columns, [quoted(name) for name in names])


def cast(paths: Sequence[str], columns: Sequence[Column], kinds: Mapping[str, str]) -> str:
    """All rows, some columns in other types."""
    names = [
        f"CAST({quoted(c.name)} AS {sql_type(kinds[c.name])}) AS {quoted(c.name)}"
        if c.name in kinds
        else quoted(c.name)
        for c in columns
    ]
    return _all(paths, columns, names)


def extended(paths: Sequence[str], columns: Sequence[Column], fresh: Column, expression: str) -> str:
    """All rows with a computed column at the end."""
    names = [quoted(c.name) for c in columns]
    return _all(paths, columns, [*names, f"CAST((\n{expression}\n) AS {sql_type(fresh.type)}) AS {quoted(fresh.name)}"])


def parted(paths: Sequence[str], columns: Sequence[Column], by: Sequence[str]) -> str:
    """All rows, those of a partition together."""
    return ordered(chosen(paths, columns, [c.name for c in columns]), by)


def ordered(query: str, by: Sequence[str]) -> str:
    """The rows of a query, those of a partition together."""
    order = ", ".join([*(f"{quoted(name)} NULLS FIRST" for name in by), _PLACE])
    return f"SELECT * FROM ({query}) ORDER BY {order}"


def keyed(paths: Sequence[str], columns: Sequence[Column], keys: Sequence[str], given: Sequence[str]) -> str:
    """For each file that holds rows of some keys: the file, and how many. `given` are files of keys."""
    listed = ", ".join(map(literal, paths))
    chosen = ", ".join(quoted(key) for key in keys)
    file = _free([c.name for c in columns])
    scanned = f"read_parquet([{listed}], union_by_name = true, filename = {literal(file)})"
    return (
        f"SELECT old.{file}, count(*) FROM (SELECT {chosen}, {file} FROM {scanned}) old "
        f"SEMI JOIN {scan(given)} new ON {same_key(keys)} GROUP BY ALL"
    )


def _free(names: Sequence[str]) -> str:
    """A name that no column has."""
    found = FILE
    while found in {name.lower() for name in names}:
        found += "_"
    return found


def _all(paths: Sequence[str], columns: Sequence[Column], names: Sequence[str]) -> str:
    return f"SELECT {', '.join(names)}, {_PLACE} FROM {source(paths, columns)}"
