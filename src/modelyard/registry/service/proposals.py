"""Proposals: opened, judged by gates and by others, merged or ended. States and votes are decided in `model`."""

from __future__ import annotations

from msgspec.structs import replace

from modelyard.kernel.errors import Conflict, Forbidden, NotFound
from modelyard.kernel.events import News
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Objects
from modelyard.registry.api import (
    Gate,
    GatePolicy,
    GateResult,
    GatesDeclared,
    GatesRun,
    GateWaived,
    Proposal,
    ProposalApproved,
    ProposalDeclined,
    ProposalDiff,
    ProposalMerged,
    ProposalOpened,
    ProposalState,
    ProposalWithdrawn,
    Review,
    Vote,
)
from modelyard.registry.api.gates import GateOperations
from modelyard.registry.api.proposals import ProposalOperations
from modelyard.registry.model import reviewing
from modelyard.registry.service import moves
from modelyard.registry.service.differences import Differences
from modelyard.registry.service.evaluations import rows_of
from modelyard.registry.service.found import model_of, model_ref, version_of
from modelyard.registry.store import aliases, models, versions
from modelyard.registry.store import proposals as store

_FIRST = 2**62


class Proposals(GateOperations, ProposalOperations):
    """The operations on proposals and gates."""

    _objects: Objects
    _differences: Differences

    def gates(self, name: str) -> GatePolicy:
        """Show what a model asks of proposals."""
        tx = calls.current().tx
        return store.policy(tx, model_of(tx, name)[0], name)

    def declare_gates(self, name: str, gates: list[Gate], approvals: int = 1) -> GatePolicy:
        """Say what a model asks of proposals from now on."""
        from modelyard.registry.model.gates import check

        call = calls.current()
        model, _ = model_of(call.tx, name)
        check(gates)
        store.declare(call.tx, model, gates, approvals=approvals, actor=call.actor.id, now_ms=call.now_ms)
        for each in store.under_way(call.tx, model):  # they answer to what is asked now
            asked = replace(each, needed=approvals)
            store.unask(call.tx, replace(asked, state=reviewing.state_of(asked)), call.now_ms)
        call.emit(
            GatesDeclared(name=name, gates=tuple(g.name for g in gates), approvals=approvals), writes=[model_ref(name)]
        )
        return store.policy(call.tx, model, name)

    def check_gates(self, name: str, version: int, alias: str = "production") -> list[GateResult]:
        """Ask a model's gates about a version, without a proposal."""
        call = calls.current()
        model, _, _ = version_of(call.tx, name, version)
        return self._ask(call.tx, model, name, version=version, champion=aliases.one(call.tx, model, alias))

    def propose(
        self, name: str, version: int, alias: str = "production", title: str = "", note: str = ""
    ) -> Proposal:  # fmt: skip
        """Propose that a version take an alias."""
        call = calls.current()
        model, _, _ = version_of(call.tx, name, version)
        champion = aliases.one(call.tx, model, alias)
        if champion == version:
            raise Conflict(f"{name} version {version} is {alias} already")
        if (other := store.pending(call.tx, model, version=version, alias=alias)) is not None:
            raise Conflict(f"proposal:{other} asks for the same; see it: yard registry proposal {name} {other}")
        policy = store.policy(call.tx, model, name)
        opened = Proposal(
            number=0, ref=Ref("proposal:0"), name=name, version=version, alias=alias, champion=champion,
            title=title or f"Make version {version} {alias}", note=note, author=call.actor.id,
            state=ProposalState.OPEN, needed=policy.approvals, created_ms=call.now_ms, updated_ms=call.now_ms,
        )  # fmt: skip
        number = store.add(call.tx, model, replace(opened, state=reviewing.state_of(opened)))
        found = _proposal(call.tx, name, number)[1]
        _emit(
            found,
            ProposalOpened(proposal=number, name=name, version=version, alias=alias, title=found.title),
        )
        return found

    def proposals(
        self, name: str | None = None, state: ProposalState | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Proposal]:
        """List proposals."""
        tx = calls.current().tx
        model = None if name is None else model_of(tx, name)[0]
        before = place_of(cursor, _FIRST)
        rows = store.find(tx, model=model, state=state, before=before, limit=limit + 1)
        page = page_of(rows, limit, lambda p: (p.number,))
        return Page([_judged(tx, model_of(tx, p.name)[0], p) for p in page.items], page.next)

    def proposal(self, name: str, number: int) -> Proposal:
        """Show one proposal."""
        return _proposal(calls.current().tx, name, number)[1]

    def diff(self, name: str, number: int) -> ProposalDiff:
        """Show what would change."""
        tx = calls.current().tx
        model, proposal = _proposal(tx, name, number)
        champion = proposal.champion if proposal.state.is_over else aliases.one(tx, model, proposal.alias)
        return self._differences.diff(tx, model, replace(proposal, champion=champion))

    def run_gates(self, name: str, number: int) -> Proposal:
        """Ask the gates, and keep what they said."""
        call = calls.current()
        model, before = _proposal(call.tx, name, number)
        reviewing.check_open(before)
        version_of(call.tx, name, before.version)
        champion = aliases.one(call.tx, model, before.alias)
        policy = store.policy(call.tx, model, name)
        results = self._ask(call.tx, model, name, version=before.version, champion=champion)

        def keep() -> Proposal:
            tx = calls.current().tx
            now = _proposal(tx, name, number)[1]
            reviewing.check_open(now)
            if aliases.one(tx, model, before.alias) != champion or store.policy(tx, model, name) != policy:
                raise Conflict(f"{before.ref}: the alias or the gates changed while they were run; run them again")
            store.set_gates(
                tx, number, results, champion=champion, needed=policy.approvals, now_ms=call.now_ms
            )  # fmt: skip
            _settle(tx, _proposal(tx, name, number)[1])
            outcomes = {r.gate: r.outcome.value for r in results}
            _emit(now, GatesRun(proposal=number, name=name, version=before.version, outcomes=outcomes))
            return _proposal(tx, name, number)[1]

        return call.unit(keep)

    def waive(self, name: str, number: int, gate: str, reason: str) -> Proposal:
        """Let a proposal pass a closed gate, for a reason."""
        call = calls.current()
        _, before = _proposal(call.tx, name, number)
        reviewing.check_open(before)
        reviewing.check_other(before, call.actor.id, "waiving a gate of")
        results = reviewing.waived(before.results, gate, actor=call.actor.id, reason=reason)
        if results is None:
            known = ", ".join(r.gate for r in reviewing.closed(before.results)) or "none"
            raise Conflict(f"{before.ref} has no closed gate {gate}; closed now: {known}")
        store.set_results(call.tx, number, results, call.now_ms)
        _emit(before, GateWaived(proposal=number, name=name, gate=gate, reason=reason))
        return _proposal(call.tx, name, number)[1]

    def approve(self, name: str, number: int, note: str = "") -> Proposal:
        """Approve a proposal of somebody else."""
        before = _vote(name, number, Vote.APPROVE, note)
        body = ProposalApproved(proposal=number, name=name, version=before.version, alias=before.alias, note=note)
        _emit(before, body)
        return _proposal(calls.current().tx, name, number)[1]

    def decline(self, name: str, number: int, note: str = "") -> Proposal:
        """Decline a proposal."""
        before = _vote(name, number, Vote.DECLINE, note)
        body = ProposalDeclined(proposal=number, name=name, version=before.version, alias=before.alias, note=note)
        _emit(before, body)
        return _proposal(calls.current().tx, name, number)[1]

    def withdraw(self, name: str, number: int) -> Proposal:
        """Take your own proposal back."""
        call = calls.current()
        _, before = _proposal(call.tx, name, number)
        reviewing.check_open(before)
        if call.actor.id != before.author:
            raise Forbidden(f"{before.ref} is not yours to withdraw; decline it: yard registry decline {name} {number}")
        store.set_state(call.tx, number, ProposalState.WITHDRAWN, call.now_ms)
        body = ProposalWithdrawn(proposal=number, name=name, version=before.version, alias=before.alias)
        _emit(before, body)
        return _proposal(call.tx, name, number)[1]

    def merge(self, name: str, number: int) -> Proposal:
        """Merge an approved proposal."""
        call = calls.current()
        model, before = _proposal(call.tx, name, number)
        reviewing.check_open(before)
        version_of(call.tx, name, before.version)
        reviewing.check_mergeable(before, gates=len(store.policy(call.tx, model, name).gates))
        approvers = reviewing.approvers(before)
        head = model_of(call.tx, name)[1]
        moved = moves.move(
            call, model, head, alias=before.alias, version=before.version, proposal=number, approvers=approvers
        )
        store.set_merged(call.tx, number, call.actor.id, call.now_ms)
        models.touch(call.tx, model, call.now_ms)
        _emit(
            before,
            ProposalMerged(
                proposal=number, name=name, version=before.version, alias=before.alias, before=moved.before,
                approvers=approvers,
            ),
        )  # fmt: skip
        return _proposal(call.tx, name, number)[1]

    def _ask(
        self, tx: Transaction, model: int, name: str, *, version: int, champion: int | None
    ) -> list[GateResult]:  # fmt: skip
        from modelyard.registry.model.gates import Bid, ask

        policy = store.policy(tx, model, name)
        bid = Bid(
            candidate=version_of(tx, name, version)[2],
            champion=versions.ever(tx, model, champion) if champion is not None else None,
            tried=self._differences.tried(tx, model, version),
            champion_tried=self._differences.tried(tx, model, champion) if champion is not None else [],
            rows=lambda one: rows_of(self._objects, one),
            now_ms=calls.current().now_ms,
        )
        return [ask(gate, bid) for gate in policy.gates]


