"""The operations that move rows between branches, and those that name all tables at once."""

from __future__ import annotations

from contextlib import ExitStack

from modelyard.kernel.errors import AlreadyExists, Conflict, Internal, NotFound
from modelyard.kernel.pages import Limit, Page, encode_cursor, page_of, place_of
from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import (
    Audited,
    Branch,
    BranchProtected,
    Comparison,
    LakeCommit,
    LakeTag,
    LakeTagged,
    Merge,
    PublishOperations,
    Resolve,
    RowConflict,
)
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.moments import MAIN, check_name
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import branches, catalogue, labels
from modelyard.ports import calls


class PublishService(PublishOperations):
    """Merging, publishing, undoing, tagging."""

    _desk: Desk

    def protect(self, branch: Name, *, protected: bool = True) -> Branch:
        """Let a branch take rows by publishing alone."""
        call = calls.current()
        branches.opened(call.tx, branch)
        branches.protect(call.tx, branch, protected=protected)
        call.emit(BranchProtected(branch=branch, protected=protected), writes=(ref("branch", branch),))
        return branches.opened(call.tx, branch)

    def compare(self, branch: Name, *, into: Name = MAIN) -> Comparison:
        """Show what merging a branch would do."""
        from modelyard.lake.service import merging

        return merging.compare(self._desk, branch, into)

    def conflicts(
        self, branch: Name, table: Name, *, into: Name = MAIN, cursor: str | None = None, limit: Limit = 100
    ) -> Page[RowConflict]:
        """List the rows of a table that both sides changed differently."""
        from modelyard.lake.service import merging

        offset = max(0, place_of(cursor, 0))
        if catalogue.entry(calls.current().tx, table, branch=branch) is None:
            raise NotFound(f"branch {branch} shows no table {table}; list them: yard lake tables --branch {branch}")
        found = merging.conflicts(self._desk, branch, into, table, offset=offset, limit=limit + 1)
        more = len(found) > limit
        return Page(found[:limit], encode_cursor(offset + limit) if more else None)

    def merge(self, branch: Name, *, into: Name = MAIN, resolve: Resolve | None = None, message: str = "") -> Merge:
        """Bring the changes of a branch into another."""
        from modelyard.lake.service import merging

        checked = branches.opened(calls.current().tx, into).protected
        request = merging.Request(branch, into, resolve=resolve, message=message, checked=checked)
        return merging.merge(self._desk, request)

    def publish(
        self,
        branch: Name,
        *,
        into: Name = MAIN,
        resolve: Resolve | None = None,
        keep: bool = False,
        message: str = "",
    ) -> Merge:
        """Check every changed table, bring all into `into` in one commit, and end the branch."""
        from modelyard.lake.service import merging

        if branch == MAIN and not keep:
            raise Conflict("main cannot end; say --keep, or merge main into the branch")
        request = merging.Request(branch, into, resolve=resolve, message=message, checked=True, ends=not keep)
        return merging.merge(self._desk, request)

    def audit(self, branch: Name, *, into: Name = MAIN) -> list[Audited]:
        """Check every table that a branch changed against its contract."""
        from modelyard.lake.service import merging

        return merging.audit(self._desk, branch, into)

    def roll_back(self, branch: Name, to: Name, *, message: str = "") -> LakeCommit:
        """Let a branch show again what a tag of the lake names."""
        from modelyard.lake.service import rollback

        tx = calls.current().tx
        if (label := labels.get(tx, to)) is None:
            raise NotFound(f"the lake has no tag {to}; list them: yard lake lake-tags")
        with ExitStack() as stack:
            for table in sorted({*label.tables, *branches.heads_of(tx, branch)}):
                stack.enter_context(self._desk.tables().locked(table))
            commit_id = rollback.roll_back(self._desk, branch, label, message=message)
        made = calls.current().unit(lambda: labels.commit_of(calls.current().tx, commit_id))
        if made is None:
            raise Internal(f"lake commit {commit_id} was made and is not there")
        return made

    def commits(self, *, branch: Name | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[LakeCommit]:
        """List lake commits, newest first."""
        before = place_of(cursor, 1 << 62)
        found = labels.commits_listed(calls.current().tx, branch=branch, before=before, most=limit + 1)
        page = page_of(found, limit, lambda each: (each[0],))
        return Page([each for _, each in page.items], page.next)

    def tag_lake(self, tag: Name, *, branch: Name = MAIN, message: str = "") -> LakeTag:
        """Name what all tables of a branch are now."""
        call = calls.current()
        check_name(tag, "tag")
        if branches.is_open(call.tx, tag):
            raise AlreadyExists(f"{tag} is a branch; a tag cannot have its name")
        if labels.get(call.tx, tag) is not None or catalogue.is_tag(call.tx, tag):
            raise AlreadyExists(f"there is a tag {tag}; remove it first, or choose another name")
        branches.opened(call.tx, branch)
        tables = {table: version for table, version in branches.heads_of(call.tx, branch).items() if version > 0}
        made = LakeTag(tag=tag, branch=branch, message=message, author=call.actor.id, at_ms=call.now_ms, tables=tables)
        labels.add(call.tx, made)
        call.emit(
            LakeTagged(tag=tag, branch=branch, tables=tables),
            reads=tuple(thing(table, version) for table, version in tables.items()),
            writes=(ref("tag", tag),),
        )
        return made

    def lake_tags(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[LakeTag]:
        """List the tags of the whole lake."""
        found = labels.listed(calls.current().tx, after=place_of(cursor, ""), most=limit + 1)
        return page_of(found, limit, lambda each: (each.tag,))

    def untag_lake(self, tag: Name) -> None:
        """Remove a tag of the whole lake."""
        if not labels.remove(calls.current().tx, tag):
            raise NotFound(f"the lake has no tag {tag}; list them: yard lake lake-tags")
