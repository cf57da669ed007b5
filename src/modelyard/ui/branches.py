"""The screens of branches: what is worked on beside main, made and given up here, and where each goes its own way."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.lake.api import Branch, BranchState
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import NONE, ActorCell, Column, Kind, LinkCell, MarkCell, Row, Table, TimeCell
from modelyard.ui.people import names

_MARK = {BranchState.OPEN: "run", BranchState.PUBLISHED: "ok", BranchState.DISCARDED: "off"}
_LOOKED = 100


class BranchesData(Struct, frozen=True):
    """All branches."""

    sentence: str
    branches: Table
    sources: tuple[tuple[str, str], ...]


class Held(Struct, frozen=True):
    """A table as a branch shows it; `ahead` are versions that only the branch has."""

    name: str
    version: int
    rows: int
    ahead: int
    main: int | None
    diff: str


class BranchData(Struct, frozen=True):
    """One branch and the tables on which it goes its own way."""

    branch: Branch
    state: str
    at: datetime | None
    who: str
    sentence: str
    own: tuple[Held, ...]


def screens() -> Screens:
    """The pages of branches and their forms."""
    mine = Screens("branches")
    mine.page("/branches", template="pages/branches.html", nav="branches")(_all)
    mine.page("/branches/{branch}", template="pages/branch.html", nav="branches")(_one)
    mine.form("/branches/make")(_make)
    mine.form("/branches/{branch}/discard")(_discard)
    return mine


def _all(calls: PageCalls, ask: Ask) -> Page:
    lake = slices(calls).lake
    page = lake.branches(state=None, cursor=ask.text("after") or None, limit=_LOOKED)
    called = names(calls)
    columns = (
        Column("name", "Branch"), Column("state", "State"), Column("source", "From"),
        Column("tables", "Tables", Kind.COUNT), Column("says", "Description"), Column("who", "Made by"),
        Column("at", "Made", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(b.name, f"/branches/{b.name}"), MarkCell(_MARK[b.state], b.state.value), b.source or NONE,
                b.tables, b.description[:120] or NONE, ActorCell(called.get(str(b.author), "yard")),
                TimeCell(from_ms(b.at_ms)) if b.at_ms else NONE,
            ),
            key=f"{b.name}-{b.at_ms}", href=f"/branches/{b.name}", ref=str(b.ref),
        )
        for b in page.items
    )  # fmt: skip
    opened = [b for b in page.items if b.state is BranchState.OPEN and b.name != "main"]
    said = f"{plural(len(opened), 'branch is', 'branches are')} open beside main." if opened else "Only main is open."
    sources = (("main", "main"), *((b.name, b.name) for b in opened))
    data = BranchesData(said, Table("branches", "Branches", columns, rows, next=page.next or ""), sources)
    foot = Foot("GET /v1/branches", "yard lake branches", "yard.lake.branches()")
    return Page("Branches", data, (Crumb("Branches"),), foot)


def _one(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["branch"]
    branch = hub.lake.branch_record(name)
    own = _own(hub, branch) if branch.state is BranchState.OPEN and name != "main" else ()
    who = names(calls).get(str(branch.author), "")
    data = BranchData(
        branch, _MARK[branch.state], from_ms(branch.at_ms) if branch.at_ms else None, who, _said(branch, own), own
    )
    foot = Foot(f"GET /v1/branches/{name}", f"yard lake branch-record {name}", f"yard.lake.branch_record({name!r})")
    return Page(name, data, (Crumb("Branches", "/branches"), Crumb(name)), foot)


def _own(hub: Slices, branch: Branch) -> tuple[Held, ...]:
    """The tables on which a branch holds versions of its own."""
    found = []
    for table in hub.lake.tables(branch=branch.name, limit=_LOOKED).items:
        history = hub.lake.history(table.name, branch=branch.name, limit=50).items
        ahead = sum(v.branch == branch.name for v in history)
        if not ahead:
            continue
        base = next((v.version for v in history if v.branch != branch.name), None)
        road = f"/tables/{table.name}/diff?base={base}&target={table.version}" if base is not None else ""
        found.append(Held(table.name, table.version, table.rows, ahead, base, road))
    return tuple(found)


def _said(branch: Branch, own: tuple[Held, ...]) -> str:
    if branch.state is not BranchState.OPEN:
        return f"It was {branch.state.value}; nothing can be written to it any more."
    if branch.name == "main":
        return "What everybody reads who names no branch."
    if not own:
        return f"It shows what {branch.source or 'main'} showed; nothing was written to it yet."
    return f"It goes its own way on {plural(len(own), 'table')}; nobody else sees that until it is published."


def _make(calls: PageCalls, ask: Ask) -> Done:
    name = ask.form.get("name", "").strip()
    made = slices(calls).lake.create_branch(
        name, source=ask.form.get("source") or "main", description=ask.form.get("description", "").strip()
    )  # fmt: skip
    said = f"Branch {made.name} is made"
    return Done(f"/branches/{made.name}", said, f"It shows {plural(made.tables, 'table')}; no row was copied.")


def _discard(calls: PageCalls, ask: Ask) -> Done:
    gone = slices(calls).lake.discard(ask.params["branch"])
    return Done("/branches", f"Branch {gone.name} is given up", "What was published or tagged stays.", tone="warn")
