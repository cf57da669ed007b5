"""The states of a proposal and who may move it: pure, so that every path can be tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from modelyard.kernel.errors import Conflict, Forbidden, GateClosed, InvalidInput
from modelyard.kernel.ids import ActorId
from modelyard.registry.api import GateResult, Outcome, Proposal, ProposalState, Review, Vote
from modelyard.registry.model.standing import moment_of, said

_MOST_APPROVALS = 20


def check_open(proposal: Proposal) -> None:
    """Refuse what comes after the end.

    Raises:
        Conflict: the proposal is over.
    """
    if proposal.state.is_over:
        raise Conflict(f"{proposal.ref} is {proposal.state.value}, so nothing more happens to it; open another one")


def check_other(proposal: Proposal, actor: ActorId, what: str) -> None:
    """Refuse an author who judges their own proposal.

    Raises:
        Forbidden: the actor is its author.
    """
    if actor == proposal.author:
        raise Forbidden(
            f"{what} {proposal.ref} is for others than its author; ask somebody with scope registry:approve"
        )


def approvers(proposal: Proposal) -> tuple[ActorId, ...]:
    """Who approves, in order; the author never counts."""
    return tuple(r.actor for r in proposal.reviews if r.vote is Vote.APPROVE and r.actor != proposal.author)


def state_of(proposal: Proposal) -> ProposalState:
    """Open or approved, by who approves; an end stays what it is."""
    if proposal.state.is_over:
        return proposal.state
    if any(r.vote is Vote.DECLINE for r in proposal.reviews):
        return ProposalState.DECLINED
    enough = len(approvers(proposal)) >= proposal.needed and not missing_roles(proposal)
    return ProposalState.APPROVED if enough else ProposalState.OPEN


def missing_roles(proposal: Proposal) -> dict[str, int]:
    """How many more approvals are wanted from whom, by role."""
    yes = [r for r in proposal.reviews if r.vote is Vote.APPROVE and r.actor != proposal.author]
    left = {role: wanted - sum(role in r.roles for r in yes) for role, wanted in proposal.roles.items()}
    return {role: count for role, count in left.items() if count > 0}


def checked_roles(roles: Mapping[str, int] | None) -> dict[str, int]:
    """How many must approve in which role, if that can be asked.

    Raises:
        InvalidInput: a role is asked for fewer than one or more than twenty times, or has no name.
    """
    for role, count in (roles or {}).items():
        if not role or " " in role or not 1 <= count <= _MOST_APPROVALS:
            raise InvalidInput(f"the role {role[:40]!r} is asked for {count} times; ask for a role 1 to 20 times")
    return dict(roles or {})


def with_review(reviews: Sequence[Review], new: Review) -> tuple[Review, ...]:
    """The reviews with a new one; an actor's last word counts."""
    return (*(r for r in reviews if r.actor != new.actor), new)


def closed(results: Sequence[GateResult]) -> list[GateResult]:
    """The gates that stand closed."""
    return [r for r in results if not r.outcome.opens]


def obstacle(proposal: Proposal, *, gates: int) -> str | None:
    """Why it cannot be merged now; None if it can. `gates` is how many its model declares."""
    missing = proposal.needed - len(approvers(proposal))
    if missing > 0:
        return f"{missing} more approval{'s' if missing > 1 else ''} by others than its author"
    if lacking := missing_roles(proposal):
        return "approval in the role " + " and ".join(f"{role} ({count})" for role, count in lacking.items())
    if gates and proposal.gates_ms is None:
        return f"its gates were not run; run them: yard registry run-gates {proposal.name} {proposal.number}"
    if proposal.stale and gates:
        return f"{proposal.stale_because}; run them again: yard registry run-gates {proposal.name} {proposal.number}"
    if shut := closed(proposal.results):
        return "closed: " + "; ".join(map(_shut, shut[:5]))
    return None


def check_mergeable(proposal: Proposal, *, gates: int) -> None:
    """Refuse a merge that must not be.

    Raises:
        Conflict: the proposal is over.
        GateClosed: approvals are missing, or gates are closed, unasked or stale.
    """
    check_open(proposal)
    if (why := obstacle(proposal, gates=gates)) is not None:
        raise GateClosed(f"{proposal.ref} cannot be merged: {why}")


def waived(
    results: Sequence[GateResult], gate: str, *, actor: ActorId, reason: str, until_ms: int | None = None
) -> tuple[GateResult, ...] | None:
    """The results with one gate waived that has not passed; None if there is no such gate."""
    if not any(r.gate == gate and r.outcome is not Outcome.PASSED for r in results):
        return None
    return tuple(_waived(r, actor, reason, until_ms) if r.gate == gate else r for r in results)


def _waived(result: GateResult, actor: ActorId, reason: str, until_ms: int | None) -> GateResult:
    itself = result.waived_from if result.outcome is Outcome.WAIVED else result.outcome
    return replace(
        result, outcome=Outcome.WAIVED, waived_by=actor, waived_because=reason, waived_until_ms=until_ms,
        waived_from=itself,
    )  # fmt: skip


def waiver_end(until: str | None, now_ms: int) -> int | None:
    """When a waiver ends that is to hold until a written moment.

    Raises:
        InvalidInput: that is no moment, or it is past.
    """
    if until is None:
        return None
    end_ms = moment_of(until)
    if end_ms <= now_ms:
        raise InvalidInput(f"a waiver ends at a moment to come; {said(end_ms)} is past, now is {said(now_ms)}")
    return end_ms


def as_of(results: Sequence[GateResult], now_ms: int) -> tuple[GateResult, ...]:
    """The results at a moment: where a waiver has ended, the gate says again what it said itself."""
    return tuple(
        replace(r, outcome=r.waived_from or Outcome.FAILED)
        if r.outcome is Outcome.WAIVED and r.waived_until_ms is not None and r.waived_until_ms <= now_ms
        else r
        for r in results
    )


def _shut(result: GateResult) -> str:
    """A closed gate for people, with the end of its waiver."""
    if result.waiver_ended and result.waived_until_ms is not None:
        return f"{result.gate} ({result.text}; its waiver ended {said(result.waived_until_ms)})"
    return f"{result.gate} ({result.text})"
