"""SQL that compares two versions of a table by the files in which they differ; rows of shared files are never read.

Rows are paired by key, by provenance (`_load`, `_row`) where there is no key; rows that share a key are paired in the
order of loading. Columns are paired by name and compared in the newer type. Aliases are positions, so no column's name
can be mistaken for one of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.lake.api import Column
from modelyard.lake.model.columns import LOAD_COLUMN, ROW_COLUMN, sql_type
from modelyard.lake.store.casts import literal, quoted
from modelyard.lake.store.scans import source

CHANGE = "_change"
VERSION = "_version"


@dataclass(frozen=True, slots=True)
class Side:
    """One of two versions: the files that only it has, and its columns."""

    files: Sequence[str]
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two versions to compare.

    Attributes:
        columns: what is compared and given; those that one side lacks are null there.
        keys: how rows are paired; empty: by provenance.
    """

    old: Side
    new: Side
    columns: Sequence[Column]
    keys: Sequence[str]

    @property
    def by(self) -> tuple[str, ...]:
        """The columns by which rows are paired."""
        return tuple(self.keys) or (LOAD_COLUMN, ROW_COLUMN)


def _value(column: Column, side: Side) -> str:
    held = next((c for c in side.columns if c.name == column.name), None)
    target = sql_type(column.type)
    if held is None:
        return f"CAST(NULL AS {target})"
    return quoted(column.name) if held.type == column.type else f"TRY_CAST({quoted(column.name)} AS {target})"


def _rows(pairing: Pairing, side: Side, mark: str) -> str:
    typed = {c.name: c for c in pairing.columns}
    values = [f"{_value(column, side)} AS {mark}{n}" for n, column in enumerate(pairing.columns)]
    by = [_value(typed[name], side) if name in typed else quoted(name) for name in pairing.by]
    keys = [f"{value} AS {mark}k{n}" for n, value in enumerate(by)]
    again = f"row_number() OVER (PARTITION BY {', '.join(by)} ORDER BY {LOAD_COLUMN}, {ROW_COLUMN}) AS {mark}a"
    place = f"{LOAD_COLUMN} AS {mark}l, {ROW_COLUMN} AS {mark}r"
    chosen = ", ".join([*values, *keys, again, place])
    return f"SELECT {chosen} FROM {source(side.files, side.columns)}"


def _pairs(pairing: Pairing) -> str:
    """The common tables: every row that is not the same on both sides, old values beside new ones."""
    same = [f"o.ok{n} IS NOT DISTINCT FROM n.nk{n}" for n in range(len(pairing.by))] + ["o.oa = n.na"]
    differs = [f"o{n} IS DISTINCT FROM n{n}" for n in range(len(pairing.columns))]
    return (
        f"WITH o AS ({_rows(pairing, pairing.old, 'o')}), n AS ({_rows(pairing, pairing.new, 'n')}), "
        f"pairs AS (SELECT * FROM o FULL JOIN n ON {' AND '.join(same)} "
        f"WHERE oa IS NULL OR na IS NULL OR {' OR '.join(differs) or 'FALSE'})"
    )


def counts(pairing: Pairing) -> str:
    """How many rows were added, removed, changed."""
    return (
        f"{_pairs(pairing)} SELECT count_if(oa IS NULL), count_if(na IS NULL), "
        "count_if(oa IS NOT NULL AND na IS NOT NULL) FROM pairs"
    )


def page(pairing: Pairing, *, offset: int, limit: int) -> str:
    """Some differing rows in order of their key: which sides have it, the key, old values, new values."""
    width = len(pairing.columns)
    keys = [f"coalesce(nk{n}, ok{n})" for n in range(len(pairing.by))]
    chosen = [
        "oa IS NOT NULL", "na IS NOT NULL", *keys, *[f"o{n}" for n in range(width)], *[f"n{n}" for n in range(width)],
    ]  # fmt: skip
    named = ", ".join(f"{each} AS c{n}" for n, each in enumerate(chosen))
    order = ", ".join([*keys, "coalesce(na, oa)"])
    return f"{_pairs(pairing)} SELECT {named} FROM pairs ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}"


def feed(pairing: Pairing, version: int) -> str:
    """What a version did, row by row: the columns, `_change` and `_version`; an update is its row before and after."""
    if not pairing.old.files:
        return _one_sided(pairing, pairing.new, "insert", version)
    if not pairing.new.files:
        return _one_sided(pairing, pairing.old, "delete", version)
    parts = [
        _side(pairing, "o", "na IS NULL", "delete", version),
        _side(pairing, "o", "oa IS NOT NULL AND na IS NOT NULL", "update_before", version),
        _side(pairing, "n", "oa IS NOT NULL AND na IS NOT NULL", "update_after", version),
        _side(pairing, "n", "oa IS NULL", "insert", version),
    ]
    return f"{_pairs(pairing)} {' UNION ALL '.join(parts)}"


def _side(pairing: Pairing, mark: str, where: str, change: str, version: int) -> str:
    values = [f"{mark}{n} AS {quoted(column.name)}" for n, column in enumerate(pairing.columns)]
    return f"SELECT {_told(values, change, version)} FROM pairs WHERE {where}"


def _one_sided(pairing: Pairing, side: Side, change: str, version: int) -> str:
    values = [f"{_value(column, side)} AS {quoted(column.name)}" for column in pairing.columns]
    return f"SELECT {_told(values, change, version)} FROM {source(side.files, side.columns)}"


def _told(values: Sequence[str], change: str, version: int) -> str:
    return ", ".join([*values, f"{literal(change)} AS {CHANGE}", f"CAST({int(version)} AS BIGINT) AS {VERSION}"])
