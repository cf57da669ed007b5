"""Sources: other systems that tables are filled from, how often one likes and without losing or doubling a row.

Records and the operations of the lake's door that speak of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation, stream
from modelyard.kernel.refs import Name
from modelyard.lake.api.records import Cell, Column, Declared, Load, Reading

Address = Annotated[
    str,
    Meta(
        min_length=1, max_length=2000,
        description="postgresql://reader@host/shop, sqlite:///folder/shop.db, s3://bucket/in/*.csv, https://..., or a "
        "path below `source_folders`; never with a password or key in it",
    ),
]  # fmt: skip


class PullMode(StrEnum):
    """What a pull does.

    full: everything is read and replaces the table. append: everything is read and added; of files, those that were
    not loaded before. incremental: only what is past the cursor is read; a row that came before is dropped, and where
    the table has keys, one that changed replaces it. merge: everything is read; rows of equal key are replaced.
    snapshot: as merge, and rows whose key the source no longer has are removed.
    """

    FULL = "full"
    APPEND = "append"
    INCREMENTAL = "incremental"
    MERGE = "merge"
    SNAPSHOT = "snapshot"


class Drawing(Struct, frozen=True, kw_only=True):
    """How a source is read, beyond what every source needs.

    Attributes:
        query: a SELECT in the words of the system itself, instead of a stream.
        look_back: how far before the cursor to read again, for rows that come late: `2h`, `3d`, or a number.
        options: what the system's adapter takes beside the address, e.g. `{"region": "eu-1"}`; never a secret.
        reading: of files, where sniffing should not decide.
        schema: columns and description of a table that is made by the first pull.
        load_rows: at most so many rows in one lake commit; an incremental pull goes on with the next.
    """

    query: str = ""
    look_back: Annotated[str, Meta(pattern=r"^(|[0-9]+(\.[0-9]+)?[smhd]?)$")] = ""
    options: dict[str, str] = {}
    reading: Reading | None = None
    schema: Declared | None = None
    load_rows: Annotated[int, Meta(ge=1_000, le=50_000_000)] = 5_000_000


class Source(Struct, frozen=True, kw_only=True):
    """A declared source and how far it was read.

    Attributes:
        sealed: True if a password or key is kept for it.
        cursor: the column whose values only grow.
        position: where the next pull goes on, into `main` unless another branch was asked for; empty before the first.
        pulled_ms: when the last pull ended; None before the first.
    """

    name: str
    address: str
    table: str
    stream: str
    mode: PullMode
    keys: tuple[str, ...]
    cursor: str
    drawing: Drawing
    sealed: bool
    position: str
    pulled_ms: int | None
    author: ActorId
    created_ms: int
    updated_ms: int


class SourceStream(Struct, frozen=True, kw_only=True):
    """Something that a source can be read from; a file waits if it was not loaded yet and nobody writes it.

    Attributes:
        kind: `table`, `view`, `collection`, `topic` or `file`.
        rows, size_bytes: as the source estimates them.
    """

    name: str
    kind: str
    rows: int | None
    size_bytes: int | None


class Look(Struct, frozen=True, kw_only=True):
    """What a source would give, shown before anything is kept.

    Attributes:
        columns: with the types that the first rows show; fit to be declared.
        rows: the first rows, as text where they come as text.
        wrong: rows among them that could not be read, in words.
        of: the stream or file that was looked at.
    """

    source: str
    of: str
    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    wrong: tuple[str, ...]
    notes: tuple[str, ...]
    dialect: dict[str, str]


class PullStage(StrEnum):
    """Where a pull stands."""

    READING = "reading"
    CHECKING = "checking"
    DONE = "done"
    FAILED = "failed"


class Pulled(Struct, frozen=True, kw_only=True):
    """What a pull brought.

    Attributes:
        loads: in order; none where there was nothing new.
        rows_in: rows read, of which `rows_unchanged` were in the table before; the rest was loaded or quarantined.
        rows_removed: rows that a snapshot no longer has.
        before, after: the position it went on from and the one it reached.
        left: files that were passed over because somebody may still be writing them.
    """

    source: str
    table: str
    loads: tuple[Load, ...]
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    rows_unchanged: int
    rows_removed: int
    size_bytes: int
    before: str
    after: str
    left: tuple[str, ...]
    took_ms: int


class Progress(Struct, frozen=True, kw_only=True):
    """How far a pull is; the last one is `done` with what it brought, or `failed` with the error.

    Attributes:
        of: the stream or file under way.
        rows, size_bytes: so far, of the whole pull.
        total_rows, total_bytes: as the source estimates them; None where it does not know.
        rows_per_s, bytes_per_s: since the pull began.
        left_s: until the end at that rate; None where nobody can tell.
        code, detail: of the error.
    """

    source: str
    stage: PullStage
    of: str = ""
    rows: int = 0
    size_bytes: int = 0
    total_rows: int | None = None
    total_bytes: int | None = None
    rows_per_s: float = 0.0
    bytes_per_s: float = 0.0
    left_s: float | None = None
    pulled: Pulled | None = None
    code: str = ""
    detail: str = ""


class SourceOperations(ABC):
    """Tables filled from other systems."""

    @operation("PUT", "/sources/{name}", scope="lake:connect", about="source:{name}", effect=Effect.WORK)
    @abstractmethod
    def declare_source(
        self, name: Name, address: Address, table: Name, *, stream: str = "", mode: PullMode = PullMode.APPEND,
        cursor: str = "", keys: tuple[str, ...] = (), drawing: Drawing | None = None,
    ) -> Source:  # fmt: skip
        """Say where a table is filled from; nothing is dialled. One that exists is changed.

        Whoever may connect a source may fill its table. A password or key is given with `seal_source`; where the
        address then names another system or user, it must be given again.

        Args:
            table: is made by the first pull where it does not exist.
            stream: the table, collection or topic; left out for files and where the drawing holds a query.
            cursor: for `incremental`, the column whose values only grow, e.g. `updated_at`.
            keys: the columns that identify a row; an existing table keeps its own.
            drawing: query, look-back, options, reading, as JSON.

        Raises:
            InvalidInput: the address holds a secret or is of no known system, or the mode lacks what it needs.
            Forbidden: this yard may not read there.

        Example:
            yard lake declare-source orders postgresql://reader@db.example/shop orders --stream orders \
