"""Retention carried out: versions that nobody holds are let go, then the files that no other version needs."""

from __future__ import annotations

from modelyard.lake.api import LOAD, Retention, Vacuum, VersionsExpired
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.moments import MAIN
from modelyard.lake.model.retention import due, earliest_fork, kept
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.upkeep import unreferred
from modelyard.lake.store import branches, labels, manifests, retention
from modelyard.ports import calls


def rule(name: str) -> Retention:
    """A table's rule; without one, everything stays."""
    found = retention.get(calls.current().tx, name)
    return found or Retention(table=name, keep_days=None, keep_versions=1)


def vacuum(desk: Desk, name: str, location: str, *, dry_run: bool) -> Vacuum:
    """Let versions go; see `Lake.vacuum`."""
    tables = desk.tables()
    with tables.locked(name), desk.bench(LOAD.new(calls.current().clock)):
        wanted, held = calls.current().unit(lambda: _chosen(desk, name))
        going = tuple(version for version in wanted if version not in held)
        why = {str(version): text for version, text in held.items()}
        before = set(tables.listing(location))
        if dry_run:
            files, size = _would_go(desk, name, location, going)
            return Vacuum(table=name, expired=going, held=why, files=files, size_bytes=size, dry_run=True)
        if going:
            calls.current().unit(lambda: _let_go(name, going))
        stray = unreferred(desk, name)
        size = sum(tables.size(location, path) or 0 for path in stray)
        files = tables.expel(location, before.intersection(stray))
    return Vacuum(table=name, expired=going, held=why, files=files, size_bytes=size, dry_run=False)


def _chosen(desk: Desk, name: str) -> tuple[list[int], dict[int, str]]:
    """The versions that the rule lets go, and those of them that somebody holds."""
    call = calls.current()
    tx = call.tx
    found = rule(name)
    wanted = due(found, retention.standing(tx, name), call.now_ms)
    shown = branches.holders(tx, name)
    since = earliest_fork(retention.parents(tx, name), {b: v for b, v in shown.items() if b != MAIN})
    heads = {version: branch for branch, version in shown.items()}
    held = kept(wanted, heads=heads, tags=_tags(name), since=since)
    if desk.holders is not None:
        for version in wanted:
            if version not in held and (by := desk.holders.holders(thing(name, version))):
                held[version] = f"{by[0]} was made from it"
    return wanted, held


def _tags(name: str) -> dict[int, str]:
    """Versions that a tag of the table or of the lake names."""
    tx = calls.current().tx
    whole = {
        label.tables[name]: label.tag for label in labels.listed(tx, after="", most=1_000_000) if name in label.tables
    }
    return {**whole, **retention.tagged(tx, name)}


def _let_go(name: str, going: tuple[int, ...]) -> None:
    call = calls.current()
    retention.expire(call.tx, name, going, call.now_ms)
    for version in going:
        manifests.forget(call.tx, name, version)
    call.emit(VersionsExpired(table=name, versions=going))


def _would_go(desk: Desk, name: str, location: str, going: tuple[int, ...]) -> tuple[int, int]:
    """How many files, of how many bytes, would follow these versions."""
    tables = desk.tables()
    stray = unreferred(desk, name, without=frozenset(going))
    return len(stray), sum(tables.size(location, path) or 0 for path in stray)
