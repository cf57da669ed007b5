"""The examination: every file that a version names is there, at its size; and nothing lies about that no version names.

What it mends loses nothing: it removes what no version refers to, undoes what was never published, folds small files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import NotFound, YardError
from modelyard.lake.api import Examination, Fault, Finding
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service import compaction, upkeep
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets import examining as contents
from modelyard.lake.store import catalogue, manifests
from modelyard.ports import calls
from modelyard.ports.tables import DataFile


@dataclass(slots=True)
class _Seen:
    """What the examination looked at."""

    findings: list[Finding] = field(default_factory=list)
    versions: int = 0
    files: int = 0
    size_bytes: int = 0


def examine(desk: Desk, *, mend: bool, deep: bool) -> Examination:
    """Look everything over; see `Lake.examine`."""
    call = calls.current()
    began = call.clock.monotonic()
    seen = _Seen()
    tables = desk.tables()
    known = {at: name for name, at in call.unit(lambda: catalogue.places(calls.current().tx)).items()}
    for location in tables.locations():
        if location not in known:
            with tables.locked(location):
                seen.findings += _orphan(desk, location, mend=mend)
    for location, name in sorted(known.items()):
        with tables.locked(location):
            _files(desk, name, location, seen, deep=deep)
            seen.findings += _log(desk, name, location, mend=mend)
            seen.findings += _stray(desk, name, location, mend=mend)
        seen.findings += _small(desk, name, mend=mend)
    seen.findings += _dead(desk, mend=mend)
    seen.findings += contents.faults(desk, mend=mend, deep=deep)
    return Examination(
        findings=tuple(seen.findings), tables=len(known), versions=seen.versions, files=seen.files,
        size_bytes=seen.size_bytes, took_ms=int((call.clock.monotonic() - began) * 1000),
    )  # fmt: skip


def _versions(desk: Desk, name: str, location: str) -> Iterator[tuple[int, tuple[DataFile, ...] | None]]:
    """Every version that can be read and its files; None where nothing says which they are."""

    def look() -> tuple[list[int], dict[int, tuple[DataFile, ...]]]:
        tx = calls.current().tx
        return catalogue.all_versions(tx, name), dict(manifests.of_table(tx, name))

    numbers, listed = calls.current().unit(look)
    for version in numbers:
        try:
            yield version, listed[version] if version in listed else desk.tables().files(location, version)
        except NotFound:
            yield version, None


def _files(desk: Desk, name: str, location: str, seen: _Seen, *, deep: bool) -> None:
    tables = desk.tables()
    holding: dict[str, list[int]] = {}
    told: dict[str, DataFile] = {}
    for version, files in _versions(desk, name, location):
        seen.versions += 1
        if files is None:
            detail = "the table's log has lost it; restore the table from a backup"
            seen.findings.append(Finding(fault=Fault.MISSING, table=name, detail=detail, versions=(version,)))
        for file in files or ():
            holding.setdefault(file.path, []).append(version)
            told[file.path] = file
    seen.files += len(told)
    for path, file in sorted(told.items()):
        size = tables.size(location, path)
        seen.size_bytes += size or 0
        fault, detail = None, ""
        if size is None:
            fault, detail = Fault.MISSING, f"{path} is not there any more; restore it from a backup"
        elif size != file.size_bytes:
            fault, detail = Fault.SIZE, f"{path} has {size:,} bytes instead of {file.size_bytes:,}; restore it"
        elif deep and (wrong := _unreadable(desk, location, file)):
            fault, detail = Fault.DAMAGED, f"{path} cannot be read to its end ({wrong}); restore it from a backup"
        if fault is not None:
            seen.findings.append(Finding(fault=fault, table=name, detail=detail, versions=tuple(holding[path])))


def _unreadable(desk: Desk, location: str, file: DataFile) -> str:
    """Why a data file cannot be read; empty if it can."""
    rows = 0
    try:
        with pq.ParquetFile(desk.tables().local(location, file.path), page_checksum_verification=True) as opened:
            for batch in opened.iter_batches():
                rows += batch.num_rows
    except (pa.ArrowException, OSError, YardError) as err:
        return type(err).__name__
    return "" if rows == file.rows else f"{rows:,} rows instead of {file.rows:,}"


def _log(desk: Desk, name: str, location: str, *, mend: bool) -> list[Finding]:
    """A log that names versions which were never published."""
    tables = desk.tables()
    head = calls.current().unit(lambda: catalogue.entry(calls.current().tx, name))
    try:
        latest = tables.latest(location)
        target = () if head is None else tables.files(location, head.version)
        if {file.path for file in tables.files(location, latest)} == {file.path for file in target}:
            return []
    except NotFound:
        return []
    detail = f"its log ends at version {latest}, which was never published; foreign readers see it"
    if mend:
        upkeep.undo(tables, name, location)
    return [Finding(fault=Fault.AHEAD, table=name, detail=detail, mended=mend)]


def _stray(desk: Desk, name: str, location: str, *, mend: bool) -> list[Finding]:
    try:
        stray = upkeep.unreferred(desk, name)
    except NotFound:
        return []
    if not stray:
        return []
    detail = f"{len(stray)} files that no version refers to, e.g. {stray[0]}"
    if mend:
        desk.tables().expel(location, stray)
    return [Finding(fault=Fault.STRAY, table=name, detail=detail, mended=mend)]


def _orphan(desk: Desk, location: str, *, mend: bool) -> list[Finding]:
    if calls.current().unit(lambda: catalogue.place(calls.current().tx, location)) is not None:
        return []
    if mend:
        desk.tables().drop(location)
    detail = "a folder of tables that the catalogue does not know; its creation was never finished"
    return [Finding(fault=Fault.ORPHAN, table=location, detail=detail, mended=mend)]


def _small(desk: Desk, name: str, *, mend: bool) -> list[Finding]:
    if calls.current().unit(lambda: catalogue.entry(calls.current().tx, name)) is None:
        return []
    if not compaction.crowded(desk, name, MAIN):
        return []
    if mend:
        compaction.compact(desk, name, branch=MAIN, target_bytes=compaction.TARGET_BYTES)
    detail = f"more than {compaction.MANY} small files make reading slow; fold them: yard lake compact {name}"
    return [Finding(fault=Fault.SMALL, table=name, detail=detail, mended=mend)]


def _dead(desk: Desk, *, mend: bool) -> list[Finding]:
    dead = desk.dead()
    remove: Callable[..., None] = shutil.rmtree
    for folder in dead if mend else ():
        remove(folder, ignore_errors=True)
    if not dead:
        return []
    detail = f"{len(dead)} folders of jobs whose process died"
    return [Finding(fault=Fault.UNFINISHED, table="", detail=detail, mended=mend)]
