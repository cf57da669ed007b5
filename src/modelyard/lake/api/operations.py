"""The lake's door: every operation on tables, declared once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from modelyard.kernel.operations import ARROW, Effect, operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.lake.api.branches import BranchOperations
from modelyard.lake.api.changes import ChangeOperations
from modelyard.lake.api.derivation import DerivationOperations
from modelyard.lake.api.evolution import EvolutionOperations
from modelyard.lake.api.filesets import FileSetOperations
from modelyard.lake.api.policies import PolicyOperations
from modelyard.lake.api.profiles import ProfileOperations
from modelyard.lake.api.pseudonyms import PseudonymOperations
from modelyard.lake.api.publishing import PublishOperations
from modelyard.lake.api.pushes import PushOperations
from modelyard.lake.api.quarantine import QuarantineOperations
from modelyard.lake.api.queries import QueryOperations
from modelyard.lake.api.records import (
    Declared,
    Erasure,
    Load,
    LoadId,
    Mend,
    Mode,
    Preview,
    QuarantinedRow,
    Reading,
    RowState,
    Sweep,
    Table,
    TableFiles,
    TableProfile,
    Version,
    Whereabouts,
)
from modelyard.lake.api.shaping import ShapingOperations
from modelyard.lake.api.sinks import SinkOperations
from modelyard.lake.api.sources import SourceOperations
from modelyard.lake.api.upkeep import UpkeepOperations


class Lake(
    ChangeOperations,
    QueryOperations,
    DerivationOperations,
    ShapingOperations,
    BranchOperations,
    PublishOperations,
    UpkeepOperations,
    PushOperations,
    PolicyOperations,
    EvolutionOperations,
    PseudonymOperations,
    FileSetOperations,
    QuarantineOperations,
    ProfileOperations,
    SinkOperations,
    SourceOperations,
    ABC,
):
    """Tables on Delta Lake: loaded without losing a row, versioned, readable at any ref."""

    @stream("POST", "/tables/{name}/loads", scope="lake:write", about="table:{name}")
    @abstractmethod
    def load(
        self,
        name: Name,
        content: Iterable[bytes],
        *,
        source: str = "upload",
        mode: Mode = Mode.APPEND,
        schema: Declared | None = None,
        reading: Reading | None = None,
        message: str = "",
        branch: Name | None = None,
    ) -> Load:
        """Load rows from a CSV, JSON lines, Parquet or Arrow source.

        Every row of the source ends in the table or, with its reason and place, in the quarantine. A table that does
        not exist yet is made, with the declared columns or with those inferred from the first rows.

        Args:
            content: the bytes of the source; kept as an object, so that lineage reaches them.
            source: what the source is called, e.g. its file name.
            mode: `create` refuses a table that exists; the others make it where needed. `merge` replaces
                the rows of equal key and adds the rest; of rows with one key in the load, the last counts.
            schema: columns, keys and description; an existing table keeps its own.
            reading: how to read the source, where sniffing should not decide.
            branch: the branch it goes to; `main` where it is left out.

        Raises:
            AlreadyExists: `create` on a table that exists.
            Conflict: the branch is protected.
            InvalidInput: the source cannot be read as rows at all, or the contract blocks it; nothing was taken.

        Example:
            yard lake load trips taxi.csv --source taxi.csv
        """

    @stream("POST", "/tables/{name}/data", scope="lake:write", about="table:{name}", command="-")
    @abstractmethod
    def write(
        self,
        name: Name,
        content: Iterable[bytes],
        *,
        mode: Mode = Mode.APPEND,
        schema: Declared | None = None,
        reads: tuple[str, ...] = (),
        run: str | None = None,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Write rows that a program made, as an Arrow IPC stream.

        The types are the stream's. Rows that break the table's contract go to the quarantine, as in a load.

        Args:
            reads: refs of what the rows were made from, for lineage.
            run: the run that made them.
            branch: the branch it goes to; `main` where it is left out.

        Raises:
            InvalidInput: no Arrow stream, or its columns do not fit the table.
            Conflict: the branch is protected.
        """

    @operation("GET", "/tables", scope="lake:read")
    @abstractmethod
    def tables(
        self, *, branch: Name | None = None, every: bool = False, cursor: str | None = None, limit: Limit = 100
    ) -> Page[Table]:
        """List the tables of a branch, by name.

        Args:
            branch: `main` where it is left out.
            every: also those that the branch does not show, at the newest version that there is of them anywhere.
        """

    @operation("GET", "/tables/{name}", scope="lake:read", about="table:{name}")
    @abstractmethod
    def table(self, name: Name, *, at: str | None = None) -> Table:
        """Show one table: columns, keys, rows, size.

        Args:
            at: a version (`12`), a tag, a branch or a moment (`2026-11-01T00:00Z`); the newest on `main` where it is
                left out. A moment is one of `main`.

        Raises:
            NotFound: no such table or version.
        """

    @operation("GET", "/tables/{name}/versions", scope="lake:read", about="table:{name}")
    @abstractmethod
    def history(
        self,
        name: Name,
        *,
        branch: Name | None = None,
        every: bool = False,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[Version]:
        """List a table's versions on a branch, newest first: its own, then those that it was made from.

        Args:
            branch: `main` where it is left out.
            every: the versions of all branches, by number.
        """

    @operation("GET", "/tables/{name}/whereabouts", scope="lake:files", about="table:{name}", effect=Effect.SCAN)
    @abstractmethod
    def whereabouts(self, name: Name, *, at: str | None = None) -> Whereabouts:
        """Say where a version's files lie, for Spark, Ray, Polars and other readers of Delta or Parquet.

        A reader of the address sees the newest version of `main`; the files are those of the version asked for.

        Raises:
            NotFound: no such table or version.

        Example:
            yard lake whereabouts trips --at 12 --json
        """

    @operation("PUT", "/tables/{name}/tags/{tag}", scope="lake:write", about="table:{name}")
    @abstractmethod
    def tag(self, name: Name, tag: Name, *, version: int | None = None) -> Version:
        """Name a version, so that `name@tag` reads it; an existing tag moves.

        Args:
            version: the newest on `main` where it is left out.

        Raises:
            AlreadyExists: an open branch has the name.
        """

    @stream("GET", "/tables/{name}/rows", scope="lake:read", about="table:{name}", media=ARROW)
    @abstractmethod
    def rows(
        self,
        name: Name,
        *,
        at: str | None = None,
        columns: tuple[str, ...] = (),
        where: str | None = None,
        limit: int | None = None,
        provenance: bool = False,
    ) -> Iterator[bytes]:
        """Read rows as an Arrow IPC stream.

        Args:
            at: a version, a tag, a branch or a moment; the newest on `main` where it is left out.
            columns: all where it is left out.
            where: a condition in SQL, e.g. `fare > 10 and company is not null`.
            provenance: adds `_load` and `_row`: the load that brought the row and its place in the source.

        Raises:
            InvalidInput: the condition is no SQL condition over the table's columns.
        """

    @operation("GET", "/tables/{name}/preview", scope="lake:read", about="table:{name}", effect=Effect.SCAN)
    @abstractmethod
    def preview(
        self,
        name: Name,
        *,
        at: str | None = None,
        offset: int = 0,
        limit: Limit = 60,
        sort: str | None = None,
        descending: bool = False,
        where: str | None = None,
    ) -> Preview:
        """Show a window of rows, sorted and filtered.

        Args:
            sort: a column; the order of loading where it is left out.
            where: a condition in SQL.
        """

    @operation("GET", "/tables/{name}/profile", scope="lake:read", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def profile(self, name: Name, *, at: str | None = None) -> TableProfile:
        """Show what each column holds: nulls, distinct values, range, histogram, top values.

        It is computed once a version.
        """

    @operation("GET", "/loads", scope="lake:read")
    @abstractmethod
    def loads(self, *, table: Name | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[Load]:
        """List loads, newest first."""

    @operation("GET", "/loads/{load}", scope="lake:read", about="load:{load}")
    @abstractmethod
    def load_record(self, load: LoadId) -> Load:
        """Show one load: where it came from and where its rows went.

        Raises:
            NotFound: no such load.
        """

    @stream("GET", "/loads/{load}/source", scope="lake:read", about="load:{load}")
    @abstractmethod
    def source(self, load: LoadId) -> Iterator[bytes]:
        """Give back the bytes that a load came from, as they came.

        Raises:
            NotFound: no such load, or a program wrote its rows.
            Gone: an erasure removed the bytes.
        """

    @operation("GET", "/loads/{load}/quarantine", scope="lake:read", about="load:{load}", effect=Effect.SCAN)
    @abstractmethod
    def quarantine(
        self, load: LoadId, *, state: RowState | None = RowState.HELD, cursor: str | None = None, limit: Limit = 100
    ) -> Page[QuarantinedRow]:
        """List a load's quarantined rows, in order of their place in the source.

        Args:
            state: held rows by default; null for all.
        """

    @operation("POST", "/loads/{load}/replays", scope="lake:write", about="load:{load}", effect=Effect.WORK)
    @abstractmethod
    def replay(self, load: LoadId, *, mends: tuple[Mend, ...] = (), rows: tuple[int, ...] = ()) -> Load:
        """Load held rows again, mended or under a mended contract; those that fail again stay held.

        Args:
            mends: corrected texts by place in the source.
            rows: places of the rows to load as they are; with neither, all held rows.

        Raises:
            NotFound: a row is not held by this load.
        """

    @operation("POST", "/loads/{load}/drops", scope="lake:write", about="load:{load}", effect=Effect.WORK)
    @abstractmethod
    def drop_rows(self, load: LoadId, reason: str, *, rows: tuple[int, ...] = ()) -> Load:
        """Give up held rows for good, saying why; all held rows where none are named."""

    @operation("DELETE", "/tables/{name}", scope="lake:drop", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def drop(self, name: Name, *, branch: Name | None = None) -> None:
        """Remove a table with all of its versions and its quarantine; sources of its loads stay as objects.

        Args:
            branch: a branch other than `main` lets go of the table, and `main` does so when it is published.

        Raises:
            Conflict: the branch is protected, or another branch holds versions of its own.
        """

    @stream("POST", "/sql", scope="lake:read", effect=Effect.SCAN, media=ARROW, command="sql")
    @abstractmethod
    def sql(
        self,
        query: str,
        *,
        at: str | None = None,
        timeout_s: float = 30.0,
        memory_mb: int | None = None,
        query_id: Name | None = None,
    ) -> Iterator[bytes]:
        """Ask one SELECT over the lake; the answer is an Arrow IPC stream.

        Tables go by their name, `"trips@12"` in quotes reads a version. All are read at one moment. The query sees
        nothing but the lake: no file, no network. The schema's metadata names the query's id and what it read.

        Args:
            at: where plain names are read: a branch, a tag or a moment; `main` where it is left out.
            memory_mb: the most memory it may use; the rest goes to the disk.
            query_id: an id of your own choice, to watch and cancel it by; made where it is left out.

        Raises:
            InvalidInput: not one SELECT, or it names what is not there.
            TimedOut: it ran longer than `timeout_s`.
            TooLarge: it needs more memory and disk than it may have.
            Conflict: it was cancelled.

        Example:
            yard lake sql 'select company, count(*) from trips group by all'
        """

    @operation(
        "POST",
        "/tables/{name}/erasures",
        scope="lake:erase",
        about="table:{name}",
        effect=Effect.WORK,
        private=("values",),
    )
    @abstractmethod
    def erase(self, name: Name, column: str, values: tuple[str, ...]) -> Erasure:
        """Remove the rows of a subject from every version of a table, its quarantine and its sources.

        Versions stay readable without the rows. A source file that holds a value is removed whole: lineage then still
        names it by its digest, its bytes are gone.

        Args:
            column: the column that names the subject.
            values: the subject's values in that column, as text.
        """

    @operation("POST", "/lake/sweeps", scope="lake:admin", effect=Effect.WORK)
    @abstractmethod
    def sweep(self) -> Sweep:
        """Remove what writers that died left behind: staged files, files and versions that nobody refers to."""


@runtime_checkable
class Files(Protocol):
    """Where slices above read whole versions at the speed of the files."""

    def files(self, name: str, *, at: str | None = None, revealing: bool = False) -> TableFiles:
        """The Parquet files of a version; rows also carry `_load` and `_row`.

        Args:
            revealing: their rows will be shown to whoever asks.

        Raises:
            NotFound: no such table or version.
            Forbidden: they are to be shown, and the table hides something from whoever asks.
        """
        ...
