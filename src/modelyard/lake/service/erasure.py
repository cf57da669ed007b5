"""Erasure: a subject's rows leave every version of a table, its quarantine and the sources they came in.

Data files are rewritten in place, so that every version stays readable without the subject, and the table's log is
mended to their new sizes; no predicate and no value is ever written down. It can be cut off anywhere and repeated.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import InvalidInput, StaleVersion
from modelyard.kernel.refs import Ref
from modelyard.lake.api import LOAD, Column, Erasure, Format, Load, LoadId, TableErased
from modelyard.lake.model.dialect import split_record
from modelyard.lake.model.filesets import thing
from modelyard.lake.service import pseudonyms
from modelyard.lake.service.commits import About, Step, carry_out, standing
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.service.policies import forget_copies
from modelyard.lake.service.turns import turns
from modelyard.lake.service.upkeep import remeasure
from modelyard.lake.store import branches, catalogue, loads, manifests, subjects
from modelyard.ports import calls
from modelyard.ports.objects import Digest
from modelyard.ports.queries import Session
from modelyard.ports.tables import DataFile

_BATCH = 10_000


@dataclass(slots=True)
class _Found:
    """Where the subject was met.

    Attributes:
        files: data files that were written anew, and how many rows left each.
        listed: versions whose manifest was mended.
    """

    files: dict[str, int] = field(default_factory=dict)
    listed: set[int] = field(default_factory=set)
    loads: set[LoadId] = field(default_factory=set)
    held: dict[LoadId, int] = field(default_factory=dict)
    quarantined: int = 0
    notes: dict[LoadId, list[str]] = field(default_factory=dict)


def erase(desk: Desk, name: str, column: str, values: Sequence[str]) -> Erasure:
    """Carry out an erasure; see `Lake.erase`."""
    entry = _entry_with(name, column)
    subject = next((c for c in entry.columns if c.name == column), None)
    if subject is None or not values:
        raise InvalidInput(
            f"name a column of {entry.name} and at least one value; it has {', '.join(c.name for c in entry.columns)}"
        )
    call = calls.current()
    tables = desk.tables()
    found = _Found()
    with tables.locked(entry.location), desk.bench(LOAD.new(call.clock)) as folder:
        with desk.queries().session() as session:
            written = _as_written(session, subject, [*values, *_tokens(desk, subject, values)])
            about = subjects.condition(subject, written)
            holding = _emptied(session, desk, entry, about=about, column=column, folder=folder, found=found)
        now = call.unit(lambda: _entry_with(name, column))
        head = sum(found.files.get(path, 0) for path in desk.paths(now))
        texts = {*values, *written}
        for load in loads.listed(call.tx, table=entry.name, before=None, most=1_000_000):
            if load.replays is None and desk.quarantine_of(load.id).is_file():
                with desk.seals.alone(desk.vault):
                    _clean_quarantine(desk, load, column, texts, folder=folder, found=found)
            kept = [note for note in load.notes if not any(text in note for text in texts)]
            if len(kept) < len(load.notes):
                found.notes[load.id] = kept
        sources = _remove_sources(desk, found)
        touched = tuple(v for v in sorted(holding) if any(path in found.files for path in holding[v]))
        done = Erasure(
            table=entry.name, column=column, rows=head, versions=touched,
            files=tuple(f"{entry.name}/{path}" for path in found.files), sources=tuple(sources.values()),
            quarantined=found.quarantined, version=now.version, at_ms=call.now_ms,
        )  # fmt: skip
        left = _left(desk, entry, [version for version in touched if version not in found.listed])
        forget_copies(desk, entry.name)
        call.unit(lambda: _note(done, found, sources, left))
    return done


def _entry_with(name: str, column: str) -> catalogue.Entry:
    """The table where it has the column: on `main`, else on any branch, else as it last was."""
    tx = calls.current().tx
    newest = catalogue.newest(tx, name)
    shown = [catalogue.entry(tx, name, version) for version in branches.holders(tx, name).values()]
    found = [catalogue.entry(tx, name), *shown, None if newest is None else catalogue.entry(tx, name, newest)]
    entries = [each for each in found if each is not None]
    has = [each for each in entries if column in {c.name for c in each.columns}]
    return (has or entries or [resolve(name, None)])[0]


def _emptied(
    session: Session, desk: Desk, entry: catalogue.Entry, *, about: str, column: str, folder: Path, found: _Found
) -> dict[int, list[str]]:
    """Write every file anew that holds the subject; the files of each version.

    Raises:
        StaleVersion: other machines wrote to the table all the time.
    """
    tables = desk.tables()
    for _ in turns(tables):
        heads, holding = _holding(desk, entry)
        replaced = {}
        for path in sorted({path for paths in holding.values() for path in paths}):
            fresh = _rewritten(session, desk, entry, path, about=about, column=column, folder=folder, found=found)
            if fresh is not None:
                replaced[path] = fresh
        tables.rewrite(entry.location, replaced)
        found.listed |= remeasure(desk, entry.name).keys()
        if not (tables.shared and found.files):
            return holding
        with suppress(StaleVersion):
            _step_on(desk, entry.name, heads)
            return holding
    raise StaleVersion(f"other machines write to {entry.name} all the time, so rows may have come back; erase again")


def _holding(desk: Desk, entry: catalogue.Entry) -> tuple[dict[str, int], dict[int, list[str]]]:
    """What each branch shows, and the files of every version on every branch."""

    def look() -> tuple[dict[str, int], list[int], dict[int, tuple[DataFile, ...]]]:
        tx = calls.current().tx
        listed = dict(manifests.of_table(tx, entry.name))
        return branches.holders(tx, entry.name), catalogue.all_versions(tx, entry.name), listed

    heads, versions, listed = calls.current().unit(look)
    tables = desk.tables()
    files = {v: listed[v] if v in listed else tables.files(entry.location, v) for v in versions}
    return heads, {version: [file.path for file in each] for version, each in files.items()}


def _step_on(desk: Desk, table: str, heads: Mapping[str, int]) -> None:
    """Give each branch a new version of the same files, so that whoever worked on what they held finds it moved.

    Raises:
        StaleVersion: another machine was quicker; its files were not searched.
    """
    for branch, version in heads.items():
        before = standing(desk, table, branch)
        if before.entry is None or before.mark != version:
            raise StaleVersion(f"table {table} moved on {branch} meanwhile")
        about = About(branch=branch, message=f"erase from {table}", direct=False)
        columns = before.entry.columns
        step = Step(table=table, before=before, files=before.files, columns=columns, operation="erase")
        carry_out(desk, about, [step])


def _tokens(desk: Desk, column: Column, values: Sequence[str]) -> list[str]:
    """What stands in the column in place of the values, where it holds pseudonyms."""
    if column.pseudonym is None:
        return []
    return [each.token for each in pseudonyms.found(desk, column.pseudonym, values)]


def _as_written(session: Session, column: Column, values: Sequence[str]) -> list[str]:
    """The values as the column writes them."""
    written = session.rows(subjects.typed(column, values))[0]
    if (none := [value for value, text in zip(values, written, strict=True) if text is None]) != []:
        raise InvalidInput(f"{len(none)} of the values are not {column.type}, as column {column.name} is")
    return [str(text) for text in written]


def _rewritten(
    session: Session, desk: Desk, entry: catalogue.Entry, path: str, *, about: str, column: str, folder: Path,
    found: _Found,
) -> Path | None:  # fmt: skip
    """The file without the subject, in `folder`; None if the subject is not in it."""
    uri = desk.tables().uri(entry.location, path)
    if column not in {name for (name,) in session.rows(subjects.described(uri))}:
        return None
    met = {LoadId(str(load)): int(count or 0) for load, count in session.rows(subjects.found(uri, about))}
    if not met:
        return None
    found.files[path] = found.files.get(path, 0) + sum(met.values())
    found.loads |= met.keys()
    fresh = folder / path
    with pq.ParquetWriter(fresh, pq.read_schema(uri), compression="zstd", write_statistics=["_load", "_row"]) as file:
        for batch in session.reader(subjects.remainder(uri, about)):
            file.write_batch(batch.cast(file.schema))
    return fresh


def _clean_quarantine(desk: Desk, load: Load, column: str, values: set[str], *, folder: Path, found: _Found) -> None:
    """Remove the subject's rows from what a load has in the quarantine."""
    path = desk.quarantine_of(load.id)
    resolved = loads.resolved(calls.current().tx, load.id)
    anywhere = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in sorted(values)))
    kept: list[pa.RecordBatch] = []
    removed: list[int] = []
    with desk.seals.open(path) as opened, pq.ParquetFile(opened) as file:
        schema = file.schema_arrow
        place = _place_of(schema.metadata or {}, column)
        delimiter = (schema.metadata or {}).get(b"delimiter", b",").decode()
        for batch in file.iter_batches(_BATCH):
            rows = batch.to_pylist()
            gone = [_names(row["raw"], load.format, (place, delimiter), values, anywhere) for row in rows]
            removed += [row["row"] for row, out in zip(rows, gone, strict=True) if out]
            kept.append(batch.filter(pa.array([not out for out in gone])))
    if not removed:
        return
    fresh = folder / path.name
    with desk.seals.create(fresh) as made:
        pq.write_table(pa.Table.from_batches(kept, schema), made, compression="zstd", write_statistics=["row"])
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(path)
    found.loads.add(load.id)
    found.quarantined += len(removed)
    found.held[load.id] = sum(row not in resolved for row in removed)


