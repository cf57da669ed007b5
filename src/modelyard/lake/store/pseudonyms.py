"""The book of pseudonyms as it is kept: a name is found by a keyed hash and stands there sealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from msgspec import Struct

from modelyard.ports.database import Migration, Statement, Transaction
from modelyard.ports.statements import cached, in_params

PSEUDONYMS = Migration(
    slice="lake",
    number=16,
    name="pseudonyms",
    ddl=(
        (
            "CREATE TABLE lake_pseudonym (finder {text} PRIMARY KEY, kind {text} NOT NULL,"
            " token {text} NOT NULL UNIQUE, sealed {bytes} NOT NULL)"
        ),
    ),
)
_AT_ONCE = 512
_FIELDS = ("finder", "kind", "token", "sealed")
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM lake_pseudonym"

pseudonyms = sa.table("lake_pseudonym", *map(sa.column, _FIELDS))
_ADD = Statement(sa.insert(pseudonyms).values(**{name: sa.bindparam(name) for name in _FIELDS}))
_SHRED = Statement(sa.delete(pseudonyms).where(pseudonyms.c.finder == sa.bindparam("gone")))


class Entry(Struct, frozen=True):
    """One subject's line.

    Attributes:
        finder: keyed hash of kind and name, in hex.
        sealed: the name, under the book's key and bound to the token.
    """

    finder: str
    kind: str
    token: str
    sealed: bytes


def find(tx: Transaction, finders: Sequence[str]) -> dict[str, Entry]:
    """Lines by finder; what has none is left out."""
    return {entry.finder: entry for entry in _among(tx, "finder", finders)}


def reveal(tx: Transaction, tokens: Sequence[str]) -> dict[str, Entry]:
    """Lines by token; what has none is left out."""
    return {entry.token: entry for entry in _among(tx, "token", tokens)}


def _among(tx: Transaction, field: str, values: Sequence[str]) -> Iterator[Entry]:
    for start in range(0, len(values), _AT_ONCE):
        inside, params = in_params("value", values[start : start + _AT_ONCE])
        for finder, kind, token, sealed in tx.all(cached(f"{_SELECT} WHERE {field} IN ({inside})"), params):
            yield Entry(finder, kind, token, bytes(sealed))


def add(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Keep new lines."""
    tx.many(_ADD, [{"finder": e.finder, "kind": e.kind, "token": e.token, "sealed": e.sealed} for e in entries])


def shred(tx: Transaction, finders: Sequence[str]) -> None:
    """Forget lines."""
    tx.many(_SHRED, [{"gone": finder} for finder in finders])
