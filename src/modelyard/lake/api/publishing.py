"""What moves between branches: comparing, merging, publishing; and the lake commits and tags that name all tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name, Ref
from modelyard.lake.api.branches import Branch
from modelyard.lake.api.records import Cell, CommitId


class Resolve(StrEnum):
    """Whose row counts where both sides changed it: `ours` is the branch merged into, `theirs` the one merged."""

    OURS = "ours"
    THEIRS = "theirs"


class Fate(StrEnum):
    """What a merge does with one table.

    FORWARD: the branch merged into did not change it, and takes the other's version as it is. MERGED: both changed it,
    and the changes are joined row by row. CREATED and DROPPED: as the branch did. CONFLICT: it needs a decision.
    """

    FORWARD = "forward"
    MERGED = "merged"
    CREATED = "created"
    DROPPED = "dropped"
    CONFLICT = "conflict"


class TableMove(Struct, frozen=True, kw_only=True):
    """One table of a comparison, a merge or a publication.

    Attributes:
        base: the last version that both sides come from; None if there is none.
        source, target: what the two branches show; None where one shows nothing.
        by: the columns that say which rows are the same one: the keys, or `_load` and `_row` where there are none, or
            where a key comes twice.
        added, removed, changed: rows that differ between base and source.
        columns: names of columns that differ between base and source.
        conflicts: keys that both sides changed differently.
        conflict: what needs a decision beside rows; empty if nothing does.
        version: the version made; None before it is done, and where the table was dropped.
        report: of the contract that was checked, `report:...`; None if it has none, or was not asked.
    """

    table: str
    fate: Fate
    base: Ref | None
    source: Ref | None
    target: Ref | None
    by: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: tuple[str, ...] = ()
    conflicts: int = 0
    conflict: str = ""
    version: Ref | None = None
    report: Ref | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """What merging a branch would do; tables that do not change are left out."""

    branch: str
    into: str
    tables: tuple[TableMove, ...]


class RowConflict(Struct, frozen=True, kw_only=True):
    """One row that both sides changed differently.

    Attributes:
        base, ours, theirs: the row's values at the last common version, on the branch merged into, and on the branch
            merged; None where it is not there.
    """

    table: str
    key: dict[str, Cell]
    base: dict[str, Cell] | None
    ours: dict[str, Cell] | None
    theirs: dict[str, Cell] | None


class Merge(Struct, frozen=True, kw_only=True):
    """What became of a merge.

    Attributes:
        commit: the one lake commit that moved all tables; None if nothing had to move, or there are conflicts.
        conflicts: some of the rows in conflict; nothing was changed then. `conflicts` lists all.
    """

    branch: str
    into: str
    commit: CommitId | None
    tables: tuple[TableMove, ...]
    conflicts: tuple[RowConflict, ...] = ()


class Audited(Struct, frozen=True, kw_only=True):
    """Whether a table holds its contract.

    Attributes:
        report: `report:...`; None if it has no contract.
        failures: what broke, in words.
    """

    table: str
    version: Ref
    report: Ref | None
    holds: bool
    failures: tuple[str, ...] = ()


class Moved(Struct, frozen=True, kw_only=True):
    """What a lake commit did to one table; `version` is None where it was dropped."""

    table: str
    version: Ref | None
    before: Ref | None
    operation: str


class LakeCommit(Struct, frozen=True, kw_only=True):
    """One commit of the lake: all of its tables moved in one moment, or none."""

    id: CommitId
    branch: str
    author: ActorId
    message: str
    run: str | None
    at_ms: int
    reads: tuple[Ref, ...]
    tables: tuple[Moved, ...]


class LakeTag(Struct, frozen=True, kw_only=True):
    """A name for what all tables of a branch were at one moment."""

    tag: str
    branch: str
    message: str
    author: ActorId
    at_ms: int
    tables: dict[str, int]


class BranchMerged(News, frozen=True, kw_only=True):
    """Changes of a branch reached another in one lake commit; `published` if the branch ended with it."""

    branch: str
    into: str
    commit: CommitId
    tables: dict[str, int]
    published: bool


class BranchProtected(News, frozen=True, kw_only=True):
    """A branch was protected, or is no longer."""

    branch: str
    protected: bool


class LakeTagged(News, frozen=True, kw_only=True):
    """All tables of a branch got a name together."""

    tag: str
    branch: str
    tables: dict[str, int]


class PublishOperations(ABC):
    """Comparing, merging, publishing, undoing; whole lake commits and tags."""

    @operation("PUT", "/branches/{branch}/protection", scope="lake:admin", about="branch:{branch}")
    @abstractmethod
    def protect(self, branch: Name, *, protected: bool = True) -> Branch:
        """Let a branch take rows by publishing alone, with every contract held; `main` too.

        What the yard writes itself (folded predictions, say) is not refused, nor is an erasure.

        Raises:
            NotFound: no such open branch.
        """

    @operation("GET", "/branches/{branch}/comparison", scope="lake:read", about="branch:{branch}", effect=Effect.WORK)
    @abstractmethod
    def compare(self, branch: Name, *, into: Name = "main") -> Comparison:
        """Show what merging a branch would do: tables, rows by key, columns, conflicts.

        Rows of one table: `yard lake diff TABLE BASE TARGET`.

        Raises:
            NotFound: no such open branch.
        """

    @operation("GET", "/branches/{branch}/conflicts", scope="lake:read", about="branch:{branch}", effect=Effect.WORK)
    @abstractmethod
    def conflicts(
        self, branch: Name, table: Name, *, into: Name = "main", cursor: str | None = None, limit: Limit = 100
    ) -> Page[RowConflict]:
        """List the rows of a table that both sides changed differently, by key.

        Raises:
            NotFound: no such open branch, or it has no such table.
        """

    @operation("POST", "/branches/{branch}/merges", scope="lake:publish", about="branch:{branch}", effect=Effect.WORK)
    @abstractmethod
    def merge(self, branch: Name, *, into: Name = "main", resolve: Resolve | None = None, message: str = "") -> Merge:
        """Bring the changes of a branch into another, all tables in one commit or none; the branch stays open.

        A table that changed on one side alone is taken as it is there. Where both changed it, rows are joined by key;
        a conflict is a row that both changed differently, or columns that both changed. With conflicts and no
        `resolve` nothing is changed, and the answer lists them.

        Raises:
            NotFound: no such open branch.
            GateClosed: `into` is protected and a table breaks its contract; the detail names the report.
            StaleVersion: other writers were always quicker.
        """

    @operation(
        "POST", "/branches/{branch}/publications", scope="lake:publish", about="branch:{branch}", effect=Effect.WORK
    )
    @abstractmethod
    def publish(
        self,
        branch: Name,
        *,
        into: Name = "main",
        resolve: Resolve | None = None,
        keep: bool = False,
        message: str = "",
    ) -> Merge:
        """Check every changed table against its contract, bring all into `into` in one commit, and end the branch.

        Readers see all tables as they were, or all as they are then, never a mixture.

        Args:
            keep: leaves the branch open.

        Raises:
            NotFound: no such open branch.
            GateClosed: a table breaks its contract; the detail names the report, the branch stays as it is.
            Conflict: both sides changed a row differently; see `conflicts`.
            StaleVersion: other writers were always quicker.

        Example:
            yard lake publish load-2026-11
        """

    @operation("POST", "/branches/{branch}/audits", scope="lake:write", about="branch:{branch}", effect=Effect.WORK)
    @abstractmethod
    def audit(self, branch: Name, *, into: Name = "main") -> list[Audited]:
        """Check every table that a branch changed against its contract, now.

        Raises:
            NotFound: no such open branch.
        """

    @operation("POST", "/branches/{branch}/rollbacks", scope="lake:write", about="branch:{branch}", effect=Effect.WORK)
    @abstractmethod
    def roll_back(self, branch: Name, to: Name, *, message: str = "") -> LakeCommit:
        """Let a branch show again what a tag of the lake names: all tables in one new commit; nothing is forgotten.

        Raises:
            NotFound: no such open branch or tag.
            Conflict: the branch is protected, or shows all of it already.
        """

    @operation("GET", "/commits", scope="lake:read")
    @abstractmethod
    def commits(self, *, branch: Name | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[LakeCommit]:
        """List lake commits, newest first.

        Args:
            branch: only those made on it; all where it is left out.
        """

    @operation("PUT", "/lake/tags/{tag}", scope="lake:write", about="tag:{tag}")
    @abstractmethod
    def tag_lake(self, tag: Name, *, branch: Name = "main", message: str = "") -> LakeTag:
        """Name what all tables of a branch are now, so that `table@tag` and `sql(at=tag)` read one moment.

        Raises:
            AlreadyExists: a tag or an open branch has the name.
        """

    @operation("GET", "/lake/tags", scope="lake:read")
    @abstractmethod
    def lake_tags(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[LakeTag]:
        """List the tags of the whole lake, by name."""

    @operation("DELETE", "/lake/tags/{tag}", scope="lake:write", about="tag:{tag}")
    @abstractmethod
    def untag_lake(self, tag: Name) -> None:
        """Remove a tag of the whole lake; the versions stay.

        Raises:
            NotFound: no such tag.
        """
