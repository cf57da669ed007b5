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