def _proposal(tx: Transaction, name: str, number: int) -> tuple[int, Proposal]:
    """A proposal and the number of its model.

    Raises:
        NotFound: the model has no such proposal.
    """
    model, _ = model_of(tx, name)
    one = store.one(tx, model, number)
    if one is None:
        raise NotFound(f"{name} has no proposal {number}; list them: yard registry proposals --name {name}")
    return model, _judged(tx, model, one)


def _judged(tx: Transaction, model: int, one: Proposal) -> Proposal:
    """With what follows from how things stand now."""
    if one.state.is_over:
        return one
    policy = store.policy(tx, model, one.name)
    moved = aliases.one(tx, model, one.alias) != one.champion
    one = replace(one, stale=one.gates_ms is not None and moved)
    return replace(one, ready=reviewing.obstacle(one, gates=len(policy.gates)) is None)


def _vote(name: str, number: int, vote: Vote, note: str) -> Proposal:
    """Keep somebody's word and what follows from it; the proposal as it was."""
    call = calls.current()
    _, before = _proposal(call.tx, name, number)
    reviewing.check_open(before)
    reviewing.check_other(before, call.actor.id, "judging")
    store.put_review(call.tx, number, Review(actor=call.actor.id, vote=vote, note=note, at_ms=call.now_ms))
    _settle(call.tx, _proposal(call.tx, name, number)[1])
    return before


def _settle(tx: Transaction, proposal: Proposal) -> None:
    """Bring a proposal to the state that its reviews make."""
    store.set_state(tx, proposal.number, reviewing.state_of(proposal), calls.current().now_ms)


def _emit(proposal: Proposal, body: News) -> None:
    """Tell what happened to a proposal: it reads the version and writes the proposal."""
    call = calls.current()
    call.touch(proposal.ref)
    call.emit(body, reads=[model_ref(proposal.name, proposal.version)], writes=[proposal.ref])
