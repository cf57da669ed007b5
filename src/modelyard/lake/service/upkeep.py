"""Upkeep: tables dropped whole, and what writers that died left behind.

Every writer works in a staging folder that it locks for as long as it lives, so a folder without a living owner is the
sign of a crash, and without one there is nothing to look for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from modelyard.kernel.errors import Conflict
from modelyard.kernel.refs import Ref
from modelyard.lake.api import LOAD, LoadId, Sweep, TableDropped
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.commits import About, Step, carry_out, may_write, settle, standing
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.policies import forget_copies
from modelyard.lake.store import branches, catalogue, evolution, loads, manifests, policies, retention, sources
from modelyard.ports import calls
from modelyard.ports.tables import DataFile, Tables


def drop(desk: Desk, entry: catalogue.Entry, *, branch: str) -> None:
    """Remove a table with everything of it but the sources of its loads; a branch only lets go of it."""
    may_write(branch)
    tables = desk.tables()
    if branch != MAIN:
        with tables.locked(entry.location):
            _let_go(desk, entry, branch)
        return
    with tables.locked(entry.location), desk.bench(LOAD.new(calls.current().clock)):

        def forget() -> list[LoadId]:
            call = calls.current()
            may_write(branch)
            _check_nobody_works_on(entry.name)
            gone = [each.id for each in loads.listed(call.tx, table=entry.name, before=None, most=1_000_000)]
            catalogue.drop(call.tx, entry.name)
            loads.drop(call.tx, entry.name)
            sources.forget_table(call.tx, entry.name)
            policies.forget(call.tx, entry.name)
            retention.forget(call.tx, entry.name)
            evolution.forget(call.tx, entry.name)
            call.emit(
                TableDropped(table=entry.name, version=entry.version),
                writes=(thing(entry.name, entry.version),),
            )
            return gone

        for load in calls.current().unit(forget):
            desk.quarantine_of(load).unlink(missing_ok=True)
        tables.drop(entry.location)
        forget_copies(desk, entry.name)


def _let_go(desk: Desk, entry: catalogue.Entry, branch: str) -> None:
    before = standing(desk, entry.name, branch)
    step = Step(table=entry.name, before=before, files=None, columns=entry.columns, operation="drop")
    carry_out(desk, About(branch=branch, message=f"drop {entry.name}"), [step])


def _check_nobody_works_on(table: str) -> None:
    """A table goes with its versions, so nobody's unpublished ones may be among them."""
    tx = calls.current().tx
    for branch, version in branches.holders(tx, table).items():
        found = catalogue.entry(tx, table, version)
        if branch != MAIN and found is not None and found.branch != MAIN:
            raise Conflict(
                f"branch {branch} holds versions of {table} that were never published; publish or discard it first, "
                f"or drop the table there: yard lake drop {table} --branch {branch}"
            )


def sweep(desk: Desk, contents: Callable[[Sequence[str]], int]) -> Sweep:
    """Remove leftovers, if there is a sign that any writer died.

    Args:
        contents: removes contents of file sets that nobody came to refer to, given the jobs that died; how many.
    """
    dead = desk.dead()
    if not dead:
        return Sweep(staged=0, files=0, tables=(), undone=())
    tables = desk.tables()
    known = {at: name for name, at in calls.current().unit(lambda: catalogue.places(calls.current().tx)).items()}
    orphans: list[str] = []
    undone: list[Ref] = []
    files = _sweep_vault(desk)
    for location in tables.locations():
        with tables.locked(location):
            if location not in known:
                if calls.current().unit(lambda: catalogue.place(calls.current().tx, location)) is None:  # noqa: B023 - run at once
                    tables.drop(location)
                    orphans.append(location)
                continue
            undone += undo(tables, known[location], location)
            remeasure(desk, known[location])
            files += tables.expel(location, unreferred(desk, known[location]))
    objects = contents([folder.name for folder in dead])
    for folder in dead:
        shutil.rmtree(folder, ignore_errors=True)
    return Sweep(staged=len(dead), files=files, tables=tuple(orphans), undone=tuple(undone), objects=objects)


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


def undo(tables: Tables, name: str, location: str) -> list[Ref]:
    """Mend what the log says of its files, and let it end as the catalogue says; the versions that were undone."""
    tables.rewrite(location, {})
    return [thing(name, version) for version in settle(tables, name)]


def unreferred(desk: Desk, name: str, *, without: frozenset[int] = frozenset()) -> list[str]:
    """The table's files that no visible version of any branch consists of; ask under its lock.

    Args:
        without: versions to leave out of the account, as if they were let go.
    """

    def look() -> tuple[str, set[int], set[str]]:
        tx = calls.current().tx
        location, _ = catalogue.place(tx, name) or (name, ())
        listed = {file.path for at, files in manifests.of_table(tx, name) if at not in without for file in files}
        return location, set(catalogue.all_versions(tx, name)) - without, listed

    location, visible, kept = calls.current().unit(look)
    tables = desk.tables()
    live: set[str] = set()
    for version, added, removed in tables.movements(location):
        live = (live - removed) | added
        if version in visible:
            kept |= live
    return [path for path in tables.listing(location) if path not in kept]


def remeasure(desk: Desk, name: str) -> dict[int, tuple[DataFile, ...]]:
    """Mend manifests whose files an erasure rewrote, as the log is mended; the versions it was needed for."""
    tables = desk.tables()
    known: dict[str, DataFile] = {}

    def fresh(location: str, file: DataFile) -> DataFile:
        if file.path not in known:
            known[file.path] = tables.measure(location, file)
        return known[file.path]

    def mend() -> dict[int, tuple[DataFile, ...]]:
        tx = calls.current().tx
        location, _ = catalogue.place(tx, name) or (name, ())
        mended: dict[int, tuple[DataFile, ...]] = {}
        for version, files in manifests.of_table(tx, name):
            now = tuple(fresh(location, file) for file in files)
            if now != files:
                mended[version] = now
        for version, now in mended.items():
            manifests.replace(tx, name, version, now)
            catalogue.recount(
                tx, name, version, rows=sum(f.rows for f in now), size_bytes=sum(f.size_bytes for f in now)
            )
        return mended

    return calls.current().unit(mend)
