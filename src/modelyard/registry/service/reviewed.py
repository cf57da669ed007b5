"""A proposal as things stand now: what it waits for, whose yes counts, and whether its judgement is out of date."""

from __future__ import annotations

from msgspec.structs import replace

from modelyard.kernel.errors import NotFound
from modelyard.kernel.events import News
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.registry.api import People, Proposal, Review, Vote
from modelyard.registry.model import reviewing
from modelyard.registry.service.found import model_of, model_ref
from modelyard.registry.store import aliases
from modelyard.registry.store import proposals as store


class Reviewed:
    """Reads proposals, and keeps what others say of them."""

    _people: People

    def _proposal(self, tx: Transaction, name: str, number: int) -> tuple[int, Proposal]:
        """A proposal and the number of its model.

        Raises:
            NotFound: the model has no such proposal.
        """
        model, _ = model_of(tx, name)
        one = store.one(tx, model, number)
        if one is None:
            raise NotFound(f"{name} has no proposal {number}; list them: yard registry proposals --name {name}")
        return model, self._judged(tx, model, one)

    def _judged(self, tx: Transaction, model: int, one: Proposal) -> Proposal:
        """With what follows from how things stand now."""
        policy = store.policy(tx, model, one.name)
        one = replace(one, roles=policy.roles)
        if one.state.is_over:
            return one
        results = reviewing.as_of(one.results, calls.current().now_ms)
        one = replace(one, results=results, reviews=tuple(self._standing(r, one.name) for r in one.reviews))
        champion = aliases.one(tx, model, one.alias)
        why = ""
        if one.gates_ms is not None and champion != one.champion:
            why = f"the alias {one.alias} moved since its gates were run"
        elif one.gates_ms is not None and one.basis and one.basis != store.basis(tx, model, one.version, champion):
            why = "evaluations, tests or the scan changed since its gates were run"
        one = replace(one, stale=bool(why), stale_because=why)
        waits = reviewing.obstacle(one, gates=len(policy.gates)) or ""
        return replace(one, waits_for=waits, ready=not waits)

    def _standing(self, review: Review, name: str) -> Review:
        """A review with those of its roles that its actor still holds."""
        held = self._people.roles_of(review.actor, model_ref(name)) if review.roles else frozenset()
        return replace(review, roles=tuple(r for r in review.roles if r in held))

    def _vote(self, name: str, number: int, vote: Vote, note: str) -> Proposal:
        """Keep somebody's word and what follows from it; the proposal as it was."""
        call = calls.current()
        _, before = self._proposal(call.tx, name, number)
        reviewing.check_open(before)
        reviewing.check_other(before, call.actor.id, "judging")
        roles = tuple(sorted(self._people.roles_of(call.actor.id, model_ref(name))))
        store.put_review(
            call.tx, number, Review(actor=call.actor.id, vote=vote, note=note, at_ms=call.now_ms, roles=roles)
        )
        self._settle(call.tx, self._proposal(call.tx, name, number)[1])
        return before

    def _settle(self, tx: Transaction, proposal: Proposal) -> None:
        """Bring a proposal to the state that its reviews make."""
        store.set_state(tx, proposal.number, reviewing.state_of(proposal), calls.current().now_ms)


def emit(proposal: Proposal, body: News) -> None:
    """Tell what happened to a proposal: it reads the version and writes the proposal."""
    call = calls.current()
    call.touch(proposal.ref)
    call.emit(body, reads=[model_ref(proposal.name, proposal.version)], writes=[proposal.ref])
