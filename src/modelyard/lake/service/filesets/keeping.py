"""Keeping: contents are checked against their hashes, erased, and collected once no version of any set refers to them.

The contents of file sets lie in a store of their own, so what no file set refers to there is nobody's. What counts as
referred to is everything that stands in any data file of any set, seen or not: that is more than is needed, never less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from modelyard.kernel.errors import Damaged, InvalidInput, NotFound
from modelyard.kernel.refs import Ref
from modelyard.lake.api import LOAD
from modelyard.lake.api.files import Collected, FileErasure, FilesChecked, FilesErased
from modelyard.lake.model.filesets import PREFIX, is_listing, thing
from modelyard.lake.service import erasure
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.adds import collecting
from modelyard.lake.service.filesets.rows import anywhere, entry_of, every_listing
from modelyard.lake.store import catalogue, filesets, subjects
from modelyard.ports import calls
from modelyard.ports.objects import Digest

_AT_ONCE = 4
_SAID_EVERY = 500
_STALE_MS = 24 * 3600 * 1000


def verified(desk: Desk, name: str, at: str | None) -> Iterator[FilesChecked]:
    """Check contents, telling how far it has come."""
    wanted = contents_of(desk, name, at)
    objects, total = desk.contents(), len(wanted)

    def check(digest: str) -> tuple[str, int, str]:
        size = 0
        try:
            for chunk in objects.read(Digest(digest)):
                size += len(chunk)
        except NotFound:
            return digest, size, "missing"
        except Damaged:
            return digest, size, "damaged"
        return digest, size, ""

    def flow() -> Iterator[FilesChecked]:
        checked = read = 0
        found: dict[str, list[str]] = {"missing": [], "damaged": []}
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="yard-verify") as pool:
            for digest, size, fault in pool.map(check, wanted):
                checked, read = checked + 1, read + size
                if fault:
                    found[fault].append(wanted[digest])
                if checked % _SAID_EVERY == 0 and checked < total:
                    yield _line(checked, total, read, found)
                    found = {"missing": [], "damaged": []}
        yield _line(checked, total, read, found, done=True)

    return flow()


def _line(
    checked: int, total: int, read: int, found: dict[str, list[str]], *, done: bool = False
) -> FilesChecked:  # fmt: skip
    return FilesChecked(
        checked=checked, total=total, size_bytes=read, missing=tuple(found["missing"]),
        damaged=tuple(found["damaged"]), done=done,
    )  # fmt: skip


def contents_of(desk: Desk, name: str, at: str | None) -> dict[str, str]:
    """Digest -> a path and the newest version that has it, for one version or for all."""
    newest = anywhere(name) if at is None else entry_of(name, at)
    entries = [newest]
    if at is None:
        tx = calls.current().tx
        numbers = [n for n in reversed(catalogue.all_versions(tx, newest.name)) if n != newest.version]
        entries += [found for n in numbers if (found := catalogue.entry(tx, newest.name, n)) is not None]
    known: dict[str, str] = {}
    seen: set[str] = set()
    with desk.queries().session() as session:
        for entry in entries:
            fresh = [uri for uri in desk.uris(entry) if uri not in seen]
            seen.update(fresh)
            if fresh:
                for digest, path in session.rows(filesets.contents_in(fresh)):
                    known.setdefault(str(digest), f"{path}@{entry.version}")
    return known


def erase(desk: Desk, name: str, column: str, values: Sequence[str]) -> FileErasure:
    """Remove files from every version of a set, and the contents that nobody else has."""
    call = calls.current()
    entry = anywhere(name)
    held = _digests_of(desk, entry, column, values)
    with desk.bench(LOAD.new(call.clock)):
        done = erasure.erase(desk, entry.name, column, values)
        collect(desk)
    left = desk.contents().missing([Digest(each) for each in held])
    gone = FileErasure(
        rows=done.rows, versions=tuple(thing(entry.name, v) for v in done.versions), objects=len(left),
        shared=len(held) - len(left), at_ms=call.now_ms,
    )  # fmt: skip
    _tell(entry, rows=done.rows, objects=gone.objects)
    return gone


def _digests_of(desk: Desk, entry: catalogue.Entry, column: str, values: Sequence[str]) -> set[str]:
    """The contents of files that are to be erased, in whatever version."""
    about = next((c for c in entry.columns if c.name == column), None)
    stored = every_listing(desk, entry.name)
    if about is None or not values:
        names = ", ".join(c.name for c in entry.columns)
        raise InvalidInput(f"name a column of the set and at least one value; it has {names}")
    with desk.queries().session() as session:
        written = [text for text in session.rows(subjects.typed(about, values))[0] if text is not None]
        if not stored or not written:
            return set()
        query = filesets.digests_where(stored, subjects.condition(about, [str(text) for text in written]))
        return {str(digest) for (digest,) in session.rows(query)}


def erase_everywhere(desk: Desk, digest: str) -> FileErasure:
    """Remove a content from every version of every set, and from the disk."""
    call, rows = calls.current(), 0
    versions: list[Ref] = []
    objects = desk.contents()
    was_there = objects.size(Digest(digest)) is not None
    with desk.bench(LOAD.new(call.clock)):
        for entry in call.unit(lambda: catalogue.entries(calls.current().tx, every=True)):
            if is_listing(entry.name) and _digests_of(desk, entry, "digest", [digest]):
                done = erasure.erase(desk, entry.name, "digest", [digest])
                rows += done.rows
                versions += [thing(entry.name, v) for v in done.versions]
                _tell(entry, rows=done.rows, objects=1)
        call.unit(lambda: filesets.end_adds_of(calls.current().tx, digest))
        collect(desk)
        with collecting(desk):
            objects.discard([Digest(digest)])
    return FileErasure(rows=rows, versions=tuple(versions), objects=int(was_there), shared=0, at_ms=call.now_ms)


def _tell(entry: catalogue.Entry, *, rows: int, objects: int) -> None:
    def note() -> None:
        news = FilesErased(fileset=entry.name.removeprefix(PREFIX), rows=rows, objects=objects)
        calls.current().emit(news, writes=(thing(entry.name, entry.version),))

    calls.current().unit(note)


def orphans(desk: Desk) -> dict[Digest, int]:
    """Contents that no version of any set refers to and no adding is bringing, with their sizes."""
    with collecting(desk):
        return _orphans(desk)[0]


def _orphans(desk: Desk) -> tuple[dict[Digest, int], list[str]]:
    """The same, and the contents gone whose thumbnails are among them."""
    stored = {each.digest: each.size_bytes for each in desk.contents().digests()}
    if not stored:
        return {}, []
    living = _living(desk)
    small = calls.current().unit(lambda: filesets.thumbnails_by_content(calls.current().tx))
    unseen = [digest for digest in small if digest not in living]
    for digest in small.keys() & living:
        living |= small[digest]
    return {digest: size for digest, size in stored.items() if digest not in living}, unseen


def collect(desk: Desk) -> Collected:
    """Remove what no version of any set refers to and no adding is bringing; thumbnails go with what they show."""
    with collecting(desk):
        gone, unseen = _orphans(desk)
        if unseen:
            calls.current().unit(lambda: filesets.forget_thumbnails(calls.current().tx, unseen))
        desk.contents().discard(gone)
    return Collected(objects=len(gone), size_bytes=sum(gone.values()))


def _living(desk: Desk) -> set[str]:
    """Every content that is referred to, or on its way."""

    def coming() -> set[str]:
        now = calls.current()
        filesets.end_stale(now.tx, now.now_ms - _STALE_MS)
        return filesets.on_their_way(now.tx)

    living = calls.current().unit(coming)
    for location in desk.tables().locations():
        paths = every_listing(desk, location) if is_listing(location) else []
        if paths:
            with desk.queries().session() as session:
                for batch in session.reader(filesets.digests_in(paths)):
                    living.update(pa.array(batch.column(0)).to_pylist())
    return living


def swept(desk: Desk, jobs: Sequence[str]) -> int:
    """Remove contents that jobs brought whose process died, and what such writers left unfinished; how many."""

    def forget() -> None:
        for job in jobs:
            filesets.end_add(calls.current().tx, job)

    calls.current().unit(forget)
    return desk.contents().sweep() + collect(desk).objects
