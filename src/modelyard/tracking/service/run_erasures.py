"""Forgetting a person in runs: texts get a mark in their place, files go and leave word that they did.

A unit changes the rows of one page with all that follows from them; contents are freed at the end, unless something
else holds them. Cut off in the middle it is made again, and finds what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from modelyard.kernel.mentions import Sought
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref, ref
from modelyard.ports import calls
from modelyard.ports.mentions import Hit, Place, Purge, purge
from modelyard.ports.objects import Digest
from modelyard.tracking.api.news import RunsForgot
from modelyard.tracking.api.run_erasures import (
    ErasedTexts,
    ForgottenFile,
    RunErasure,
    RunErasureOperations,
    StoredContent,
)
from modelyard.tracking.service.artifacts import about
from modelyard.tracking.service.collection import CollectionService
from modelyard.tracking.store import collection
from modelyard.tracking.store import run_mentions as store

_AT_ONCE = 100


class RunErasures(CollectionService, RunErasureOperations):
    """The operations that take a person out of runs."""

    def erase_in_runs(self, value: str, names: tuple[str, ...] = (), *, apply: bool = False) -> RunErasure:
        """Find what names somebody, or put a mark in its place."""
        done = purge(Sought(value, names), store.PLACES, changed=self._changed if apply else None)
        if apply:
            self._free()
        return _told(done, applied=apply)

    def run_contents(self, limit: int = 500, cursor: str | None = None) -> Page[StoredContent]:
        """List the contents of all files, each once."""
        rows = store.contents(calls.current().tx, after=place_of(cursor, ""), limit=limit + 1)
        return page_of(rows, limit, lambda one: (one.digest,))

    def erase_run_files(self, digests: list[str], *, apply: bool = False) -> RunErasure:
        """Find the files with these contents, or remove them."""
        counts: Counter[tuple[str, str]] = Counter()
        for at in range(0, len(digests), _AT_ONCE):
            some = digests[at : at + _AT_ONCE]
            found = store.files(calls.current().tx, some)
            if found and apply:
                found = calls.current().unit(partial(_remove, some))
            counts.update(("files", one.home) for one in found)
        if apply:
            self._free()
        return _told(Purge(counts), applied=apply)

    def forgotten_files(self, owner: str) -> list[ForgottenFile]:
        """List the files that were removed here."""
        tx = calls.current().tx
        about(tx, owner)
        return store.forgotten(tx, owner)

    def _changed(self, place: Place, hits: Sequence[Hit]) -> None:
        """What a change of rows brings with it, in the same unit."""
        call = calls.current()
        if place.table in (store.PARAMS.table, store.TAGS.table):
            store.renew_documents(call.tx, sorted({int(hit.keys[0]) for hit in hits}))
        if place is store.PATHS:
            self._leave(hits)
        said = RunsForgot(what=place.what, count=len(hits))
        call.emit(said, writes=_homes(hit.home for hit in hits))

    def _leave(self, hits: Sequence[Hit]) -> None:
        """Say that files whose names told of somebody were there, by another word, and let their contents go."""
        call = calls.current()
        count = {owner: len(store.forgotten(call.tx, owner)) for owner in {str(hit.keys[0]) for hit in hits}}
        for hit in hits:
            owner, digest = str(hit.keys[0]), Digest(str(hit.texts[1]))
            count[owner] += 1
            store.note(call.tx, [(owner, f"forgotten-{count[owner]}")], call.now_ms)
            collection.doom(call.tx, [(digest, self._objects.size(digest) or 0)], call.now_ms)


def _remove(digests: Sequence[str]) -> list[store.HeldFile]:
    call = calls.current()
    found = store.files(call.tx, digests)
    if found:
        store.drop(call.tx, found)
        store.note(call.tx, [(one.owner, one.path) for one in found], call.now_ms)
        collection.doom(call.tx, [(one.digest, one.size_bytes) for one in found], call.now_ms)
        call.emit(RunsForgot(what="files", count=len(found)), writes=_homes(one.home for one in found))
    return found


def _homes(numbers: Iterable[str]) -> list[Ref]:
    return [ref("experiment", number) for number in sorted({n for n in numbers if n}, key=int)]


def _told(done: Purge, *, applied: bool) -> RunErasure:
    found = [ErasedTexts(experiment=home, what=what, count=n) for (what, home), n in done.counts.items()]
    return RunErasure(
        applied=applied, found=tuple(sorted(found, key=lambda one: (one.experiment, one.what))),
        longer=tuple(sorted(done.longer)),
    )  # fmt: skip
