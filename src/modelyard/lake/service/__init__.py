"""The lake's operations. What reads, writes or computes stands in the modules beside, imported at first use: an idle
yard holds no Arrow, no Delta and no query engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from modelyard.kernel.errors import AlreadyExists, Gone, NotFound
from modelyard.kernel.pages import Limit, Page, page_of, place_of
from modelyard.kernel.refs import Name, Ref
from modelyard.lake.api import (
    Declared,
    Erasure,
    Format,
    Holders,
    Inspector,
    Lake,
    Load,
    LoadId,
    LoadState,
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
from modelyard.lake.model.filesets import refuse_listing, thing
from modelyard.lake.model.moments import MAIN, check_name
from modelyard.lake.service.board import Board
from modelyard.lake.service.branches import BranchService
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.service.evolution import EvolutionService
from modelyard.lake.service.filesets import FileSetService, plain_tables
from modelyard.lake.service.filesets.adds import Adds
from modelyard.lake.service.naming import Naming
from modelyard.lake.service.policies import PolicyService, check_reveals
from modelyard.lake.service.publishing import PublishService
from modelyard.lake.service.pushes import PushService, PushTerms
from modelyard.lake.service.quarantinework import QuarantineWork
from modelyard.lake.service.shaping import TableShaping
from modelyard.lake.service.shipping import SinkService
from modelyard.lake.service.sourcing import SourcingService
from modelyard.lake.service.tablework import TableWork
from modelyard.lake.service.tidying import UpkeepService
from modelyard.lake.store import branches, catalogue, loads
from modelyard.ports import calls
from modelyard.ports.objects import Digest, Objects
from modelyard.ports.queries import Queries
from modelyard.ports.seals import Seals
from modelyard.ports.tables import Tables


class LakeService(
    TableShaping,
    TableWork,
    QuarantineWork,
    BranchService,
    PublishService,
    UpkeepService,
    PolicyService,
    EvolutionService,
    Naming,
    PushService,
    FileSetService,
    SinkService,
    SourcingService,
    Lake,
):
    """Tables on Delta Lake.

    Args:
        tables, queries: give the engines when they are first needed.
        folder: the lake's own folder, for what is staged and what is quarantined.
        inspector: judges rows before they are taken in.
        holders: says which versions something else still stands on.
        pushes: how pushed rows are kept and folded.
        files: a store for the contents of file sets, and for nothing else.
    """

    def __init__(
        self,
        *,
        tables: Callable[[], Tables],
        queries: Callable[[], Queries],
        objects: Objects,
        folder: Path,
        inspector: Inspector | None = None,
        holders: Holders | None = None,
        pushes: PushTerms | None = None,
        files: Objects | None = None,
    ) -> None:
        self._desk = Desk(
            tables=tables, queries=queries, objects=objects, staging=folder / "staging",
            vault=folder / "quarantine", inspector=inspector, holders=holders, kept=files,
        )  # fmt: skip
        self._board = Board()
        self._push_folder = folder / "pushes"
        self._push_terms = pushes or PushTerms()
        self._adds = Adds()

    def objects_held(self, digests: Collection[str]) -> set[str]:
        """Those of the digests that are the source of a load."""
        return loads.objects_held(calls.current().tx, list(digests))

    def under(self, seals: Seals) -> LakeService:
        """The same service, whose quarantine is written and read by these seals."""
        self._desk = replace(self._desk, seals=seals)
        return self

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
        """Load rows from a source."""
        from modelyard.lake.service.loading import load
        from modelyard.lake.service.orders import Order

        order = Order(
            table=name, mode=mode, declared=schema or Declared(), source=source,
            form=None if reading is None else reading.format, reading=reading or Reading(),
            message=message or f"load {source}", operation="load", keeps_source=True,
            branch=branch or MAIN,
        )  # fmt: skip
        return load(self._desk, order, content)[0]

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
        """Write rows that a program made."""
        from modelyard.lake.service.loading import load
        from modelyard.lake.service.orders import Order

        order = Order(
            table=name, mode=mode, declared=schema or Declared(), source="write", form=Format.ARROW,
            reading=Reading(), message=message or "write", operation="write", keeps_source=False,
            reads=tuple(Ref(each) for each in reads), run=run, branch=branch or MAIN,
        )  # fmt: skip
        return load(self._desk, order, content)[1]

    def tables(
        self, *, branch: Name | None = None, every: bool = False, cursor: str | None = None, limit: Limit = 100
    ) -> Page[Table]:
        """List the tables of a branch, by name."""
        tx = calls.current().tx
        after = place_of(cursor, "")
        if branch is not None:
            branches.opened(tx, branch)
        found = plain_tables(tx, branch=branch or MAIN, every=every, after=after, most=limit + 1)
        held = loads.held_by_table(tx)
        return page_of([_table(each, held.get(each.name, 0)) for each in found], limit, lambda t: (t.name,))

    def table(self, name: Name, *, at: str | None = None) -> Table:
        """Show one table."""
        entry = resolve(name, at)
        return _table(entry, loads.held(calls.current().tx, name))

    def history(
        self,
        name: Name,
        *,
        branch: Name | None = None,
        every: bool = False,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[Version]:
        """List a table's versions, newest first."""
        tx = calls.current().tx
        if every:
            if catalogue.newest(tx, name) is None:
                resolve(name, None)
            found = catalogue.history(tx, name, before=place_of(cursor, 1 << 62), most=limit + 1)
        else:
            head = resolve(name, None, branch=branch).version
            last = place_of(cursor, head + 1)
            start = head if last > head else last
            found = [v for v in catalogue.line(tx, name, start=start, most=limit + 2) if v.version < last][: limit + 1]
        return page_of(found, limit, lambda v: (v.version,))

    def whereabouts(self, name: Name, *, at: str | None = None) -> Whereabouts:
        """Say where a version's files lie."""
        entry = resolve(name, at)
        tables = self._desk.tables()
        files = tables.files(entry.location, entry.version)
        return Whereabouts(
            table=name, version=entry.version, ref=thing(name, entry.version),
            address=tables.address(entry.location), rows=entry.rows,
            files=tuple(tables.address(entry.location, file.path) for file in files),
        )  # fmt: skip

    def tag(self, name: Name, tag: Name, *, version: int | None = None) -> Version:
        """Name a version."""
        tx = calls.current().tx
        check_name(tag, "tag")
        if branches.is_open(tx, tag):
            raise AlreadyExists(f"{tag} is a branch; a tag cannot have its name")
        entry = resolve(name, None if version is None else str(version))
        catalogue.set_tag(tx, name, tag, entry.version)
        return catalogue.history(tx, name, before=entry.version + 1, most=1)[0]

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
        """Read rows as an Arrow IPC stream."""
        from modelyard.lake.service import reading

        entry = resolve(name, at)
        return reading.stream(self._desk, entry, columns=columns, where=where, limit=limit, provenance=provenance)

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
        """Show a window of rows."""
        from modelyard.lake.service import reading

        return reading.preview(
            self._desk, resolve(name, at), offset=offset, limit=limit, sort=sort, descending=descending, where=where
        )

    def profile(self, name: Name, *, at: str | None = None) -> TableProfile:
        """Show what each column holds."""
        from modelyard.lake.service.profiling import profile

        return profile(self._desk, resolve(name, at))

    def loads(self, *, table: Name | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[Load]:
        """List loads, newest first."""
        before = place_of(cursor, "") or None
        found = loads.listed(calls.current().tx, table=table, before=before, most=limit + 1)
        return page_of(found, limit, lambda each: (each.id,))

    def load_record(self, load: LoadId) -> Load:
        """Show one load."""
        return loads.found(calls.current().tx, load)

    def source(self, load: LoadId) -> Iterator[bytes]:
        """Give back the bytes that a load came from."""
        found = loads.found(calls.current().tx, load)
        check_reveals(self._desk, found.table, "sources")
        if found.source_ref is None or found.state is LoadState.REFUSED:
            raise NotFound(f"load {load} kept no source; a program wrote its rows, or it was refused")
        if not found.digest:
            raise Gone(f"the source of load {load} was removed by an erasure; {found.source_ref} is its digest")
        return self._desk.objects.read(Digest(found.digest))

    def quarantine(
        self, load: LoadId, *, state: RowState | None = RowState.HELD, cursor: str | None = None, limit: Limit = 100
    ) -> Page[QuarantinedRow]:
        """List a load's quarantined rows."""
        from modelyard.lake.service import quarantine

        after = place_of(cursor, 0)
        found = loads.found(calls.current().tx, load)
        check_reveals(self._desk, found.table, "quarantined rows")
        return quarantine.listed(self._desk, found, state=state, after=after, limit=limit)

    def held_rows(self, load: LoadId) -> Iterator[QuarantinedRow]:
        """Every row of a load's quarantine, for a reader in this process."""
        from modelyard.lake.service import quarantine

        found = loads.found(calls.current().tx, load)
        check_reveals(self._desk, found.table, "quarantined rows")
        return quarantine.every(self._desk, found)

    def replay(self, load: LoadId, *, mends: tuple[Mend, ...] = (), rows: tuple[int, ...] = ()) -> Load:
        """Load held rows again."""
        from modelyard.lake.service import mending

        return mending.replay(self._desk, loads.found(calls.current().tx, load), mends=mends, rows=rows)

    def drop_rows(self, load: LoadId, reason: str, *, rows: tuple[int, ...] = ()) -> Load:
        """Give up held rows for good."""
        from modelyard.lake.service import mending

        return mending.drop(self._desk, loads.found(calls.current().tx, load), reason, rows=rows)

    def drop(self, name: Name, *, branch: Name | None = None) -> None:
        """Remove a table with all of its versions and its quarantine, or let a branch go of it."""
        from modelyard.lake.service import upkeep

        refuse_listing(name)
        entry = resolve(name, None, branch=branch)
        if branch in (None, MAIN):
            self.folder().discard(name)
        upkeep.drop(self._desk, entry, branch=branch or MAIN)

    def erase(self, name: Name, column: str, values: tuple[str, ...]) -> Erasure:
        """Remove the rows of a subject from every version of a table."""
        from modelyard.lake.service import erasure

        self.flush(name)
        return erasure.erase(self._desk, name, column, values)

    def sweep(self) -> Sweep:
        """Remove what writers that died left behind."""
        from modelyard.lake.service import upkeep

        return upkeep.sweep(self._desk, self.sweep_contents)

    def sql(
        self,
        query: str,
        *,
        at: str | None = None,
        timeout_s: float = 30.0,
        memory_mb: int | None = None,
        query_id: Name | None = None,
    ) -> Iterator[bytes]:
        """Ask one SELECT over the lake."""
        from modelyard.lake.service import queries

        terms = queries.Terms(at=at, timeout_s=timeout_s, memory_mb=memory_mb, query_id=query_id)
        return queries.sql(self._desk, self._board, query, terms)

    def files(self, name: str, *, at: str | None = None, revealing: bool = False) -> TableFiles:
        """The Parquet files of a version, for a reader in this process."""
        if revealing:
            check_reveals(self._desk, name, "rows")
        entry = resolve(name, at)
        return TableFiles(
            table=name, version=entry.version, ref=thing(name, entry.version), columns=entry.columns,
            paths=tuple(self._desk.uris(entry)), rows=entry.rows,
        )  # fmt: skip


def _table(entry: catalogue.Entry, held: int) -> Table:
    return Table(
        name=entry.name, ref=thing(entry.name, entry.version), version=entry.version, columns=entry.columns,
        keys=entry.keys, rows=entry.rows, size_bytes=entry.size_bytes, quarantined=held,
        description=entry.description, created_ms=entry.created_ms, updated_ms=entry.at_ms,
    )  # fmt: skip
