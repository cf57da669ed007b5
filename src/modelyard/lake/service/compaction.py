"""Compaction: the small files of a table folded into large ones, as a lake commit that changes no row.

Rows keep the load and the place they came with. Earlier versions keep their files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from modelyard.kernel.errors import Internal, StaleVersion
from modelyard.lake.api import LOAD, Column, Compaction
from modelyard.lake.model.columns import evened
from modelyard.lake.service.commits import About, Step, carry_out, standing
from modelyard.lake.service.datafiles import FileWriter
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.store import catalogue, scans
from modelyard.ports import calls
from modelyard.ports.queries import Session
from modelyard.ports.tables import DataFile

MANY = 48
"""So many small files make a running yard fold them."""
TARGET_BYTES = 128 << 20
_SMALL_SHARE = 4
_ATTEMPTS = 3


def compact(desk: Desk, name: str, *, branch: str, target_bytes: int) -> Compaction:
    """Carry out a compaction; see `Lake.compact`."""
    resolve(name, None, branch=branch)
    for _ in range(_ATTEMPTS):
        try:
            return _compact(desk, name, branch=branch, target_bytes=target_bytes)
        except StaleVersion:
            continue
    raise StaleVersion(f"table {name} is written to all the time; compact it when it is quieter")


def crowded(desk: Desk, name: str, branch: str) -> bool:
    """True if a table has so many small files that folding them pays."""
    entry = catalogue.entry(calls.current().tx, name, branch=branch)
    small = TARGET_BYTES // _SMALL_SHARE
    return entry is not None and sum(file.size_bytes < small for file in desk.files(entry)) >= MANY


def _compact(desk: Desk, name: str, *, branch: str, target_bytes: int) -> Compaction:
    tables = desk.tables()
    job = LOAD.new(calls.current().clock)
    with tables.locked(name), desk.bench(job) as folder:
        before = standing(desk, name, branch)
        if before.entry is None:
            raise StaleVersion(f"table {name} left {branch} meanwhile")
        groups = list(_groups(before.files, target_bytes))
        folded = {file.path for group in groups for file in group}
        made: list[tuple[DataFile, Path]] = []
        with desk.queries().session() as session:
            for number, group in enumerate(groups):
                uris = desk.located(before.entry, [file.path for file in group])
                fresh = _fold(session, uris, before.entry.columns, group, stem=folder / f"{job}-c{number:03d}")
                if sum(file.rows for file, _ in fresh) != sum(file.rows for file in group):
                    raise Internal(f"folding {len(group)} files of {name} would lose rows; nothing was changed")
                made += fresh
        after = [*(file for file in before.files if file.path not in folded), *(file for file, _ in made)]
        version = None
        if made:
            about = About(branch=branch, message=f"fold {len(folded)} files into {len(made)}", direct=False)
            step = Step(
                table=name, before=before, files=after, operation="compact",
                columns=evened(before.entry.columns) if len(folded) == len(before.files) else before.entry.columns,
            )  # fmt: skip
            version = carry_out(desk, about, [step], fresh=[(name, *each) for each in made])[0].version
    return Compaction(
        table=name, version=version, files_before=len(before.files), files_after=len(after),
        size_bytes_before=sum(file.size_bytes for file in before.files),
        size_bytes_after=sum(file.size_bytes for file in after),
    )  # fmt: skip


def _groups(files: Sequence[DataFile], target_bytes: int) -> Iterator[list[DataFile]]:
    """Small files of one partition, in groups of about the target size; a group of one is not worth folding."""
    group: list[DataFile] = []
    for file in sorted(files, key=lambda file: sorted((k, v is not None, v or "") for k, v in file.part.items())):
        if file.size_bytes * _SMALL_SHARE >= target_bytes:
            continue
        full = sum(each.size_bytes for each in group) + file.size_bytes > target_bytes
        if group and (full or group[0].part != file.part):
            if len(group) > 1:
                yield group
            group = []
        group.append(file)
    if len(group) > 1:
        yield group


def _fold(
    session: Session, uris: Sequence[str], columns: Sequence[Column], group: Sequence[DataFile], *, stem: Path
) -> list[tuple[DataFile, Path]]:
    """The rows of some files of one partition in one file."""
    writer = FileWriter(stem, columns, most_rows=sum(file.rows for file in group))
    query = scans.rows(uris, [c.name for c in columns], columns, provenance=True)
    try:
        for batch in session.reader(query):
            writer.write(batch)
    finally:
        writer.close()
    return writer.described(stem.name)
