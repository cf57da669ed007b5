"""The one door of teamwork: comments on any ref, with mentions.

A comment is text in Markdown; whoever shows it makes it safe. Nothing here edits what somebody else wrote.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.operations import operation
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
