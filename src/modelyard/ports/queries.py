"""The queries port: SQL over files and Arrow streams in this process, with bounded memory.

A store writes the SQL; this port runs it. `confined` is for text that a user wrote: it sees the given files and nothing
else of the machine or the network. It never changes a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

Scalar = str | int | float | bool | None


class Session(Protocol):
    """One open connection; used by one thread at a time."""

    def reader(self, sql: str, /, *, batch_rows: int = ...) -> pa.RecordBatchReader:
        """The answer of one SELECT as a stream of record batches; drain or close it before the next query.

        Raises:
            InvalidInput: the query is wrong; the detail says where.
            TimedOut: the session's time is over.
            TooLarge: the session's memory does not suffice.
        """
        ...

    def rows(self, sql: str, /) -> list[tuple[Scalar, ...]]:
        """The whole answer of a small query; times are written as text by the query itself."""
        ...

    def run(self, sql: str, /) -> None:
        """Run a statement for its effect."""
        ...

    def offer(self, name: str, stream: pa.RecordBatchReader | pa.Table, /) -> None:
        """Let queries read Arrow data as a table of that name; a stream may be read once."""
        ...

    def stop(self) -> None:
        """End what runs, from another thread: the one that waits for it gets TimedOut."""
        ...

    def progress(self) -> float | None:
        """The share of the running query that is done, 0 to 1, from another thread; None where nobody can tell."""
        ...


class Queries(Protocol):
    """The query engine of this process."""

    def session(self) -> AbstractContextManager[Session]:
        """A session for the house's own queries; it may read and write local files."""
        ...

    def confined(
        self,
        *,
        views: Mapping[str, Sequence[str]],
        extra: Iterable[str] = ...,
        timeout_s: float = ...,
        memory_mb: int | None = ...,
    ) -> AbstractContextManager[Session]:
        """A session for a user's text.

        Args:
            views: name -> SELECT text that defines it, with the files it reads in second place and after.
            extra: further files that may be read.
            timeout_s: after that the running query ends with TimedOut.
            memory_mb: less memory than the engine would give.
        """
        ...

    def is_select(self, sql: str) -> bool:
        """True if the text is exactly one SELECT statement.

        Raises:
            InvalidInput: it is no SQL.
        """
        ...

    def outsiders(self, sql: str, /) -> list[str]:
        """What a SELECT names beside tables and plain functions: files, and what tells of the engine itself.

        Raises:
            InvalidInput: it is not one SELECT, or is nested too deeply.
        """
        ...
