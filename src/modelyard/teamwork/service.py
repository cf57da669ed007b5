"""The operations of teamwork."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.mentions import Sought
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref, parts
from modelyard.ports import calls
from modelyard.ports.mentions import Hit, Place, purge
from modelyard.teamwork import store
from modelyard.teamwork.api import (
    COMMENT,
    Comment,
    CommentAdded,
    CommentErasure,
    CommentsForgotten,
    ErasedComments,
    Teamwork,
)
from modelyard.teamwork.model import mentioned


class TeamworkService(Teamwork):
    """What people say about things."""

    def comment(self, about: Ref, text: str) -> Comment:
        """Say something."""
        call = calls.current()
        parts(about)
        if not text.strip():
            raise InvalidInput("the comment is empty; write something")
        if "\x00" in text:
            raise InvalidInput("the comment holds a NUL character, which no text has; take it out")
        said = Comment(
            id=COMMENT.new(call.clock), about=about, author=call.actor.id, author_name=call.actor.name, text=text,
            mentions=mentioned(text), at_ms=call.now_ms,
        )  # fmt: skip
        store.add(call.tx, said)
        call.emit(CommentAdded(comment=said.id, about=about, mentions=said.mentions), reads=(about,))
        call.touch(about)
        return said

    def comments(self, about: Ref, limit: int = 100, cursor: str | None = None) -> Page[Comment]:
        """What was said, newest first."""
        parts(about)
        rows = store.about(calls.current().tx, about, before=place_of(cursor, store.LAST), limit=limit + 1)
        return page_of(rows, limit, lambda c: (c.id,))

    def mentions(self, limit: int = 100, cursor: str | None = None) -> Page[Comment]:
        """What was said to the caller, newest first."""
        call = calls.current()
        rows = store.mentioning(call.tx, call.actor.name, before=place_of(cursor, store.LAST), limit=limit + 1)
        return page_of(rows, limit, lambda c: (c.id,))

    def erase_comments(self, value: str, names: tuple[str, ...] = (), *, apply: bool = False) -> CommentErasure:
        """Find what names somebody in comments, or put a mark in its place."""
        done = purge(Sought(value, names), store.PLACES, changed=_forgotten if apply else None)
        counts: Counter[tuple[str, str]] = Counter()
        for (what, thing), count in done.counts.items():
            counts[thing.partition(":")[0], what] += count
        found = [ErasedComments(kind=kind, what=what, count=count) for (kind, what), count in sorted(counts.items())]
        return CommentErasure(applied=apply, found=tuple(found), longer=tuple(sorted(done.longer)))


def _forgotten(place: Place, hits: Sequence[Hit]) -> None:
    """In the unit that marks them: a text that is gone calls nobody."""
    call = calls.current()
    if place is store.TEXTS:
        store.uncall(call.tx, [str(hit.keys[0]) for hit in hits])
    call.emit(CommentsForgotten(what=place.what, count=len(hits)))
