"""SQL around a user's SELECT: its first rows, how many there are, and all of them."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.quality.api import QueryRule
from modelyard.quality.store.literals import literal, quoted

_SAMPLES = 5


def wants_number(rule: QueryRule) -> bool:
    """True for a query of one number within bounds."""
    return rule.min is not None or rule.max is not None


def _inner(sql: str) -> str:
    """The user's text, fit to stand in brackets: a comment at its end ends with the line."""
    return "\n" + sql.strip().rstrip(";") + "\n"


def first(sql: str) -> str:
    """The first two rows: one is expected."""
    return f"SELECT * FROM ({_inner(sql)}) LIMIT 2"


def offenders(sql: str, keys: Sequence[str]) -> str:
    """How many rows come back, and some of them by key; `keys` are columns that the answer has."""
    if not keys:
        return f"SELECT count(*), NULL FROM ({_inner(sql)})"
    parts = [f"{literal(key + '=')} || coalesce(CAST({quoted(key)} AS VARCHAR), 'null')" for key in keys]
    named = " || ', ' || ".join(parts)
    return f"SELECT count(*), array_to_string(min({named}, {_SAMPLES}), chr(31)) FROM ({_inner(sql)})"


def whole(sql: str) -> str:
    """Every row of the answer."""
    return f"SELECT * FROM ({_inner(sql)})"
