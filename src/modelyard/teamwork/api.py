"""The one door of teamwork: comments on any ref, with mentions.

A comment is text in Markdown; whoever shows it makes it safe. Nothing here edits what somebody else wrote, except to
forget a person.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Ref

CommentId = NewType("CommentId", str)
COMMENT = IdKind("comment", CommentId)
Text = Annotated[str, Meta(min_length=1, max_length=10_000, description="Markdown, up to 10,000 characters")]


class Comment(Struct, frozen=True, kw_only=True):
    """What somebody said about a thing.

    Attributes:
        about: the ref it was said of, with its version if one was meant.
        author_name: what the author was called then.
        mentions: names that the text calls with `@name`.
    """

    id: CommentId
    about: Ref
    author: ActorId
    author_name: str
    text: str
    mentions: tuple[str, ...]
    at_ms: int


class CommentAdded(News, frozen=True, kw_only=True):
    """Somebody commented on a thing; the text is not in the news."""

    comment: CommentId
    about: Ref
    mentions: tuple[str, ...]


Value = Annotated[str, Meta(min_length=1, max_length=300, description="what names the person, as text")]


class ErasedComments(Struct, frozen=True, kw_only=True):
    """Comments on things of one kind that name somebody.

    Attributes:
        kind: of the things, e.g. `model`; their names could name somebody.
        what: what is counted, e.g. `texts of comments`.
    """

    kind: str
    what: str
    count: int


class CommentErasure(Struct, frozen=True, kw_only=True):
    """What of somebody was found in comments.

    Attributes:
        applied: False: nothing was changed.
        found: by kind of thing and what names the person.
        longer: words that hold the value within them, and are taken for somebody else's.
    """

    applied: bool
    found: tuple[ErasedComments, ...] = ()
    longer: tuple[str, ...] = ()


class CommentsForgotten(News, frozen=True, kw_only=True):
    """Comments that named somebody got a mark in its place."""

    what: str
    count: int


class Teamwork(ABC):
    """What people say about things."""

    @operation("POST", "/comments", scope="teamwork:write", private=("text",))
    @abstractmethod
    def comment(self, about: Ref, text: Text) -> Comment:
        """Say something about a thing; `@name` calls somebody's attention.

        Args:
            about: what it is about, e.g. `model:tips@3`.
            text: Markdown.

        Raises:
            InvalidInput: it is no ref, or the text is empty.

        Example:
            yard teamwork comment model:tips@3 'Looks good on the night shift, @ada?'
        """

    @operation("GET", "/comments", scope="teamwork:read")
    @abstractmethod
    def comments(self, about: Ref, limit: Limit = 100, cursor: str | None = None) -> Page[Comment]:
        """List what was said about a thing, newest first.

        Args:
            about: the thing; without a version, what was said about any of its versions too.
        """

    @operation("GET", "/mentions", scope="teamwork:read")
    @abstractmethod
    def mentions(self, limit: Limit = 100, cursor: str | None = None) -> Page[Comment]:
        """List comments that mention you, newest first."""

    @operation("POST", "/comment-erasures", scope="governance:erase", effect=Effect.WORK, private=("value", "return"))
    @abstractmethod
    def erase_comments(self, value: Value, names: tuple[str, ...] = (), *, apply: bool = False) -> CommentErasure:
        """Find what names somebody in comments, or put a mark in its place.

        A comment stays, with its author, thing and moment; its text says `(forgotten)` and calls nobody any more. An
        author who was called so gets the mark, too. A comment on a thing whose own name tells of the person is about
        that thing no longer. A value of at least six bytes counts wherever it stands for itself, a shorter one only
        under one of the names or as what an author is called.

        Args:
            value: what names the person, e.g. a customer's number.
            names: keys under which it counts however short it is, e.g. `customer_id`.
            apply: change it; else nothing changes.

        Example:
            yard teamwork erase-comments C-104711 --names customer_id --apply
        """
