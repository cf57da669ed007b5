"""Forgetting a person in the registry: texts get a mark in their place; what versions hold is told and stays."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.kernel.mentions import Sought
from modelyard.kernel.pages import Page, encode_cursor, place_of
from modelyard.ports import calls
from modelyard.ports.mentions import Hit, Place, Purge, purge
from modelyard.registry.api.erasures import ErasedWords, PinnedContent, WordErasure, WordErasureOperations
from modelyard.registry.api.news import WordsForgotten
from modelyard.registry.store import mentions as store


class Erasures(WordErasureOperations):
    """The operations that take a person out of the registry."""

    def erase_words(self, value: str, names: tuple[str, ...] = (), *, apply: bool = False) -> WordErasure:
        """Find what names somebody in what is said of models and versions, or put a mark in its place."""
        sought = Sought(value, names)
        done = purge(sought, store.PLACES, changed=_told if apply else None)
        kept = purge(sought, store.KEPT, changed=None)
        longer = tuple(sorted(done.longer | kept.longer))
        return WordErasure(applied=apply, found=_words(done), kept=_words(kept), longer=longer)

    def pinned_contents(self, limit: int = 500, cursor: str | None = None) -> Page[PinnedContent]:
        """List the contents of all versions, each once."""
        rows = store.contents(calls.current().tx, after=place_of(cursor, ""), limit=limit)
        return Page(rows, encode_cursor(rows[-1].digest) if rows else None)


def _told(place: Place, hits: Sequence[Hit]) -> None:
    calls.current().emit(WordsForgotten(what=place.what, count=len(hits)))


def _words(done: Purge) -> tuple[ErasedWords, ...]:
    found = [ErasedWords(model=home, what=what, count=n) for (what, home), n in done.counts.items()]
    return tuple(sorted(found, key=lambda one: (one.model, one.what)))
