"""The lake in a user's hands: every operation of its api, and rows as the frames that people hold.

    yard.lake.read("trips@12", columns=("fare",), where="fare > 10").polars()
    yard.lake.write("trips", frame)

Rows travel as Arrow in both directions, whether the yard is in this process or behind an address. Libraries of frames
are imported when a frame of theirs is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.kernel.operations import Operation
from modelyard.lake.api import Declared, Lake, Load, Mode, Pulled, Reading, Resolve, Version
from modelyard.sdk.filesets import FileSetHandle
from modelyard.sdk.frames import Feed, Rows, as_stream
from modelyard.sdk.proxy import Transport, proxy

if TYPE_CHECKING:
    from modelyard.kernel.refs import Name

_CHUNK = 1 << 20
_COMPARE = ("diff", "schema_diff")


class LakeHandle(FileSetHandle):
    """The lake's operations, and more convenient forms of those that move rows."""

    _transport: Transport

    def read(
        self,
        table: str,
        *,
        columns: Iterable[str] = (),
        where: str | None = None,
        limit: int | None = None,
        provenance: bool = False,
    ) -> Rows:
        """Rows of a table at a ref.

        Args:
            table: `trips`, or with what stands behind an `@`: a version (`trips@12`), a branch, a tag or a moment.
            columns: only these leave the files.
            where: a condition in SQL; files and row groups that cannot hold a match are passed over.
            provenance: adds `_load` and `_row`.
        """
        name, _, at = table.partition("@")
        return self.rows(
            name, at=at or None, columns=tuple(columns), where=where, limit=limit, provenance=provenance
        )  # fmt: skip

    def rows(
        self,
        name: Name,
        *,
        at: str | None = None,
        columns: tuple[str, ...] = (),
        where: str | None = None,
        limit: int | None = None,
        provenance: bool = False,
    ) -> Rows:
        """Read rows; also as bytes of an Arrow IPC stream."""
        plain = self._plain
        return Rows(
            lambda: plain.rows(name, at=at, columns=columns, where=where, limit=limit, provenance=provenance)
        )  # fmt: skip

    def sql(
        self,
        query: str,
        *,
        at: str | None = None,
        timeout_s: float = 30.0,
        memory_mb: int | None = None,
        query_id: Name | None = None,
    ) -> Rows:
        """Ask one SELECT over the lake; also as bytes of an Arrow IPC stream."""
        plain = self._plain
        return Rows(
            lambda: plain.sql(query, at=at, timeout_s=timeout_s, memory_mb=memory_mb, query_id=query_id)
        )  # fmt: skip

    def changes(self, name: Name, *, since: int = 0, at: str | None = None, columns: tuple[str, ...] = ()) -> Feed:
        """Read what each version changed; `position` is where to go on."""
        plain = self._plain
        return Feed(lambda: plain.changes(name, since=since, at=at, columns=columns))

    def write(
        self,
        name: Name,
        content: Iterable[bytes] | Any,
        *,
        mode: Mode = Mode.APPEND,
        schema: Declared | None = None,
        reads: tuple[str, ...] = (),
        run: str | None = None,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Write rows that a program made.

        Args:
            content: an Arrow table, batch or reader; a Polars or pandas frame; a DuckDB relation; rows as dictionaries;
                or bytes of an Arrow IPC stream.
        """
        return self._plain.write(
            name, as_stream(content), mode=mode, schema=schema, reads=reads, run=run, message=message, branch=branch
        )  # fmt: skip

    def delete_keys(
        self, name: Name, content: Iterable[bytes] | Any, *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Remove the rows whose keys are given.

        Args:
            content: the key columns, in whatever form `write` takes.
        """
        return self._plain.delete_keys(name, as_stream(content), message=message, branch=branch)

    def load_file(
        self,
        name: Name,
        path: str | Path,
        *,
        mode: Mode = Mode.APPEND,
        schema: Declared | None = None,
        reading: Reading | None = None,
        message: str = "",
        branch: Name | None = None,
    ) -> Load:
        """Load a local file: CSV, JSON lines, Parquet or Arrow."""
        file = Path(path)
        return self.load(
            name, _chunks(file), source=file.name, mode=mode, schema=schema, reading=reading,
            message=message, branch=branch,
        )  # fmt: skip

    def load_dlt(
        self, data: object, *, table: Name | None = None, source: Name | None = None, branch: Name | None = None
    ) -> tuple[Pulled, ...]:
        """Load what a source or resource of dlt yields, each resource into the table of its name.

        The code runs here; its rows go through the contract and the quarantine like those of any pull, and its state
        (where `dlt.sources.incremental` stands) is kept in the commit of the rows: what dies is made again, and no row
        comes twice and none is lost. `write_disposition` and `primary_key` say how rows are taken.

            yard.lake.load_dlt(rest_api_source(...))
            yard.lake.load_dlt(sql_table(..., backend="pyarrow"), table="orders")

        Args:
            data: a `dlt` source or resource. Dictionaries are read as JSON lines, tables of Arrow as they come; what is
                nested is kept as JSON text in one column, no further tables are made of it.
            table, source: other names for the table and for the source that the position is kept under; of one
                resource.

        Raises:
            MissingExtra: dlt is not installed.
            StaleVersion: somebody else loaded the same resource meanwhile; do it again.
        """
        from modelyard.sdk.dlt import load

        return load(self._plain, data, table=table, source=source, branch=branch)

    def on(self, branch: str) -> LakeHandle:
        """The same lake, every verb bound to an open branch: what writes goes there, what reads starts there."""
        return proxy(LakeHandle, BranchTransport(self._transport, branch))

    @contextmanager
    def branch(
        self,
        name: str,
        *,
        source: str = "main",
        into: str = "main",
        resolve: Resolve | None = None,
        message: str = "",
    ) -> Iterator[LakeHandle]:
        """Write, audit, publish: a new branch to work on, published whole when the block ends without an error.

            with yard.lake.branch("load-2026-11") as b:
                b.load_file("trips", "trips.csv")
                b.load_file("zones", "zones.csv")

        Every changed table is checked against its contract first. Where one breaks it, where rows are in conflict, or
        where the block raises, the branch stays open with all that was written, and nobody else sees any of it.

        Args:
            source: what it starts from: a branch, or a tag of the lake.
            into: where it is published.

        Raises:
            GateClosed: a contract does not hold; the detail names the branch and the report.
            Conflict: both sides changed a row differently, and `resolve` does not say whose counts.
        """
        self.create_branch(name, source=source, description=message)
        yield self.on(name)
        self.publish(name, into=into, resolve=resolve, message=message)

    @property
    def _plain(self) -> Lake:
        return proxy(Lake, self._transport)


class BranchTransport:
    """Carries calls as another transport does; where a call leaves open which branch it means, it is this one."""

    def __init__(self, inner: Transport, branch: str) -> None:
        self._inner = inner
        self._branch = branch

    def call(self, op: Operation, arguments: dict[str, Any]) -> Any:
        """One call; its answer."""
        return self._inner.call(op, self._bound(op, arguments))

    def upload(self, op: Operation, arguments: dict[str, Any], content: Iterable[bytes]) -> Any:
        """Bytes there, an answer back."""
        return self._inner.upload(op, self._bound(op, arguments), content)

    def download(self, op: Operation, arguments: dict[str, Any]) -> Iterator[bytes]:
        """Bytes back."""
        return self._inner.download(op, self._bound(op, arguments))

    def live(self, op: Operation, arguments: dict[str, Any]) -> Iterator[Any]:
        """Records back, as they come."""
        return self._inner.live(op, self._bound(op, arguments))

    def _bound(self, op: Operation, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments; a `branch`, an `at` or the target of a difference that nobody gave is this branch."""
        names = ("branch", "at", "target") if op.method in _COMPARE else ("branch", "at")
        open_ = [p.name for p in op.parameters if p.name in names and not p.required]
        return {**arguments, **{name: self._branch for name in open_ if arguments.get(name) is None}}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
