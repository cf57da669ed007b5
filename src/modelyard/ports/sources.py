"""The sources port: rows and files that lie in other systems, read from a position on, with bounded memory.

An address says which system (`postgresql://reader@db.example/shop`, `s3://bucket/in/*.csv`); it never holds a secret,
which comes beside it. A `RowSource` gives typed rows, a `FileSource` gives bytes whose form the lake finds out. What
becomes of the rows, how a position is kept and which rows were there before is the lake's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from msgspec import Struct

from modelyard.ports.secrets import Secret

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 16_384


class StreamKind(StrEnum):
    """What a source calls the things it holds rows in."""

    TABLE = "table"
    VIEW = "view"
    COLLECTION = "collection"
    TOPIC = "topic"
    FILE = "file"


class Stream(Struct, frozen=True, kw_only=True):
    """Something that a source can be read from.

    Attributes:
        name: as `Ask.stream` takes it.
        rows, size_bytes: as the source estimates them; None where it does not know.
    """

    name: str
    kind: StreamKind
    rows: int | None = None
    size_bytes: int | None = None


def _never(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be read.

    Attributes:
        stream: one of the source's streams; empty where `query` says what.
        query: a SELECT in the source's own words, where it answers such.
        cursor: the column whose values only grow; the rows come in its order. Empty: all rows, in any order.
        after: the position to go on from, as a batch gave it; empty: from the beginning.
        look_back: how far before `after` to begin, for rows that came late: a number, or a time.
        low, high: for a back-fill, the range of the cursor column, `low` with it and `high` without.
        batch_rows: rows of a batch at most.
        late: whether a column may come that the shape does not have yet, where rows bring their own.
    """

    stream: str = ""
    query: str = ""
    cursor: str = ""
    after: str = ""
    look_back: float | timedelta | None = None
    low: str = ""
    high: str = ""
    batch_rows: int = BATCH_ROWS
    late: Callable[[str], bool] = _never


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of what is asked for.

    Attributes:
        schema: what every batch has.
        hints: text columns whose values mean something else, and what in the lake's words (`decimal(10, 2)`,
            `timestamp`); an empty word where the values must tell. Text that is not named here is text.
        rows: how many there are, as the source estimates it.
    """

    schema: pa.Schema
    hints: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None


class WrongRow(NamedTuple):
    """Something that stood where a row should be: its position in the source, its text, and what is wrong."""

    position: str
    raw: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows.

    Attributes:
        rows: with the schema of the shape, and behind it the columns of `late`.
        late: columns beside the shape that the ask lets in, text all of them, each with a hint as the shape has them,
            or None for text.
        position: where to go on after this batch; it is kept as it is, so it holds no secret. Empty where the ask
            named no cursor and the source has no order of its own.
        positions: each row's place in the source, where it is more than a number counted from 1.
        wrong: what could not be read as rows.
    """

    rows: pa.RecordBatch
    position: str = ""
    positions: Sequence[str] | None = None
    wrong: Sequence[WrongRow] = ()
    late: Mapping[str, str | None] = field(default_factory=dict)


class Abilities(Struct, frozen=True, kw_only=True):
    """What a row source can do.

    Attributes:
        exact: what lies before a position is never given again after it; else the rows at the position, and those of
            a look-back, come again and whoever reads tells them apart.
        columns_as_cursor: any column may be the cursor; else the source has an order of its own.
        queries: it answers a SELECT.
        ranges: it reads `low` to `high`.
    """

    exact: bool = False
    columns_as_cursor: bool = False
    queries: bool = False
    ranges: bool = False


@runtime_checkable
class RowSource(Protocol):
    """An opened system that gives rows; used by one thread at a time."""

    abilities: Abilities

    def streams(self) -> Iterator[Stream]:
        """What can be read, in order of name.

        Raises:
            Unavailable: the system does not answer.
            Forbidden: it refuses the credentials.
        """
        ...

    def shape(self, ask: Ask) -> Shape:
        """The columns that `read` gives.

        Raises:
            NotFound: there is no such stream, or no such cursor column.
            InvalidInput: the query is wrong, or the source cannot do what is asked.
        """
        ...

    def read(self, ask: Ask) -> Iterator[Batch]:
        """The rows; memory is bounded by a batch.

        It ends with what was there when it began. Raises as `shape` does; Unavailable where the connection breaks.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; nothing happens the second time."""
        ...


class FileEntry(Struct, frozen=True, kw_only=True):
    """A file that a source holds.

    Attributes:
        name: below the address, with `/` between folders.
        mark: changes whenever the content does (an entity tag, or size and time).
        settled: False while somebody may still be writing it; such a file is left for later.
    """

    name: str
    size_bytes: int | None
    mark: str
    settled: bool = True


@runtime_checkable
class FileSource(Protocol):
    """An opened place that holds files; used by one thread at a time."""

    def entries(self) -> Iterator[FileEntry]:
        """The files that the address means, in order of name.

        Raises:
            NotFound: a single file or object that is not there.
            Unavailable: the place does not answer.
            Forbidden: it refuses the credentials, or the path is not one that this yard may read.
        """
        ...

    def read(self, entry: FileEntry) -> Iterator[bytes]:
        """The bytes of a file, in chunks.

        Raises:
            NotFound: it is gone.
            StaleVersion: it changed since it was listed; list again.
        """
        ...

    def close(self) -> None:
        """Let go of connections; nothing happens the second time."""
        ...


class Sources(Protocol):
    """Opens what an address names."""

    def check(self, address: str, options: Mapping[str, str]) -> None:
        """Refuse an address before anybody keeps it; nothing is dialled.

        Raises:
            InvalidInput: no source is known for it, it holds a secret, or an option is not known.
            Forbidden: this yard may not read there.
            MissingExtra: a library is not installed.
        """
        ...

    def open(self, address: str, *, secret: Secret | None, options: Mapping[str, str]) -> RowSource | FileSource:
        """The source behind an address; raises as `check` does.

        Args:
            secret: the password or key; revealed to the system itself and to nobody else.
            options: what the adapter takes beside, e.g. `{"region": "eu-1"}`; never a secret.
        """
        ...
