"""File sets as tables: what the table is called, which columns it has, and which split a file belongs to."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import Column

PREFIX = "fileset."
AFTER_FILESETS = "fileset/"
"""Sorts behind every table of a file set, and before all else that follows."""

KEY = "path"
USUAL = (
    Column(name="path", type="string", nullable=False, comment="below the set's root"),
    Column(name="digest", type="string", nullable=False, comment="SHA-256 of the bytes"),
    Column(name="size_bytes", type="int64", nullable=False),
    Column(name="media_type", type="string", nullable=False),
    Column(name="width", type="int32"),
    Column(name="height", type="int32"),
    Column(name="duration_ms", type="int64"),
    Column(name="sample_rate", type="int32"),
    Column(name="channels", type="int32"),
    Column(name="labels", type="list<string>"),
    Column(name="split", type="string"),
    Column(name="added_by", type="string"),
    Column(name="added_at", type="timestamp"),
)
FACTS = ("digest", "size_bytes", "media_type", "width", "height", "duration_ms", "sample_rate", "channels")
OWN_TYPES = frozenset({"string", "int64", "float64", "bool", "date", "timestamp"})
MOST_OWN = 100
_SHARES_MISS = 1e-6


def table_of(fileset: str) -> str:
    """The table that lists a set's files."""
    return PREFIX + fileset


def is_listing(table: str) -> bool:
    """True if a table lists the files of a set."""
    return table.startswith(PREFIX)


def thing(table: str, version: int | None = None) -> Ref:
    """The ref of a table's version, or of the file set whose files it lists."""
    if is_listing(table):
        return ref("fileset", table.removeprefix(PREFIX), version)
    return ref("table", table, version)


def refuse_listing(table: str) -> None:
    """Refuse to write rows where file sets keep theirs.

    Raises:
        InvalidInput: the table lists the files of a set.
    """
    if is_listing(table):
        name = table.removeprefix(PREFIX)
        raise InvalidInput(
            f"{table} lists the files of a file set and is not written by hand; names that begin with {PREFIX} are "
            f"kept for that. Change files instead: yard lake put-file {name} PATH FILE"
        )


def columns_with(own: Sequence[Column]) -> tuple[Column, ...]:
    """All columns of a set.

    Raises:
        InvalidInput: one of its own columns is called as a usual one, or has a type that files do not have.
    """
    usual = {column.name for column in USUAL}
    for column in own:
        if column.name.lower() in usual:
            raise InvalidInput(f"every file has {column.name!r} already; call the set's own column something else")
        if column.type not in OWN_TYPES:
            raise InvalidInput(
                f"column {column.name}: a set's own columns are {', '.join(sorted(OWN_TYPES))}, not {column.type}"
            )
    if len(own) > MOST_OWN:
        raise InvalidInput(f"a set has at most {MOST_OWN} columns of its own, not {len(own)}")
    return (*USUAL, *own)


def own_columns(columns: Sequence[Column]) -> tuple[Column, ...]:
    """A set's own columns."""
    usual = {column.name for column in USUAL}
    return tuple(column for column in columns if column.name not in usual)


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse shares that do not make a whole.

    Raises:
        InvalidInput: there are none, one is negative, or together they are not 1.
    """
    total = math.fsum(shares.values())
    if not shares or any(not 0 <= share <= 1 for share in shares.values()) or abs(total - 1) > _SHARES_MISS:
        raise InvalidInput(f"the shares of splits are from 0 to 1 and together 1, not {total:g}")


def split_of(group: str, shares: Mapping[str, float], seed: int) -> str:
    """The split of a group of files: by its hash alone, so it never depends on what else is in the set.

    Splits are taken in order of name, so that the same shares in another order are the same assignment.
    """
    seen = hashlib.sha256(f"{seed}\0{group}".encode()).digest()
    place = int.from_bytes(seen[:8], "big") / 2**64
    names = sorted(name for name, share in shares.items() if share > 0)
    reached = 0.0
    for name in names:
        reached += shares[name]
        if place < reached:
            return name
    return names[-1]
