"""The screens of branches: what is worked on beside main, what publishing one would do, and the ways it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from modelyard.kernel import refs
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref
from modelyard.lake.api import Branch, BranchState, Fate, LakeCommit, Merge, Resolve, TableMove
from modelyard.ui.commits import commits_table
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import number, plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import NONE, ActorCell, Column, Kind, LinkCell, MarkCell, Row, Table, TimeCell
from modelyard.ui.needs import allowed
from modelyard.ui.people import names

_MARK = {BranchState.OPEN: "run", BranchState.PUBLISHED: "ok", BranchState.DISCARDED: "off"}
_FATE = {Fate.FORWARD: "ok", Fate.MERGED: "ok", Fate.CREATED: "ok", Fate.DROPPED: "warn", Fate.CONFLICT: "bad"}
_SIGN = {Fate.FORWARD: "~", Fate.MERGED: "~", Fate.CREATED: "+", Fate.DROPPED: "−", Fate.CONFLICT: "~"}
_LOOKED, _COMMITS = 100, 12


class BranchesData(Struct, frozen=True):
    """All branches."""

    sentence: str
    branches: Table
    sources: tuple[tuple[str, str], ...]


class Move(Struct, frozen=True):
    """What publishing does to one table; `diff` and `disputed` are addresses, empty where there is nothing to see."""

    table: str
    fate: str
    state: str
    now: str
    then: str
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...]
    conflicts: int
    why: str
    diff: str
    disputed: str


class BranchData(Struct, frozen=True):
    """One branch; `plan` is what publishing would do, as lines; `disputed` True where it needs a decision."""

    branch: Branch
    state: str
    at: datetime | None
    who: str
    sentence: str
    into: str
    moves: tuple[Move, ...]
    plan: tuple[tuple[str, str, str], ...]
    disputed: bool
    commits: Table


def screens() -> Screens:
    """The pages of branches and their forms."""
    mine = Screens("branches")
    mine.page("/branches", template="pages/branches.html", nav="branches")(_all)
    mine.page("/branches/{branch}", template="pages/branch.html", nav="branches")(_one)
    mine.form("/branches/make")(_make)
    mine.form("/branches/{branch}/discard")(_discard)
    mine.form("/branches/{branch}/merge")(_merge)
    mine.form("/branches/{branch}/publish")(_publish)
    mine.form("/branches/{branch}/audit")(_audit)
    mine.form("/branches/{branch}/protect")(_protect)

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:
        return [
            Found(b.name, f"/branches/{b.name}", "branch", "branch")
            for b in slices(calls).lake.branches(limit=_LOOKED).items
            if all(word in b.name.lower() for word in words.lower().split())
        ]

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
                LinkCell(b.name, f"/branches/{b.name}"),
                MarkCell(_MARK[b.state], f"{b.state.value}, protected" if b.protected else b.state.value),
                b.source or NONE, b.tables, b.description[:120] or NONE,
                ActorCell(called.get(str(b.author), "yard")), TimeCell(from_ms(b.at_ms)) if b.at_ms else NONE,
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
    lake, name, into = slices(calls).lake, ask.params["branch"], ask.text("into") or "main"
    branch = lake.branch_record(name)
    aside = branch.state is BranchState.OPEN and name != into
    found = (allowed(lambda: lake.compare(name, into=into)) if aside else None) or None
    moves = tuple(_move(branch.name, into, move) for move in (found.tables if found else ()))
    called = names(calls)
    commits: Sequence[LakeCommit] = lake.commits(branch=name, limit=_COMMITS).items
    data = BranchData(
        branch, _MARK[branch.state], from_ms(branch.at_ms) if branch.at_ms else None,
        called.get(str(branch.author), ""), _said(branch, moves, into), into, moves,
        tuple(_line(move) for move in (found.tables if found else ())),
        any(move.state == "bad" for move in moves), commits_table(commits, called),
    )  # fmt: skip
    foot = Foot(f"GET /v1/branches/{name}/comparison", f"yard lake compare {name}", f"yard.lake.compare({name!r})")
    return Page(name, data, (Crumb("Branches", "/branches"), Crumb(name)), foot)


def _version(ref: Ref | None) -> str:
    return "" if ref is None else f"@{refs.parts(str(ref))[2]}"


def _move(branch: str, into: str, move: TableMove) -> Move:
    base, source = _version(move.base), _version(move.source)
    road = f"/tables/{move.table}/diff?base={base[1:]}&target={source[1:]}" if base and source else ""
    disputed = f"/branches/{branch}/conflicts/{move.table}?into={into}" if move.conflicts else ""
    return Move(
        move.table, move.fate.value, _FATE[move.fate], _version(move.target), source, move.added, move.removed,
        move.changed, move.columns, move.conflicts, move.conflict, road, disputed,
    )  # fmt: skip


def _line(move: TableMove) -> tuple[str, str, str]:
    """One table as a line of a plan: sign, name, what happens to it."""
    now, then = _version(move.target), _version(move.source)
    parts = [f"{sign}{number(n)}" for sign, n in (("+", move.added), ("−", move.removed), ("~", move.changed)) if n]
    rows = f", {' '.join(parts)} rows" if parts else ""
    if move.fate is Fate.DROPPED:
        return _SIGN[move.fate], f"table {move.table}", f"{now} is no longer shown"
    if move.fate is Fate.CREATED:
        return _SIGN[move.fate], f"table {move.table}", f"as {then}{rows}"
    if move.fate is Fate.CONFLICT:
        decision = move.conflict or f"{plural(move.conflicts, 'row')} changed on both sides"
        return _SIGN[move.fate], f"table {move.table}", f"waits: {decision}"
    how = "joined with" if move.fate is Fate.MERGED else "→"
    return _SIGN[move.fate], f"table {move.table}", f"{now} {how} {then}{rows}"


def _said(branch: Branch, moves: Sequence[Move], into: str) -> str:
    if branch.state is not BranchState.OPEN:
        return f"It was {branch.state.value}; nothing can be written to it any more."
    if branch.name == into:
        return "What everybody reads who names no branch."
    if not moves:
        return f"It shows what {into} shows; there is nothing to publish."
    told = f"It differs from {into} on {plural(len(moves), 'table')}; nobody else sees that until it is published."
    disputed = sum(move.state == "bad" for move in moves)
    return told + (f" {plural(disputed, 'table needs', 'tables need')} a decision first." if disputed else "")


# --- what is done with a branch --------------------------------------------------------------------------------------


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


def _decided(form: Mapping[str, str]) -> Resolve | None:
    word = form.get("resolve", "")
    if word and word not in (Resolve.OURS.value, Resolve.THEIRS.value):
        raise InvalidInput("rows that both sides changed go by `ours` (as they are there) or `theirs` (the branch's)")
    return Resolve(word) if word else None


def _merge(calls: PageCalls, ask: Ask) -> Done:
    name, into = ask.params["branch"], ask.form.get("into") or "main"
    done = slices(calls).lake.merge(name, into=into, resolve=_decided(ask.form), message=ask.form.get("message", ""))
    return _told(done, f"/branches/{name}", "merged into")


def _publish(calls: PageCalls, ask: Ask) -> Done:
    name, into = ask.params["branch"], ask.form.get("into") or "main"
    done = slices(calls).lake.publish(
        name, into=into, resolve=_decided(ask.form), keep=bool(ask.form.get("keep")),
        message=ask.form.get("message", ""),
    )  # fmt: skip
    return _told(done, f"/branches/{name}", "published into")


def _told(done: Merge, road: str, verb: str) -> Done:
    if done.conflicts:
        first = done.conflicts[0].table
        return Done(
            f"{road}/conflicts/{first}?into={done.into}", "Nothing was changed: both sides changed the same rows",
            "Look at them, then say whose count.", tone="warn",
        )  # fmt: skip
    if done.commit is None:
        return Done(road, "There was nothing to move", f"{done.into} shows all of it already.")
    moved = sum(move.version is not None or move.fate is Fate.DROPPED for move in done.tables)
    return Done(road, f"{plural(moved, 'table')} {verb} {done.into}", f"in one commit, {done.commit}")


def _audit(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["branch"]
    found = slices(calls).lake.audit(name, into=ask.form.get("into") or "main")
    broken = [one for one in found if not one.holds]
    if broken:
        return Done(
            f"/branches/{name}", f"{broken[0].table} breaks its contract", "; ".join(broken[0].failures)[:300],
            tone="warn",
        )  # fmt: skip
    held = sum(one.report is not None for one in found)
    return Done(f"/branches/{name}", "Every contract holds", f"{plural(held, 'table')} with a contract was checked")


def _protect(calls: PageCalls, ask: Ask) -> Done:
    on = ask.form.get("do") == "on"
    branch = slices(calls).lake.protect(ask.params["branch"], protected=on)
    said = f"{branch.name} takes rows by publishing alone" if on else f"{branch.name} can be written to again"
    return Done(f"/branches/{branch.name}", said, "Every contract must hold first." if on else "", tone="ok")