--mode incremental --cursor updated_at --keys id
        """

    @operation(
        "PUT", "/sources/{name}/secret", scope="lake:connect", about="source:{name}", effect=Effect.WORK,
        private=("secret",),
    )  # fmt: skip
    @abstractmethod
    def seal_source(self, name: Name, secret: str) -> Source:
        """Keep the password or key of a source, sealed; it is shown to nobody and given to that system alone.

        Args:
            secret: on the command line, `-` asks for it, or reads it from a pipe.

        Raises:
            NotFound: no such source.
        """

    @operation("GET", "/sources", scope="lake:read")
    @abstractmethod
    def sources(self) -> tuple[Source, ...]:
        """List the declared sources, by name."""

    @operation("GET", "/sources/{name}", scope="lake:read", about="source:{name}")
    @abstractmethod
    def declared_source(self, name: Name, *, branch: Name | None = None) -> Source:
        """Show one declared source and how far it was read.

        Args:
            branch: whose position is shown; `main` where it is left out.

        Raises:
            NotFound: no such source.
        """

    @operation("DELETE", "/sources/{name}", scope="lake:connect", about="source:{name}", effect=Effect.WORK)
    @abstractmethod
    def remove_source(self, name: Name) -> None:
        """Forget a source and its secret; the table stays, with how far it was read.

        Raises:
            NotFound: no such source.
        """

    @operation("GET", "/sources/{name}/streams", scope="lake:connect", about="source:{name}", effect=Effect.SCAN)
    @abstractmethod
    def streams(self, name: Name) -> tuple[SourceStream, ...]:
        """List what a source can be read from: tables, collections, topics, files; at most 10,000.

        Raises:
            NotFound: no such source.
            Unavailable: the system does not answer.
            Forbidden: it refuses the credentials.
        """

    @operation("GET", "/sources/{name}/look", scope="lake:connect", about="source:{name}", effect=Effect.SCAN)
    @abstractmethod
    def look(self, name: Name, *, stream: str = "", rows: Annotated[int, Meta(ge=1, le=1000)] = 20) -> Look:
        """Read the first rows of a source, infer its columns and show both; nothing is kept.

        Args:
            stream: another stream, or one of several files.

        Raises:
            NotFound: no such source, stream or file.
            Unavailable: the system does not answer.
        """

    @operation("POST", "/sources/{name}/pulls", scope="lake:connect", about="source:{name}", effect=Effect.WORK,
               command="-")  # fmt: skip
    @abstractmethod
    def pull(self, name: Name, *, branch: Name | None = None) -> Pulled:
        """Read what is new in a source into its table, as governed loads.

        Cursor and rows are in the same commit: a pull that dies at any moment is simply made again, and no row comes
        twice and none is lost. Every row that is read ends in the table, in the quarantine with its reason and place,
        or is counted as there before.

        Args:
            branch: the branch that it goes to; `main` where it is left out.

        Raises:
            NotFound: no such source, or its stream is not there.
            InvalidInput: the source cannot be read as rows, or the contract blocks it; nothing was taken.
            Unavailable: the system does not answer.
            Forbidden: it refuses the credentials.
        """

    @stream("POST", "/sources/{name}/pulls/live", scope="lake:connect", about="source:{name}", command="-")
    @abstractmethod
    def pull_live(self, name: Name, *, branch: Name | None = None) -> Iterator[Progress]:
        """Pull as `pull` does, and tell how far it is while it runs."""

    @stream("POST", "/sources/{name}/rows", scope="lake:connect", about="source:{name}", command="-")
    @abstractmethod
    def give(self, name: Name, content: Iterable[bytes], *, branch: Name | None = None) -> Pulled:
        """Take in what somebody read out of a source where the yard cannot read it itself, as a pull would.

        Rows and position are in the same commit. `yard.lake.load_dlt` does this for the resources of dlt.

        Args:
            content: a line of JSON, `{"before": "...", "after": "...", "format": "jsonl"}`, then the rows as JSON
                lines or an Arrow IPC stream (`arrow`). `before` is the position that they were read from, `after` the
                one that they reach.

        Raises:
            NotFound: no such source.
            StaleVersion: the source stands elsewhere than at `before`; read again from there.
            InvalidInput: the content cannot be read as rows, or the contract blocks it; nothing was taken.
        """

    @operation("GET", "/pulls", scope="lake:read")
    @abstractmethod
    def pulls(self) -> tuple[Progress, ...]:
        """List the pulls that run now in this process of the yard, with how far each is."""

    @operation("POST", "/sources/{name}/backfills", scope="lake:connect", about="source:{name}", effect=Effect.WORK)
    @abstractmethod
    def backfill(self, name: Name, *, low: str = "", high: str = "", branch: Name | None = None) -> Pulled:
        """Read a range of the cursor column again, whatever was read before; the position stays.

        A row that is there already is dropped, and one that changed replaces it where the table has keys, so a range
        can be filled as often as one likes.

        Args:
            low: the first value, itself included; from the beginning where it is left out.
            high: where to stop, itself not included; to the end where it is left out.

        Raises:
            InvalidInput: the source has no cursor, or cannot read ranges.
        """
