"""The lake's part in governance: forgetting a subject in its tables, and telling where rows came from.

It asks the lake as any slice above does and reads no file itself. A subject is found by its key column, in every table
that has one of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from modelyard.governance.api import EntityKeys, Held, Left, RowTrace, Subject
from modelyard.governance.model.erasure import is_conclusive
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import Ref, parts, ref
from modelyard.lake.api import Lake, Load, LoadId, QuarantinedRow, Table

_ANY_STATE = None
_MOST_NAMESAKES = 100_000
_LOAD, _ROW = "_load", "_row"


class NamedKeys:
    """Takes an entity's name for its key column, where no slice defines entities."""

    def columns(self, entity: str) -> Sequence[str]:
        """The name itself."""
        return (entity,)

    def every(self) -> Sequence[str]:
        """None is known."""
        return ()


class LakeEraser:
    """Forgets a subject in tables, their quarantine and their sources; an `Eraser`."""

    name = "lake"

    def __init__(self, lake: Lake, keys: EntityKeys) -> None:
        self._lake = lake
        self._keys = keys

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Rows in the newest version, versions that hold any, and refused rows that name the subject."""
        found: list[Held] = []
        for table, column in self._places(subject.entity):
            thing = ref("table", table.name)
            holding = self._versions_holding(table, column, subject.key)
            if holding:
                newest = holding.get(table.version, 0)
                found.append(Held(by=self.name, ref=thing, what="rows", count=newest))
                found.append(Held(by=self.name, ref=thing, what="versions", count=len(holding)))
            if refused := self._refused(table.name, subject.key):
                found.append(Held(by=self.name, ref=thing, what="quarantined rows", count=refused))
        return found

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Remove the subject from every table that has its key column."""
        done: list[Held] = []
        self._lake.flush()  # what waits to be folded may name the subject, too
        for table, column in self._places(subject.entity):
            try:
                gone = self._lake.erase(table.name, column, (subject.key,))
            except InvalidInput:
                continue  # the column's type has no value that is written so
            thing = ref("table", table.name)
            counts = {
                "rows": gone.rows, "versions": len(gone.versions), "data files": len(gone.files),
                "quarantined rows": gone.quarantined,
            }  # fmt: skip
            done += [Held(by=self.name, ref=thing, what=what, count=n) for what, n in counts.items() if n]
            done += [Held(by=self.name, ref=source, what="source files", count=1) for source in gone.sources]
        return done

    def remains(self, subject: Subject) -> Left:
        """Table versions in which the subject is still read back, and quarantines that still name it."""
        left: list[str] = []
        for table, column in self._places(subject.entity):
            left += [str(ref("table", table.name, v)) for v in self._versions_holding(table, column, subject.key)]
            if self._refused(table.name, subject.key):
                left.append(f"quarantine of {table.name}")
        longer = self.namesakes(subject) if is_conclusive(subject.key) else ()
        return Left(places=tuple(left), namesakes=tuple(longer))

    def namesakes(self, subject: Subject) -> Sequence[str]:
        """Keys that hold the subject's within them, in the newest version of every table with its key column."""
        found: set[str] = set()
        for table, column in self._places(subject.entity):
            value = f"CAST({quoted(column)} AS VARCHAR)"
            where = f"contains({value}, {text(subject.key)}) AND {value} <> {text(subject.key)}"
            rows = read_rows(self._lake, table.name, where=where, limit=_MOST_NAMESAKES, columns=(column,))
            found.update(str(row[column]) for row in rows)
        return sorted(found)

    def pseudonyms(self, entity: str) -> set[str]:
        """Whose names stand as tokens in the entity's key columns."""
        return {
            column.pseudonym
            for table in every_table(self._lake)
            for column in table.columns
            if column.pseudonym and column.name in self._keys.columns(entity)
        }

    def _places(self, entity: str) -> Iterator[tuple[Table, str]]:
        """Every table with a key column of the entity."""
        columns = self._keys.columns(entity)
        for table in every_table(self._lake):
            for column in table.columns:
                if column.name in columns:
                    yield table, column.name

    def _versions_holding(self, table: Table, column: str, key: str) -> dict[int, int]:
        """Rows of the subject in each version that holds any."""
        where = is_value(column, key)
        counts: dict[int, int] = {}
        for version in _versions(self._lake, table.name):
            try:
                counts[version] = self._lake.preview(table.name, at=str(version), limit=1, where=where).total
            except InvalidInput:
                continue  # that version did not have the column yet
        return {version: count for version, count in counts.items() if count}

    def _refused(self, table: str, key: str) -> int:
        named = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)")
        return sum(
            named.search(row.raw) is not None
            for load in _loads(self._lake, table)
            if load.rows_quarantined
            for row in _quarantined(self._lake, load.id)
        )


