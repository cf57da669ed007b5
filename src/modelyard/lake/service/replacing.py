"""Merging: an old row goes where a new one has its key, and only files that hold such rows are written anew.

In a partitioned table whose key holds the partition columns, files of partitions that no new row belongs to are passed
over unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from modelyard.lake.api import Column
from modelyard.lake.model.columns import partitions
from modelyard.lake.service.datafiles import FileWriter, describe
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import catalogue, merging, reshaping
from modelyard.ports.queries import Session
from modelyard.ports.tables import DataFile


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a merge brings: the files of its rows, in place.

    Attributes:
        leaving: Parquet of the keys that leave, where not those of the rows do.
        gone: Parquet of keys that leave besides.
        aside: files of the table that are not in place yet, and where they lie.
    """

    added: Sequence[DataFile]
    leaving: Path | None = None
    gone: Path | None = None
    aside: Mapping[str, Path] = field(default_factory=dict)


def without_replaced(
    desk: Desk, entry: catalogue.Entry, files: Sequence[DataFile], incoming: Incoming, *, folder: Path, stem: str
) -> tuple[Sequence[DataFile], list[tuple[DataFile, Path]]]:
    """A table's files without the rows that new ones replace; those that are written anew lie in `folder` yet.

    Args:
        stem: begins the names of files that are written anew.
    """
    tables = desk.tables()
    new = [tables.uri(entry.location, file.path) for file in incoming.added]
    if incoming.leaving is not None:
        new = [str(incoming.leaving)]
    touched = _touchable(entry, files, incoming)
    if not touched:
        return files, []
    by_uri = {
        str(incoming.aside.get(file.path) or tables.uri(entry.location, file.path)): file.path for file in touched
    }
    kept: list[DataFile] = []
    fresh: list[tuple[DataFile, Path]] = []
    with desk.queries().session() as session:
        if incoming.gone is not None:
            new = [
                str(lay_keys(session, merging.keys_of(new, [str(incoming.gone)], entry.keys), folder / f"{stem}.keys"))
            ]
        uris = [uri for name in by_uri.values() for uri in _lies(desk, entry, incoming, name)]
        query = reshaping.keyed(uris, entry.columns, entry.keys, new)
        met = {by_uri[str(uri)]: int(n or 0) for uri, n in session.rows(query) if str(uri) in by_uri}
        for place, file in enumerate(files):
            replaced = met.get(file.path, 0)
            if replaced == 0:
                kept.append(file)
            elif replaced < file.rows:
                left = merging.remaining(_lies(desk, entry, incoming, file.path), entry.columns, new, entry.keys)
                name, path = f"{stem}n{place}.parquet", _written(session, left, entry, file, folder / f"{stem}n{place}")
                fresh.append((describe(path, name, file.part), path))
                kept.append(fresh[-1][0])
    return kept, fresh


def _lies(desk: Desk, entry: catalogue.Entry, incoming: Incoming, name: str) -> list[str]:
    """Where a file of the table can be read."""
    return [str(path)] if (path := incoming.aside.get(name)) is not None else desk.located(entry, [name])


def widened(
    desk: Desk, entry: catalogue.Entry, files: Sequence[DataFile], columns: Sequence[Column], *, folder: Path, stem: str
) -> tuple[tuple[DataFile, ...], dict[str, tuple[DataFile, Path]]]:
    """A table's files under columns of wider types, and by name those of them that lie in `folder` yet.

    They are written anew only where a type changed.
    """
    kinds = {c.name: c.type for c in columns}
    wider = {c.name: kinds[c.name] for c in entry.columns if kinds[c.name] != c.type}
    if not wider:
        return tuple(files), {}
    held = {c.name for c in entry.columns}
    under = msgspec.structs.replace(entry, columns=tuple(c for c in columns if c.name in held))
    anew: dict[str, tuple[DataFile, Path]] = {}
    with desk.queries().session() as session:
        for place, file in enumerate(files):
            query = reshaping.cast(desk.located(entry, [file.path]), entry.columns, wider)
            name, path = f"{stem}n{place}.parquet", _written(session, query, under, file, folder / f"{stem}n{place}")
            anew[name] = (describe(path, name, file.part), path)
    return tuple(file for file, _ in anew.values()), anew


def _touchable(
    entry: catalogue.Entry, files: Sequence[DataFile], incoming: Incoming
) -> list[DataFile]:  # fmt: skip
    """The files that may hold rows of the new ones' keys."""
    by = partitions(entry.columns)
    if not by or not set(by) <= set(entry.keys) or incoming.leaving or incoming.gone:
        return list(files)
    parts = [file.part for file in incoming.added]
    return [file for file in files if file.part in parts]


def lay_keys(session: Session, query: str, path: Path) -> Path:
    """The keys that a query gives, as a Parquet file."""
    with session.reader(query) as reader, pq.ParquetWriter(path, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return path


def _written(session: Session, query: str, entry: catalogue.Entry, file: DataFile, stem: Path) -> Path:
    """What is left of a file."""
    writer = FileWriter(stem, entry.columns, most_rows=file.rows)
    try:
        for batch in session.reader(query):
            writer.write(batch)
    finally:
        writer.close()
    return writer.paths[0]
