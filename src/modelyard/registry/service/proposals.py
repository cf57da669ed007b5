"""Proposals: opened, judged by gates and by others, merged or ended. States and votes are decided in `model`."""

from __future__ import annotations

from msgspec.structs import replace

from modelyard.kernel.errors import Conflict, Forbidden
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Objects
from modelyard.registry.api import (
    DataTimes,
    Gate,
    GateKind,
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
    Vote,
)
from modelyard.registry.api.gates import GateOperations
from modelyard.registry.api.proposals import ProposalOperations
from modelyard.registry.model import reviewing
from modelyard.registry.service import moves
from modelyard.registry.service.differences import Differences
from modelyard.registry.service.evaluations import rows_of
from modelyard.registry.service.found import model_of, model_ref, version_of
from modelyard.registry.service.reviewed import Reviewed, emit
from modelyard.registry.store import aliases, attestations, models, versions
from modelyard.registry.store import proposals as store

_FIRST = 2**62


class Proposals(Reviewed, GateOperations, ProposalOperations):
    """The operations on proposals and gates."""

    _objects: Objects
    _differences: Differences
    _times: DataTimes

    def gates(self, name: str) -> GatePolicy:
        """Show what a model asks of proposals."""
        tx = calls.current().tx
        return store.policy(tx, model_of(tx, name)[0], name)

    def declare_gates(
        self, name: str, gates: list[Gate], approvals: int = 1, roles: dict[str, int] | None = None
    ) -> GatePolicy:
        """Say what a model asks of proposals from now on."""
        from modelyard.registry.model.gates import check

        call = calls.current()
        model, _ = model_of(call.tx, name)
        check(gates)
        wanted = reviewing.checked_roles(roles)
        store.declare(call.tx, model, gates, approvals=approvals, roles=wanted, actor=call.actor.id, now_ms=call.now_ms)
        for each in store.under_way(call.tx, model):  # they answer to what is asked now
            asked = replace(each, needed=approvals, roles=wanted)
            store.unask(call.tx, replace(asked, state=reviewing.state_of(asked)), call.now_ms)
        call.emit(
            GatesDeclared(name=name, gates=tuple(g.name for g in gates), approvals=approvals), writes=[model_ref(name)]
        )
        return store.policy(call.tx, model, name)

    def check_gates(
        self, name: str, version: int, alias: str = "production", gates: list[Gate] | None = None
    ) -> list[GateResult]:
        """Ask a model's gates about a version, without a proposal."""
        from modelyard.registry.model.gates import check

        call = calls.current()
        model, _, _ = version_of(call.tx, name, version)
        check(gates or [])
        asked = store.policy(call.tx, model, name).gates if gates is None else tuple(gates)
        return self._ask(
            call.tx, model, name, version=version, champion=aliases.one(call.tx, model, alias), gates=asked
        )  # fmt: skip

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
            state=ProposalState.OPEN, needed=policy.approvals, roles=policy.roles,
            created_ms=call.now_ms, updated_ms=call.now_ms,
        )  # fmt: skip
        number = store.add(call.tx, model, replace(opened, state=reviewing.state_of(opened)))
        found = self._proposal(call.tx, name, number)[1]
        emit(
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
        return Page([self._judged(tx, model_of(tx, p.name)[0], p) for p in page.items], page.next)

    def proposal(self, name: str, number: int) -> Proposal:
        """Show one proposal."""
        return self._proposal(calls.current().tx, name, number)[1]

    def diff(self, name: str, number: int) -> ProposalDiff:
        """Show what would change."""
        tx = calls.current().tx
        model, proposal = self._proposal(tx, name, number)
        champion = proposal.champion if proposal.state.is_over else aliases.one(tx, model, proposal.alias)
        return self._differences.diff(
            tx, model, name=name, number=number, candidate=proposal.version, champion=champion
        )  # fmt: skip

    def compare(self, name: str, version: int, against: int) -> ProposalDiff:
        """Show how a version differs from another."""
        call = calls.current()
        model, _, _ = version_of(call.tx, name, version)
        version_of(call.tx, name, against)
        return self._differences.diff(call.tx, model, name=name, number=0, candidate=version, champion=against)

    def compare_ahead(self, name: str) -> None:
        """Compare what a model's proposals under way propose, and keep it, so that whoever looks does not wait."""
        tx = calls.current().tx
        known = models.one(tx, name)
        if known is None:
            return
        for each in store.under_way(tx, known[0]):
            if versions.one(tx, known[0], each.version) is not None:
                self.diff(name, each.number)

    def run_gates(self, name: str, number: int) -> Proposal:
        """Ask the gates, and keep what they said."""
        call = calls.current()
        model, before = self._proposal(call.tx, name, number)
        reviewing.check_open(before)
        version_of(call.tx, name, before.version)
        champion = aliases.one(call.tx, model, before.alias)
        policy = store.policy(call.tx, model, name)
        rests_on = store.basis(call.tx, model, before.version, champion)
        results = self._ask(call.tx, model, name, version=before.version, champion=champion, gates=policy.gates)

        def keep() -> Proposal:
            tx = calls.current().tx
            now = self._proposal(tx, name, number)[1]
            reviewing.check_open(now)
            if aliases.one(tx, model, before.alias) != champion or store.policy(tx, model, name) != policy:
                raise Conflict(f"{before.ref}: the alias or the gates changed while they were run; run them again")
            store.set_gates(
                tx, number, results, champion=champion, needed=policy.approvals, basis=rests_on, now_ms=call.now_ms
            )  # fmt: skip
            self._settle(tx, self._proposal(tx, name, number)[1])
            outcomes = {r.gate: r.outcome.value for r in results}
            emit(now, GatesRun(proposal=number, name=name, version=before.version, outcomes=outcomes))
            return self._proposal(tx, name, number)[1]

        return call.unit(keep)

    def waive(self, name: str, number: int, gate: str, reason: str, until: str | None = None) -> Proposal:
        """Let a proposal pass a closed gate, for a reason."""
        call = calls.current()
        _, before = self._proposal(call.tx, name, number)
        reviewing.check_open(before)
        reviewing.check_other(before, call.actor.id, "waiving a gate of")
        end_ms = reviewing.waiver_end(until, call.now_ms)
        results = reviewing.waived(before.results, gate, actor=call.actor.id, reason=reason, until_ms=end_ms)
        if results is None:
            known = ", ".join(r.gate for r in reviewing.closed(before.results)) or "none"
            raise Conflict(f"{before.ref} has no closed gate {gate}; closed now: {known}")
        store.set_results(call.tx, number, results, call.now_ms)
        emit(before, GateWaived(proposal=number, name=name, gate=gate, reason=reason, until_ms=end_ms))
        return self._proposal(call.tx, name, number)[1]

    def approve(self, name: str, number: int, note: str = "") -> Proposal:
        """Approve a proposal of somebody else."""
        before = self._vote(name, number, Vote.APPROVE, note)
        body = ProposalApproved(proposal=number, name=name, version=before.version, alias=before.alias, note=note)
        emit(before, body)
        return self._proposal(calls.current().tx, name, number)[1]

    def decline(self, name: str, number: int, note: str = "") -> Proposal:
        """Decline a proposal."""
        before = self._vote(name, number, Vote.DECLINE, note)
        body = ProposalDeclined(proposal=number, name=name, version=before.version, alias=before.alias, note=note)
        emit(before, body)
        return self._proposal(calls.current().tx, name, number)[1]

    def withdraw(self, name: str, number: int) -> Proposal:
        """Take your own proposal back."""
        call = calls.current()
        _, before = self._proposal(call.tx, name, number)
        reviewing.check_open(before)
        if call.actor.id != before.author:
            raise Forbidden(f"{before.ref} is not yours to withdraw; decline it: yard registry decline {name} {number}")
        store.set_state(call.tx, number, ProposalState.WITHDRAWN, call.now_ms)
        body = ProposalWithdrawn(proposal=number, name=name, version=before.version, alias=before.alias)
        emit(before, body)
        return self._proposal(call.tx, name, number)[1]

    def merge(self, name: str, number: int) -> Proposal:
        """Merge an approved proposal."""
        call = calls.current()
        model, before = self._proposal(call.tx, name, number)
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
        emit(
            before,
            ProposalMerged(
                proposal=number, name=name, version=before.version, alias=before.alias, before=moved.before,
                approvers=approvers,
            ),
        )  # fmt: skip
        return self._proposal(call.tx, name, number)[1]

    def _ask(
        self, tx: Transaction, model: int, name: str, *, version: int, champion: int | None, gates: tuple[Gate, ...]
    ) -> list[GateResult]:  # fmt: skip
        from modelyard.registry.model.gates import Bid, ask

        _, inside, one = version_of(tx, name, version)
        aged = any(g.kind is GateKind.DATA_AGE for g in gates)
        bid = Bid(
            candidate=one,
            told=attestations.of_version(tx, inside, name=name, number=version),
            data_ms={r: self._times.made_ms(r) for r in one.reads} if aged else {},
            champion=versions.ever(tx, model, champion) if champion is not None else None,
            tried=self._differences.tried(tx, model, version),
            champion_tried=self._differences.tried(tx, model, champion) if champion is not None else [],
            rows=lambda one: rows_of(self._objects, one),
            now_ms=calls.current().now_ms,
        )
        return [ask(gate, bid) for gate in gates]
