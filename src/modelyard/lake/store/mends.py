"""SQL that mends texts: a user's expressions over the fields of held rows, in a confined session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.lake.model.columns import ROW_COLUMN
from modelyard.lake.store.casts import quoted

HELD = "held"
REASONS = "_reasons"
RAW = "raw"


def mended(names: Sequence[str], changes: Mapping[str, str], where: str | None) -> str:
    """Place and fields of the rows that are meant, with the changes, all as text."""
    chosen = [
        f"CAST(({changes[name]}\n) AS VARCHAR) AS {quoted(name)}" if name in changes else quoted(name) for name in names
    ]
    return f"SELECT {', '.join([ROW_COLUMN, *chosen])} FROM {HELD}{_condition(where)}"


def rewritten(change: str | None, where: str | None) -> str:
    """Place and whole text of the rows that are meant."""
    text = quoted(RAW) if change is None else f"CAST(({change}\n) AS VARCHAR)"
    return f"SELECT {ROW_COLUMN}, {text} AS {quoted(RAW)} FROM {HELD}{_condition(where)}"


def _condition(where: str | None) -> str:
    return f" WHERE (\n{where}\n)" if where else ""
