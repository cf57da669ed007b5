"""Rows pushed a few at a time: kept on disk before the answer, folded into the table some seconds later, each once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.operations import Effect, operation, stream
from modelyard.kernel.refs import Name
from modelyard.lake.api.records import LoadId, Mode

PushKey = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]+$",
        min_length=1,
        max_length=200,
        description="printable ASCII without spaces, of your choosing; one for each batch",
    ),
]


class Pushed(Struct, frozen=True, kw_only=True):
    """A batch that is on the disk and will be in the table.

    Attributes:
        position: where it lies in the backlog, for people and logs.
        repeated: True if a batch of this key was taken before; it was not taken again.
    """

    table: str
    rows: int
    position: str
    repeated: bool = False


class Flushed(Struct, frozen=True, kw_only=True):
    """What a fold made of the batches that waited for one table.

    Attributes:
        rows: of all batches; every one is in the table or in the quarantine of one of the loads.
        repeated: batches that were left out because one of the same key had been taken.
        version: the table's newest version that this fold made; None if no row was taken.
    """

    table: str
    batches: int
    rows: int
    rows_loaded: int
    rows_quarantined: int
    repeated: int
    loads: tuple[LoadId, ...]
    version: int | None


class Backlog(Struct, frozen=True, kw_only=True):
    """Batches of one table that are on the disk and not yet in the table.

    Attributes:
        since_ms: when the oldest file that holds any was begun.
    """

    table: str
    size_bytes: int
    since_ms: int


class PushesFolded(News, frozen=True, kw_only=True):
    """Pushed batches reached their table; `actors` are those who pushed them."""

    table: str
    load: LoadId
    batches: int
    rows: int
    actors: tuple[str, ...]


class PushOperations(ABC):
    """Rows in small batches, and what becomes of them."""

    @stream("POST", "/tables/{name}/push", scope="lake:write", about="table:{name}", audited=False)
    @abstractmethod
    def push(
        self, name: Name, content: Iterable[bytes], *, mode: Mode = Mode.APPEND, key: PushKey | None = None
    ) -> Pushed:
        """Add a few rows: a JSON array of objects, JSON lines, or an Arrow IPC stream.

        Once this answers, the rows are on the disk and survive any crash; some seconds later they are folded into the
        table by an ordinary load, each exactly once, together with what others pushed. Rows that break the table's
        types or its contract end in the quarantine of that load. A table that does not exist yet is made then. To see
        the rows at once, `flush`.

        Args:
            content: at most 16 MiB; scalars keep their types, nested values are kept as JSON text.
            mode: `append`, or `merge` to replace the rows of equal key.
            key: makes it safe to push again after an answer was lost: a batch of the same key is taken once.

        Raises:
            InvalidInput: a row is no JSON object, or the columns of a stream do not fit; nothing was kept.
            Conflict: other rows were pushed under this key, or main is protected.
            TooLarge: more than 16 MiB; load it as a file instead.
            TooMany: too much waits to be folded; try again after the time that the answer names.

        Example:
            yard lake push clicks rows.json
        """

    @operation("POST", "/flushes", scope="lake:write", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def flush(self, table: Name | None = None) -> tuple[Flushed, ...]:
        """Fold what was pushed so far, now; when this answers, every row pushed before is in its table or quarantine.

        Args:
            table: all where it is left out.
        """

    @operation("GET", "/pushes", scope="lake:read", effect=Effect.SCAN)
    @abstractmethod
    def backlog(self) -> tuple[Backlog, ...]:
        """List what is pushed and not yet folded, by table."""
