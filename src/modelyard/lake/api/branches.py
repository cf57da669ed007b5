"""Branches of the whole lake: made without copying a row, written with every verb, published all or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name, Ref


class BranchState(StrEnum):
    """Whether a branch can be worked on, or how it ended."""

    OPEN = "open"
    PUBLISHED = "published"
    DISCARDED = "discarded"


class Branch(Struct, frozen=True, kw_only=True):
    """A branch of the lake: for each table a version that it shows.

    Attributes:
        ref: `branch:load-2026-11`.
        source: the branch or the tag it was made from; empty for `main`.
        protected: True if it takes rows by publishing alone.
        tables: how many tables it shows; 0 once it is closed.
    """

    name: str
    ref: Ref
    source: str
    description: str
    author: ActorId
    at_ms: int
    protected: bool
    state: BranchState
    tables: int
    closed_ms: int | None = None


class BranchMade(News, frozen=True, kw_only=True):
    """There is a new branch."""

    branch: str
    source: str


class BranchDiscarded(News, frozen=True, kw_only=True):
    """A branch was given up; `versions` says how many versions went with it."""

    branch: str
    versions: int


class BranchOperations(ABC):
    """Branches, from making to giving up."""

    @operation("POST", "/branches", scope="lake:write", about="branch:{name}")
    @abstractmethod
    def create_branch(self, name: Name, *, source: str = "main", description: str = "") -> Branch:
        """Make a branch of the whole lake; it shows what its source shows, and no row is copied.

        Read from it with `table@branch`; every verb that writes takes `branch`. Nobody else sees what is written there
        until it is published.

        Args:
            name: not a number, a moment or `main`, and no tag's name.
            source: a branch, or a tag of the lake.

        Raises:
            AlreadyExists: an open branch or a tag has the name.
            NotFound: no such source.

        Example:
            yard lake create-branch load-2026-11
        """

    @operation("GET", "/branches", scope="lake:read")
    @abstractmethod
    def branches(
        self, *, state: BranchState | None = BranchState.OPEN, cursor: str | None = None, limit: Limit = 100
    ) -> Page[Branch]:
        """List branches, in the order they were made.

        Args:
            state: open ones by default; null for all.
        """

    @operation("GET", "/branches/{branch}", scope="lake:read", about="branch:{branch}")
    @abstractmethod
    def branch_record(self, branch: Name) -> Branch:
        """Show one branch: the open one of that name, else the last.

        Raises:
            NotFound: there never was one.
        """

    @operation("DELETE", "/branches/{branch}", scope="lake:write", about="branch:{branch}", effect=Effect.WORK)
    @abstractmethod
    def discard(self, branch: Name) -> Branch:
        """Give up a branch with all that only it holds: versions, files, held rows of its loads.

        What was published, tagged or taken over by another branch stays.

        Raises:
            NotFound: no such open branch.
            Conflict: it is `main`, or it is protected.
        """
