"""The screen of lake commits and tags: each moment at which tables moved together, and the names given to some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.lake.api import BranchState, LakeCommit, LakeTag
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, ActorCell, Cell, Column, Kind, LinkCell, RefCell, Row, Table, TimeCell
from modelyard.ui.people import names


class Tagged(Struct, frozen=True):
    """A tag of the lake with what it names."""

    tag: LakeTag
    tables: tuple[str, ...]
    who: str


class CommitsData(Struct, frozen=True):
    """Lake commits, newest first, and all tags; `branch` is the one that the list is of, empty for all."""

    sentence: str
    commits: Table
    tags: tuple[Tagged, ...]
    branch: str
    branches: tuple[tuple[str, str], ...]


def screens() -> Screens:
    """The page of commits and tags, and its forms."""
    mine = Screens("commits")
    mine.page("/commits", template="pages/commits.html", nav="branches")(_all)
    mine.form("/commits/tag")(_tag)
    mine.form("/commits/tags/{tag}/remove")(_untag)
    mine.form("/commits/tags/{tag}/restore")(_restore)
    return mine


def commits_table(found: Sequence[LakeCommit], called: Mapping[str, str], following: str = "") -> Table:
    """Lake commits as rows."""
    columns = (
        Column("id", "Commit", Kind.CODE), Column("what", "What"), Column("tables", "Tables"),
        Column("branch", "Branch"), Column("who", "Who"), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                str(c.id)[-8:], c.message or ", ".join(dict.fromkeys(m.operation for m in c.tables))[:120] or NONE,
                _moved(c), LinkCell(c.branch, f"/branches/{c.branch}"),
                ActorCell(called.get(str(c.author), "yard"), machine=str(c.author) not in called),
                TimeCell(from_ms(c.at_ms)),
            ),
            key=str(c.id), ref=f"commit:{c.id}",
        )
        for c in found
    )  # fmt: skip
    return Table("commits", "Commits", columns, rows, next=following)


def _moved(commit: LakeCommit) -> Cell:
    """One table as a link, several in words."""
    if len(commit.tables) == 1 and commit.tables[0].version is not None:
        return RefCell(str(commit.tables[0].version), bare=True)
    said = [m.table if m.version is not None else f"{m.table} (dropped)" for m in commit.tables]
    return ", ".join(said)[:200] or NONE


def _all(calls: PageCalls, ask: Ask) -> Page:
    lake, branch = slices(calls).lake, ask.text("branch")
    page = lake.commits(branch=branch or None, cursor=ask.text("after") or None, limit=60)
    called = names(calls)
    tags = tuple(
        Tagged(tag, tuple(f"{name}@{version}" for name, version in tag.tables.items()),
               called.get(str(tag.author), "yard"))
        for tag in lake.lake_tags(limit=100).items
    )  # fmt: skip
    opened = [b.name for b in lake.branches(state=BranchState.OPEN, limit=100).items]
    said = (
        f"{plural(len(page.items), 'commit')} shown, {plural(len(tags), 'tag')}; each moved all of its tables at once."
    )
    data = CommitsData(
        said if page.items else "Nothing was committed yet.", commits_table(page.items, called, page.next or ""), tags,
        branch, tuple((name, name) for name in dict.fromkeys(("main", *opened))),
    )  # fmt: skip
    foot = Foot("GET /v1/commits", "yard lake commits", "yard.lake.commits()")
    return Page("Commits and tags", data, (Crumb("Branches", "/branches"), Crumb("Commits and tags")), foot)


def _tag(calls: PageCalls, ask: Ask) -> Done:
    tag = slices(calls).lake.tag_lake(
        ask.form.get("tag", "").strip(), branch=ask.form.get("branch") or "main",
        message=ask.form.get("message", "").strip(),
    )  # fmt: skip
    return Done(
        "/commits", f"Tag {tag.tag} names {plural(len(tag.tables), 'table')}", f"as {tag.branch} shows them now"
    )


def _untag(calls: PageCalls, ask: Ask) -> Done:
    slices(calls).lake.untag_lake(ask.params["tag"])
    return Done("/commits", f"Tag {ask.params['tag']} is removed", "The versions stay.", tone="warn")


def _restore(calls: PageCalls, ask: Ask) -> Done:
    tag, branch = ask.params["tag"], ask.form.get("branch") or "main"
    done = slices(calls).lake.roll_back(branch, tag, message=ask.form.get("reason", "").strip())
    said = f"{done.branch} shows again what {tag} names"
    return Done("/commits", said, f"{plural(len(done.tables), 'table')} in one new commit; nothing is forgotten.")
