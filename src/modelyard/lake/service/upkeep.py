"""Upkeep: tables dropped whole, and what writers that died left behind.

Every writer works in a staging folder that it locks for as long as it lives, so a folder without a living owner is the
sign of a crash, and without one there is nothing to look for.
"""

from __future__ import annotations

import shutil

from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import LOAD, LoadId, Sweep, TableDropped
from modelyard.lake.model.columns import arrow_schema
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import catalogue, loads
from modelyard.ports import calls
from modelyard.ports.tables import Tables


def drop(desk: Desk, entry: catalogue.Entry) -> None:
    """Remove a table with everything of it but the sources of its loads."""
    tables = desk.tables()
    with tables.locked(entry.location), desk.bench(LOAD.new(calls.current().clock)):

        def forget() -> list[LoadId]:
            call = calls.current()
            gone = [each.id for each in loads.listed(call.tx, table=entry.name, before=None, most=1_000_000)]
            catalogue.drop(call.tx, entry.name)
            loads.drop(call.tx, entry.name)
            call.emit(
                TableDropped(table=entry.name, version=entry.version),
                writes=(ref("table", entry.name, entry.version),),
            )
            return gone

        for load in calls.current().unit(forget):
            desk.quarantine_of(load).unlink(missing_ok=True)
        tables.drop(entry.location)


def sweep(desk: Desk) -> Sweep:
    """Remove leftovers, if there is a sign that any writer died."""
    dead = desk.dead()
    if not dead:
        return Sweep(staged=0, files=0, tables=(), undone=())
    tables = desk.tables()
    known = {entry.location: entry for entry in calls.current().unit(lambda: catalogue.entries(calls.current().tx))}
    orphans: list[str] = []
    undone: list[Ref] = []
    files = _sweep_vault(desk)
    for location in tables.locations():
        with tables.locked(location):
            if location not in known:
                if _entry(location) is None:
                    tables.drop(location)
                    orphans.append(location)
                continue
            undone += _undo(tables, known[location].name)
            files += _expel(tables, location)
    for folder in dead:
        shutil.rmtree(folder, ignore_errors=True)
    return Sweep(staged=len(dead), files=files, tables=tuple(orphans), undone=tuple(undone))


def _sweep_vault(desk: Desk) -> int:
    """Remove quarantine files whose load was never noted and is not under way."""
    found = 0
    for path in sorted(desk.vault.glob("*.parquet")):
        load = LoadId(path.stem)
        if loads.get(calls.current().tx, load) is None and not _is_alive(desk, load):
            path.unlink(missing_ok=True)
            found += 1
    return found


def _is_alive(desk: Desk, job: str) -> bool:
    return desk.is_staged(job) and desk.staging / job not in desk.dead()


def _entry(name: str) -> catalogue.Entry | None:
    """The table as the writer sees it now, not as this call's snapshot had it."""
    return calls.current().unit(lambda: catalogue.entry(calls.current().tx, name))


def _undo(tables: Tables, name: str) -> list[Ref]:
    """Let the table's log end as the catalogue says, for foreign readers; the versions that were undone."""
    head = _entry(name)
    if head is None:
        return []
    latest = tables.latest(head.location)
    tables.rewrite(head.location, {})
    target = tables.files(head.location, head.version)
    if latest == head.version or tables.files(head.location, latest) == target:
        return []
    tables.advance(
        head.location, base=head.version, target=target, schema=arrow_schema(head.columns), info={"cause": "undo"}
    )
    return [ref("table", name, version) for version in range(head.version + 1, latest + 1)]


def _expel(tables: Tables, location: str) -> int:
    """Remove data files that no noted load wrote; nothing else may lie in a table's folder."""
    tx = calls.current().tx
    loose = [path for path in tables.listing(location) if loads.get(tx, _writer_of(path)) is None]
    return tables.expel(location, loose)


def _writer_of(path: str) -> LoadId:
    return LoadId(path.rpartition("-")[0])
