"""The sinks port: rows of a table brought into another system, whole or as what changed, safe to repeat.

An address says which system and never holds a secret, which comes beside it. What changed, and how far a sink has come,
is the lake's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from modelyard.ports.secrets import Secret

if TYPE_CHECKING:
    import pyarrow as pa


class Way(StrEnum):
    """What a delivery does to what is there: replace all of it, add to it, or replace and remove by key."""

    OVERWRITE = "overwrite"
    APPEND = "append"
    MERGE = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One delivery.

    Attributes:
        sink: the sink's name; with `upto` it tells a delivery that was repeated after a crash.
        upto: the table's version that is reached by it.
        target: the table, or the first part of the keys, on the other side.
        schema, types: the columns, in Arrow's words and in the lake's.
        puts: opens the rows to write.
        gone: opens the keys of rows to remove; only in a merge.
    """

    sink: str
    upto: int
    target: str
    way: Way
    keys: tuple[str, ...]
    schema: pa.Schema
    types: Sequence[str]
    puts: Callable[[], pa.RecordBatchReader]
    gone: Callable[[], pa.RecordBatchReader]


class Target(Protocol):
    """An opened system that takes rows; used by one thread at a time."""

    def take(self, parcel: Parcel) -> bool:
        """Write a delivery, whole or in a way that repeats to the same end; False if it had arrived before.

        Raises:
            InvalidInput: the system cannot hold such rows.
            Forbidden: it refuses the credentials.
            Unavailable: it does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Sinks(Protocol):
    """Opens what an address names."""

    def check(self, address: str, way: Way) -> None:
        """Refuse an address before anybody keeps it; nothing is dialled.

        Raises:
            InvalidInput: no sink is known for it, it holds a secret, or it cannot be written that way.
            Forbidden: this yard may not write there.
            MissingExtra: a library is not installed.
        """
        ...

    def open(self, address: str, *, way: Way, secret: Secret | None) -> Target:
        """The system behind an address. Raises as `check` does."""
        ...
