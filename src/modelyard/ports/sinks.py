"""The sinks port: rows of a table brought into another system, whole or as what changed, safe to repeat.

An address says which system and never holds a secret, which comes beside it. What changed, and how far a sink has come,
is the lake's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from modelyard.ports.secrets import Secret

if TYPE_CHECKING:
    import pyarrow as pa


def _unheard(_: int) -> None:
    """Nobody wants to know."""


class Way(StrEnum):
    """What a delivery does to what is there: replace all of it, add to it, or replace and remove by key."""

    OVERWRITE = "overwrite"
    APPEND = "append"
    MERGE = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One delivery.

    Attributes:
        sink: the sink's id; with `upto` it tells a delivery that was repeated after a crash.
        since, upto: it brings what changed between these versions of the table.
        target: the table, or the first part of the keys, on the other side.
        schema, types: the columns, in Arrow's words and in the lake's.
        puts: opens the rows to write.
        gone: opens the keys of rows to remove; only in a merge.
        sent: how many of its parts arrived before it was cut off; only where the target goes by parts.
        arrived: is told how many parts have arrived by now, so that a repetition goes on behind them.
    """

    sink: str
    since: int
    upto: int
    target: str
    way: Way
    keys: tuple[str, ...]
    schema: pa.Schema
    types: Sequence[str]
    puts: Callable[[], pa.RecordBatchReader]
    gone: Callable[[], pa.RecordBatchReader]
    sent: int = 0
    arrived: Callable[[int], None] = _unheard


class Target(Protocol):
    """An opened system that takes rows; used by one thread at a time.

    Attributes:
        by_parts: a delivery goes there in parts, each for itself; a repetition must give the rows in the same order.
    """

    by_parts: bool

    def reached(self, sink: str, target: str) -> int:
        """The version that this sink's last delivery brought there; 0 if none did, or the system keeps no note of it.

        Raises as `take` does.
        """
        ...

    def take(self, parcel: Parcel) -> bool:
        """Write a delivery, whole or in a way that repeats to the same end; False if it had arrived before.

        Raises:
            InvalidInput: the system cannot hold such rows.
            StaleVersion: it is further than `since` by another delivery; begin from where it is.
            Forbidden: it refuses the credentials.
            Unavailable: it does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Sinks(Protocol):
    """Opens what an address names."""

    def check(self, address: str, way: Way, options: Mapping[str, str], *, sealed: bool) -> None:
        """Refuse an address before anybody keeps it; nothing is dialled.

        Args:
            options: what the adapter takes beside, e.g. `{"region": "eu-1"}`; never a secret.
            sealed: whether a secret is given.

        Raises:
            InvalidInput: no sink is known for it, it holds a secret or needs one, or it cannot be written that way.
            Forbidden: this yard may not write there.
            MissingExtra: a library is not installed.
        """
        ...

    def open(self, address: str, *, way: Way, secret: Secret | None, options: Mapping[str, str]) -> Target:
        """The system behind an address. Raises as `check` does."""
        ...
