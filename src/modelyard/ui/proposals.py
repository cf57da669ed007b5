"""The screen of one proposal: its state, gates, comparisons, reviews, what a merge would do, and the forms for it.

Every form calls the registry as the looking actor; the registry decides who may approve, waive or merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import NotFound
from modelyard.registry.api import Change, CodeChange, Comparison, Outcome, Proposal, ProposalDiff, ProposalState
from modelyard.ui.flips import flipping, review_tabs, which
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Count, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.prose import prose
from modelyard.ui.models import model_url, proposal_url
from modelyard.ui.needs import allowed
from modelyard.ui.people import names
from modelyard.ui.sections import Tabs

MARKS = {Outcome.PASSED: "ok", Outcome.FAILED: "bad", Outcome.UNKNOWN: "wait", Outcome.WAIVED: "warn"}
_LOOK = 1000


class Compared(Struct, frozen=True):
    """A comparison as drawn; `reach` is half the axis that its metric shares."""

    figures: Comparison
    reach: float


class Remark(Struct, frozen=True):
    """What somebody said about it; `html` was made from Markdown that may hold no HTML."""

    author: str
    html: str
    at: datetime


class ProposalData(Struct, frozen=True):
    """One proposal; `mine` is True for its author, `plan` what a merge would do, `closed` the gates to waive.

    Attributes:
        overall, slices: the candidate against the champion, over all rows and by group.
        dataset: the rows that the first comparison is about.
        data: the versions of data that differ, in a sentence.
        ends: when waivers end or have ended, by gate.
        tabs: the parts of the review.
        talk: what was said, oldest first; None for whoever may not read comments.
    """

    proposal: Proposal
    state: str
    mine: bool
    people: Mapping[str, str]
    marks: Mapping[str, str]
    overall: tuple[Compared, ...]
    slices: tuple[Compared, ...]
    dataset: str
    data: str
    code: CodeChange
    changes: tuple[tuple[str, tuple[Change, ...]], ...]
    plan: tuple[tuple[str, str, str], ...]
    closed: tuple[str, ...]
    ends: Mapping[str, datetime]
    tabs: Tabs
    talk: tuple[Remark, ...] | None
    note: str
    url: str


def screens() -> Screens:
    """The page of a proposal, its forms, and how many wait."""
    mine = Screens("proposals")
    mine.page("/proposals/{name}/{number}", template="pages/proposal.html", nav="proposals")(_one)
    mine.page("/proposals/{name}/{number}/flips", template="pages/flips.html", nav="proposals")(flipping)
    mine.page("/proposals/{number}", template="pages/proposal.html", nav="proposals")(_by_number)
    for step, do in (
        ("gates", _gates), ("approve", _approve), ("decline", _decline), ("waive", _waive), ("merge", _merge),
        ("withdraw", _withdraw), ("comment", _comment),
    ):  # fmt: skip
        mine.form(f"/proposals/{{name}}/{{number}}/{step}")(do)

    @mine.count("proposals")
    def waiting(calls: PageCalls) -> Count | None:
        found = slices(calls).registry.proposals(limit=100).items
        number = sum(not p.state.is_over for p in found)
        return Count(number) if number else None

    return mine


def _by_number(calls: PageCalls, ask: Ask) -> Done:
    _, number = which(ask)
    for found in slices(calls).registry.proposals(limit=_LOOK).items:
        if found.number == number:
            return Done(proposal_url(found))
    raise NotFound(f"no proposal {number} among the newest {_LOOK}; list them with: yard registry proposals")


def _one(calls: PageCalls, ask: Ask) -> Page:
    registry, (name, number) = slices(calls).registry, which(ask)
    found = registry.proposal(name, number)
    diff = registry.diff(name, number)
    people = names(calls)
    about = {found.author, *(r.actor for r in found.reviews), *(r.waived_by for r in found.results), found.merged_by}
    data = ProposalData(
        found, _state(found), slices(calls).governance.whoami().id == found.author,
        {str(a): people.get(str(a), str(a)) for a in about if a}, {str(k): v for k, v in MARKS.items()},
        *_compared(diff), diff.metrics[0].dataset if diff.metrics else "", _data(diff), diff.code, _changes(diff),
        _plan(found),
        tuple(r.gate for r in found.results if not r.outcome.opens),
        {r.gate: from_ms(r.waived_until_ms) for r in found.results if r.waived_until_ms is not None},
        review_tabs(found, diff, "Review"), _talk(calls, found), prose(found.note), proposal_url(found),
    )  # fmt: skip
    twin = f"registry {{}} {name} {number}"
    foot = Foot(
        f"GET /v1/models/{quote(name)}/proposals/{number}", f"yard {twin.format('proposal')}",
        f"yard.registry.proposal({name!r}, {number})", (f"yard {twin.format('diff')}",),
    )  # fmt: skip
    crumbs = (Crumb("Proposals", "/proposals"), Crumb(name, model_url(name)), Crumb(f"#{number}"))
    return Page(found.title or f"Proposal {number}", data, crumbs, foot)


def _state(p: Proposal) -> str:
    if p.state is ProposalState.MERGED:
        return f"Merged: {p.name}@{p.alias} moved to version {p.version}."
    if p.state.is_over:
        return f"{p.state.value.capitalize()}; nothing was moved."
    waits: list[str] = []
    missing = p.needed - sum(r.vote.value == "approve" for r in p.reviews)
    if missing > 0:
        waits.append(plural(missing, "more approval"))
    closed = sum(not r.outcome.opens for r in p.results)
    if p.gates_ms is None:
        waits.append("its gates to be run")
    elif p.stale:
        waits.append(f"its gates to be run again, for {p.stale_because}")
    elif closed:
        waits.append(plural(closed, "closed gate"))
    if p.ready:
        return f"Ready to merge: {p.name}@{p.alias} would move to version {p.version}."
    return f"{p.state.value.capitalize()}; waits for {' and '.join(waits) or 'its gates'}."


def _talk(calls: PageCalls, p: Proposal) -> tuple[Remark, ...] | None:
    found = allowed(lambda: slices(calls).teamwork.comments(p.ref, limit=200).items)
    if found is None:
        return None
    return tuple(Remark(c.author_name, prose(c.text), from_ms(c.at_ms)) for c in reversed(found))


def _data(diff: ProposalDiff) -> str:
    return "; ".join(f"{c.before or 'not used'} → {c.after or 'not used'}" for c in diff.data)


def _compared(diff: ProposalDiff) -> tuple[tuple[Compared, ...], tuple[Compared, ...]]:
    """Comparisons worth a row, over all rows and by group; those only where both have a figure."""
    kept = [one for one in diff.metrics if one.advantage is not None or not one.group or diff.champion is None]
    reach: dict[str, float] = {}
    for one in kept:
        ends = [abs(v) for v in (one.advantage, one.low, one.high) if v is not None]
        reach[one.metric] = max([reach.get(one.metric, 0.0), *ends])
    made = [Compared(one, reach[one.metric] or 1.0) for one in kept]
    return tuple(c for c in made if not c.figures.group), tuple(c for c in made if c.figures.group)


def _changes(diff: ProposalDiff) -> tuple[tuple[str, tuple[Change, ...]], ...]:
    parts = (
        ("Data", diff.data), ("Signature", diff.signature), ("Packages", diff.requirements), ("Facts", diff.facts),
        ("Parameters", diff.params), ("Logged metrics", diff.run_metrics),
    )  # fmt: skip
    return tuple((title, changes) for title, changes in parts if changes)


def _plan(p: Proposal) -> tuple[tuple[str, str, str], ...]:
    if p.state.is_over:
        return ()
    moved = (
        ("~", f"model:{p.name}@{p.alias}", f"version {p.champion} → version {p.version}")
        if p.champion
        else ("+", f"model:{p.name}@{p.alias}", f"→ version {p.version}")
    )
    return (
        moved,
        ("+", "alias history", f"one move, by proposal {p.number}, with its approvers"),
        (" ", "endpoints", "serve what they serve until the next deploy"),
    )


def _gates(calls: PageCalls, ask: Ask) -> Done:
    done = slices(calls).registry.run_gates(*which(ask))
    closed = sum(not r.outcome.opens for r in done.results)
    said = f"{plural(closed, 'gate stands', 'gates stand')} closed" if closed else "All gates stand open"
    return Done(proposal_url(done), said, tone="warn" if closed else "ok")


def _approve(calls: PageCalls, ask: Ask) -> Done:
    done = slices(calls).registry.approve(*which(ask), note=ask.form.get("note", ""))
    return Done(proposal_url(done), "Approved", _state(done))


def _decline(calls: PageCalls, ask: Ask) -> Done:
    done = slices(calls).registry.decline(*which(ask), note=ask.form.get("reason", ""))
    return Done(proposal_url(done), "Declined", "Nothing was moved.")


def _waive(calls: PageCalls, ask: Ask) -> Done:
    gate = ask.form.get("gate", "")
    until = ask.form.get("until") or None
    done = slices(calls).registry.waive(*which(ask), gate=gate, reason=ask.form.get("reason", ""), until=until)
    return Done(proposal_url(done), f"Waived {gate}", _state(done), tone="warn")


def _merge(calls: PageCalls, ask: Ask) -> Done:
    done = slices(calls).registry.merge(*which(ask))
    return Done(proposal_url(done), "Merged", _state(done))


def _withdraw(calls: PageCalls, ask: Ask) -> Done:
    done = slices(calls).registry.withdraw(*which(ask))
    return Done(proposal_url(done), "Withdrawn", "Nothing was moved.")


def _comment(calls: PageCalls, ask: Ask) -> Done:
    name, number = which(ask)
    found = slices(calls).registry.proposal(name, number)
    slices(calls).teamwork.comment(found.ref, ask.form.get("text", ""))
    return Done(f"{proposal_url(found)}#talk", "Said")
