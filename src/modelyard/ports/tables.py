"""The tables port: versioned tables of Parquet files, whose log (Delta Lake) any foreign engine can read.

A location is a plain name below the store's root. Data files are written elsewhere first, moved in, then made visible
by one commit that says which files the table consists of from then on. Which version people see and what the rows mean
is the lake's business: versions above the one it names are leftovers of a crash, and the next commit undoes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    import pyarrow as pa


class DataFile(Struct, frozen=True, kw_only=True):
    """One Parquet file of a table.

    Attributes:
        path: its name below the table's location.
        stats: the log's statistics as Delta JSON; holds no value of a column that may name a person.
        part: the values of the partition columns that all of its rows have, as Delta writes them.
    """

    path: str
    rows: int
    size_bytes: int
    stats: str
    part: dict[str, str | None] = {}


class Tables(Protocol):
    """One home's tables."""

    @property
    def shared(self) -> bool:
        """True if other machines may write here, whom no lock of this one keeps out."""
        ...

    def create(self, location: str, schema: pa.Schema) -> int:
        """Make an empty table; its first version, 0. What an unfinished creation left is no part of it.

        Where other machines write too, one of them may have made it meanwhile: that is no error, the first commit on
        top of version 0 makes the table what it is to be.
        """
        ...

    def exists(self, location: str) -> bool:
        """True if the location holds a table's log."""
        ...

    def publish(self, location: str, path: str, source: Path) -> None:
        """Move a finished local file into the table under `path`; no version refers to it yet."""
        ...

    def advance(
        self,
        location: str,
        *,
        base: int,
        target: Sequence[DataFile],
        schema: pa.Schema,
        info: Mapping[str, str],
    ) -> int:
        """Make the table consist of `target`, on top of version `base`; the new version.

        Versions above `base` are undone by the same commit. Where `schema` is another than the table's, it replaces
        it; files may stay only if they can be read under it: a column that they lack is null there. Its metadata
        counts too: `comment` of a field; `partitions` and `constraints` of the whole as JSON, the names of the
        partition columns and a condition by name.

        Raises:
            StaleVersion: another writer committed meanwhile; look again and repeat.
        """
        ...

    def reserve(self, location: str, info: Mapping[str, str]) -> int:
        """Take the next version number by a commit that changes nothing; readers of the log see the rows they saw.

        Raises:
            StaleVersion: another writer committed meanwhile; look again and repeat.
        """
        ...

    def files(self, location: str, version: int) -> tuple[DataFile, ...]:
        """The files a version consists of, in order of path.

        Raises:
            NotFound: no such table or version.
        """
        ...

    def movements(self, location: str) -> Iterator[tuple[int, frozenset[str], frozenset[str]]]:
        """Every version that the log still tells of, oldest first: the paths that it added, and those that it removed.

        Raises:
            NotFound: no such table.
        """
        ...

    def latest(self, location: str) -> int:
        """The newest version in the log, seen by anybody or not.

        Raises:
            NotFound: no such table.
        """
        ...

    def uri(self, location: str, path: str) -> str:
        """Where a query engine finds a file of the table."""
        ...

    def address(self, location: str, path: str = "") -> str:
        """Where a foreign engine finds the table, or one file of it."""
        ...

    def local(self, location: str, path: str) -> Path:
        """The file as a local path to read from; never write to it."""
        ...

    def size(self, location: str, path: str) -> int | None:
        """The size in bytes of a file of the table, referred to or not; None if there is none."""
        ...

    def rewrite(self, location: str, replaced: Mapping[str, Path]) -> None:
        """Replace the content of files in every version that holds them, log statistics included: for erasure.

        The one exception to files being immutable. Each file is replaced atomically and the log is mended after it;
        if the call was cut off, `rewrite(location, {})` mends the log.
        """
        ...

    def learn(self, location: str, files: Sequence[DataFile]) -> None:
        """Take note of files that the log does not show, before they are read by `uri` or `local`."""
        ...

    def measure(self, location: str, file: DataFile) -> DataFile:
        """The file as it is now: itself, or its new size and rows if an erasure rewrote it."""
        ...

    def expel(self, location: str, paths: Collection[str]) -> int:
        """Remove files that no wanted version refers to; how many there were."""
        ...

    def listing(self, location: str) -> list[str]:
        """Every data file below the location, referred to or not, in order of path.

        Where other machines write too, without those of the last day: one of them may be about to commit them.
        """
        ...

    def checkpoint(self, location: str) -> None:
        """Fold the log into a checkpoint, so that opening stays quick."""
        ...

    def drop(self, location: str) -> None:
        """Remove the table with everything in it; nothing happens where there is none."""
        ...

    def locations(self) -> list[str]:
        """Every location that holds something; where other machines write too, those left alone for a day."""
        ...

    def locked(self, location: str) -> AbstractContextManager[None]:
        """Hold the table's writer lock: one writer on this machine at a time, in whatever process."""
        ...
