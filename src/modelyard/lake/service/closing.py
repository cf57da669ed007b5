"""Branches given up: what only they hold is removed, and the held rows of their loads are dropped with that reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack

import msgspec

from modelyard.kernel.refs import ref
from modelyard.lake.api import LOAD, BranchDiscarded, BranchState, Load, LoadId, QuarantineDropped, RowState
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.quarantine import kept
from modelyard.lake.service.upkeep import unreferred
from modelyard.lake.store import branches, catalogue, descent, labels, loads
from modelyard.ports import calls


def discard(desk: Desk, branch: str) -> None:
    """Give up an open branch."""
    call = calls.current()
    tables = desk.tables()
    touched = descent.tables_on(call.tx, branch)
    with ExitStack() as stack, desk.bench(LOAD.new(call.clock)):
        for table in touched:
            stack.enter_context(tables.locked(table))
        held = {
            each.id: [place for place, _, _ in kept(desk, each)]
            for table in touched
            for each in loads.listed(call.tx, table=table, before=None, most=1_000_000)
            if each.branch == branch and each.held
        }
        gone, vaults = call.unit(lambda: _forget(branch, touched, held))
        for table in touched:
            if table in gone:
                tables.drop(table)
            else:
                tables.expel(table, unreferred(desk, table))
        for load in vaults:
            desk.quarantine_of(load).unlink(missing_ok=True)


def _forget(branch: str, touched: Iterable[str], held: Mapping[LoadId, list[int]]) -> tuple[set[str], list[LoadId]]:
    """What the catalogue must know; the tables that nobody has any more, and their loads."""
    call = calls.current()
    branches.close(call.tx, branch, state=BranchState.DISCARDED, at_ms=call.now_ms)
    removed, gone, vaults = 0, set[str](), list[LoadId]()
    for table in touched:
        lost = unreachable(table)
        for version in lost:
            descent.forget_version(call.tx, table, version)
        removed += len(lost)
        if catalogue.newest(call.tx, table) is None:
            vaults += [each.id for each in loads.listed(call.tx, table=table, before=None, most=1_000_000)]
            catalogue.drop(call.tx, table)
            loads.drop(call.tx, table)
            gone.add(table)
    for load, places in held.items():
        if (found := loads.get(call.tx, load)) is not None and found.version is not None:
            _give_up(found, places, f"branch {branch} was discarded")
    call.emit(BranchDiscarded(branch=branch, versions=removed), writes=(ref("branch", branch),))
    return gone, vaults


def unreachable(table: str) -> list[int]:
    """Versions made on branches that no branch, tag or version of `main` comes from."""
    tx = calls.current().tx
    edges = descent.edges(tx, table)
    on_main = descent.versions_on(tx, table, MAIN)
    waiting = [
        *on_main,
        *map(abs, branches.every_head(tx, table)),
        *descent.tagged_versions(tx, table),
        *labels.labelled(tx, table),
    ]
    reached: set[int] = set()
    while waiting:
        version = waiting.pop()
        if version not in reached:
            reached.add(version)
            waiting += edges.get(version, ())
    return sorted(set(edges) - reached)


def _give_up(load: Load, places: Iterable[int], reason: str) -> None:
    """Drop what a load still holds, as a person would."""
    call = calls.current()
    resolved = loads.resolved(call.tx, load.id)
    rows = sorted(set(places) - resolved.keys())
    now = msgspec.structs.replace(load, held=load.held)
    if rows and loads.resolve(
        call.tx, now, rows, state=RowState.DROPPED, note=reason, at_ms=call.now_ms, author=call.actor.id
    ):
        call.emit(QuarantineDropped(table=load.table, load=load.id, rows=len(rows), reason=reason))