def _place_of(told: Mapping[bytes, bytes], column: str) -> int | None:
    names = json.loads(told.get(b"names", b"[]"))
    return names.index(column) if column in names else None


def _names(raw: str, form: Format, where: tuple[int | None, str], values: set[str], anywhere: re.Pattern[str]) -> bool:
    """True if a refused row names the subject: in its column if the text has one, else anywhere in it."""
    place, delimiter = where
    if form in (Format.CSV, Format.EXCEL) and place is not None:
        try:
            fields = split_record(raw, delimiter)
        except InvalidInput:
            fields = []
        if len(fields) > place and (fields[place] or "").strip() in values:
            return True
        if len(fields) > place and not any(value == field for value in values for field in fields):
            return False
    return anywhere.search(raw) is not None


def _remove_sources(desk: Desk, found: _Found) -> dict[str, Ref]:
    """Remove the source files that held the subject; digest -> ref."""
    tx = calls.current().tx
    gone: dict[str, Ref] = {}
    for load in (loads.get(tx, each) for each in sorted(found.loads)):
        if load is not None and load.digest and load.source_ref is not None:
            desk.objects.delete(Digest(load.digest))
            gone[load.digest] = load.source_ref
    return gone


def _left(desk: Desk, entry: catalogue.Entry, versions: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Rows and bytes that each version has now."""
    tables = desk.tables()
    files = {version: tables.files(entry.location, version) for version in versions}
    return {v: (sum(f.rows for f in each), sum(f.size_bytes for f in each)) for v, each in files.items()}


def _note(done: Erasure, found: _Found, sources: Mapping[str, Ref], left: Mapping[int, tuple[int, int]]) -> None:
    """What the catalogue must know afterwards."""
    call = calls.current()
    for version, (rows, size) in left.items():
        catalogue.recount(call.tx, done.table, version, rows=rows, size_bytes=size)
    for load, rows in found.held.items():
        loads.hold_less(call.tx, load, rows)
    for load, notes in found.notes.items():
        loads.set_notes(call.tx, load, notes)
    for digest in sources:
        loads.forget_source(call.tx, digest)
    catalogue.forget_profiles(call.tx, done.table)
    call.emit(
        TableErased(table=done.table, column=done.column, rows=done.rows, versions=done.versions),
        writes=(thing(done.table, done.version),),
    )
