"""The operations of teamwork."""

from __future__ import annotations

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref, parts
from modelyard.ports import calls
from modelyard.teamwork import store
from modelyard.teamwork.api import COMMENT, Comment, CommentAdded, Teamwork
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
