"""Branches: made by copying heads, listed, protected, given up. What moves rows between them stands beside."""

from __future__ import annotations

from modelyard.kernel.errors import AlreadyExists, Conflict, NotFound
from modelyard.kernel.pages import Limit, Page, page_of, place_of
from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import Branch, BranchMade, BranchOperations, BranchState
from modelyard.lake.model.moments import MAIN, check_name
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import branches, catalogue, labels
from modelyard.ports import calls


class BranchService(BranchOperations):
    """Branches of the whole lake."""

    _desk: Desk

    def create_branch(self, name: Name, *, source: str = MAIN, description: str = "") -> Branch:
        """Make a branch of the whole lake."""
        call = calls.current()
        check_name(name, "branch")
        if branches.is_open(call.tx, name):
            raise AlreadyExists(f"there is a branch {name}; discard it, or choose another name")
        if catalogue.is_tag(call.tx, name) or labels.get(call.tx, name) is not None:
            raise AlreadyExists(f"{name} is a tag; a branch cannot have its name")
        label = labels.get(call.tx, source)
        if label is None:
            branches.opened(call.tx, source)
        branches.add(call.tx, name, source=source, description=description, author=call.actor.id, at_ms=call.now_ms)
        if label is None:
            branches.copy_heads(call.tx, name, source=source)
        else:
            branches.show(call.tx, name, label.tables)
        call.emit(BranchMade(branch=name, source=source), writes=(ref("branch", name),))
        return branches.opened(call.tx, name)

    def branches(
        self, *, state: BranchState | None = BranchState.OPEN, cursor: str | None = None, limit: Limit = 100
    ) -> Page[Branch]:
        """List branches, in the order they were made."""
        after = place_of(cursor, 0)
        found = branches.listed(calls.current().tx, state=state, after=after, most=limit + 1)
        page = page_of(found, limit, lambda each: (each[0],))
        return Page([each for _, each in page.items], page.next)

    def branch_record(self, branch: Name) -> Branch:
        """Show one branch."""
        if (found := branches.newest(calls.current().tx, branch)) is None:
            raise NotFound(f"there never was a branch {branch}; list them: yard lake branches")
        return found

    def discard(self, branch: Name) -> Branch:
        """Give up a branch with all that only it holds."""
        from modelyard.lake.service import closing

        if branch == MAIN:
            raise Conflict("main cannot be discarded; drop tables of it one by one")
        if branches.opened(calls.current().tx, branch).protected:
            raise Conflict(f"branch {branch} is protected; lift that first: yard lake protect {branch} --no-protected")
        closing.discard(self._desk, branch)
        return self.branch_record(branch)