class LakeRows:
    """Where rows came from; a `RowSource`. A row is named `row:LOAD/NUMBER`."""

    def __init__(self, lake: Lake, keys: EntityKeys) -> None:
        self._lake = lake
        self._keys = keys

    def row(self, row: Ref) -> RowTrace | None:
        """A row by its load and its place in the source."""
        told = parts(row)
        load_id, _, number = told.name.rpartition("/")
        if told.kind != "row" or not load_id or not number.isdigit():
            return None
        try:
            load = self._lake.load_record(LoadId(load_id))
        except NotFound:
            return None
        if load.version is None:
            return None
        where = f"{_LOAD} = {text(load_id)} AND {_ROW} = {int(number)}"
        found = self._read(load.table, str(load.version), where, 1)
        if not found:
            return None
        keys = {name: found[0][name] for name in self._key_columns(load.table) if found[0].get(name) is not None}
        tables = self._versions_with(load, where)
        return RowTrace(ref=row, tables=tables, source=load.source_ref, line=int(number), keys=_texts(keys))

    def about(self, table: Ref, keys: Mapping[str, str], *, limit: int) -> list[RowTrace]:
        """Rows of a table version about an entity."""
        told = parts(table)
        try:
            known = {c.name for c in self._lake.table(told.name, at=told.version).columns}
        except NotFound:
            return []
        wanted = {name: value for name, value in keys.items() if name in known}
        if not wanted:
            return []
        where = " AND ".join(is_value(name, value) for name, value in wanted.items())
        loads: dict[str, Load] = {}
        traces: list[RowTrace] = []
        for found in self._read(told.name, told.version, where, limit):
            load_id, number = str(found[_LOAD]), int(str(found[_ROW]))
            if load_id not in loads:
                loads[load_id] = self._lake.load_record(LoadId(load_id))
            traces.append(
                RowTrace(
                    ref=ref("row", f"{load_id}/{number}"), tables=(table,), source=loads[load_id].source_ref,
                    line=number, keys=wanted,
                )
            )  # fmt: skip
        return traces

    def _key_columns(self, table: str) -> Sequence[str]:
        return tuple(dict.fromkeys((*self._keys.every(), *self._lake.table(table).keys)))

    def _versions_with(self, load: Load, where: str) -> tuple[Ref, ...]:
        """The versions that hold a row: from its load to the last, found by halving, for a row that left stays out."""
        later = [v for v in _versions(self._lake, load.table) if load.version is not None and v >= load.version]
        later.sort()
        low, high = 0, len(later) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._lake.preview(load.table, at=str(later[middle]), limit=1, where=where).total:
                low = middle
            else:
                high = middle - 1
        return tuple(ref("table", load.table, version) for version in later[: low + 1])

    def _read(self, table: str, at: str | None, where: str, limit: int) -> list[dict[str, object]]:
        return read_rows(self._lake, table, at=at, where=where, limit=limit, provenance=True)


def read_rows(
    lake: Lake, table: str, *, where: str, limit: int, at: str | None = None, columns: tuple[str, ...] = (),
    provenance: bool = False,
) -> list[dict[str, object]]:  # fmt: skip
    """Rows of a table that meet a condition."""
    import pyarrow as pa

    content = b"".join(
        lake.rows(table, at=at, where=where, limit=limit, columns=columns, provenance=provenance)
    )  # fmt: skip
    rows: list[dict[str, object]] = pa.ipc.open_stream(content).read_all().to_pylist()
    return rows


def every_table(lake: Lake) -> Iterator[Table]:
    """Every table of the lake, on whichever branch."""
    cursor: str | None = None
    while True:
        page = lake.tables(every=True, cursor=cursor, limit=500)
        yield from page.items
        if (cursor := page.next) is None:
            return


def _versions(lake: Lake, table: str) -> Iterator[int]:
    cursor: str | None = None
    while True:
        page = lake.history(table, every=True, cursor=cursor, limit=500)
        yield from (version.version for version in page.items)
        if (cursor := page.next) is None:
            return


def _loads(lake: Lake, table: str) -> Iterator[Load]:
    cursor: str | None = None
    while True:
        page = lake.loads(table=table, cursor=cursor, limit=500)
        yield from page.items
        if (cursor := page.next) is None:
            return


def _quarantined(lake: Lake, load: LoadId) -> Iterator[QuarantinedRow]:
    cursor: str | None = None
    while True:
        page = lake.quarantine(load, state=_ANY_STATE, cursor=cursor, limit=1000)
        yield from page.items
        if (cursor := page.next) is None:
            return


def is_value(column: str, key: str) -> str:
    """A condition for the lake: the column holds the value that is written so."""
    return f"CAST({quoted(column)} AS VARCHAR) = {text(key)}"


def quoted(name: str) -> str:
    """A column's name as a condition takes it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as a condition takes it."""
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
