"""The examination of contents: each that a version of a set names is there, and whole; none lies about for nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelyard.kernel.errors import Damaged, NotFound, Unavailable
from modelyard.kernel.units import format_bytes
from modelyard.lake.api import Fault, Finding
from modelyard.lake.model.filesets import PREFIX, is_listing
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.keeping import collect, contents_of, orphans
from modelyard.lake.store import catalogue, loads
from modelyard.ports import calls
from modelyard.ports.objects import Digest

_EVERY = 1_000_000


def faults(desk: Desk, *, mend: bool, deep: bool) -> Iterator[Finding]:
    """What is wrong with contents of file sets, and with the sources that loads keep."""
    if desk.kept is None:
        return
    here = {each.digest for each in desk.kept.digests()}
    for entry in calls.current().unit(lambda: catalogue.entries(calls.current().tx, every=True)):
        if is_listing(entry.name):
            wanted = contents_of(desk, entry.name.removeprefix(PREFIX), None)
            yield from _lost(entry.name, {d: path for d, path in wanted.items() if d not in here})
            if deep:
                yield from _bent(desk, entry.name, {d: path for d, path in wanted.items() if d in here})
    yield from _strays(desk, mend=mend)
    yield from _sources(desk)


def _lost(table: str, lost: Mapping[str, str]) -> Iterator[Finding]:
    if lost:
        detail = (
            f"{len(lost):,} contents are not there any more, that of {next(iter(lost.values()))} among them; add the "
            "files again, or restore them from a backup"
        )
        yield Finding(fault=Fault.MISSING, table=table, detail=detail)


def _bent(desk: Desk, table: str, wanted: Mapping[str, str]) -> Iterator[Finding]:
    for digest, path in wanted.items():
        try:
            for _ in desk.contents().read(Digest(digest)):
                continue
        except (Damaged, NotFound, Unavailable) as err:
            detail = f"the content of {path} cannot be read: {err.detail}"
            yield Finding(fault=Fault.DAMAGED, table=table, detail=detail)


def _strays(desk: Desk, *, mend: bool) -> Iterator[Finding]:
    lying = orphans(desk)
    if lying:
        if mend:
            collect(desk)
        size = format_bytes(sum(lying.values()))
        detail = f"{len(lying):,} contents of file sets ({size}) that no version refers to"
        yield Finding(fault=Fault.STRAY, table="", detail=detail, mended=mend)


def _sources(desk: Desk) -> Iterator[Finding]:
    """Loads whose kept source is gone without anybody having said so."""
    found = calls.current().unit(lambda: loads.listed(calls.current().tx, table=None, before=None, most=_EVERY))
    kept = {Digest(load.digest): load for load in found if load.digest}
    for digest in sorted(desk.objects.missing(kept)):
        load = kept[digest]
        detail = f"the source of load {load.id} ({load.source}) is not there any more; restore it from a backup"
        yield Finding(fault=Fault.MISSING, table=load.table, detail=detail)
