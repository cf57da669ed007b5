"""Aliases and stages: moved, read, and looked up at any moment of the past."""

from __future__ import annotations

from modelyard.kernel.errors import GateClosed, InvalidInput, NotFound
from modelyard.kernel.pages import Page, place_of, placed_page
from modelyard.ports import calls
from modelyard.registry.api import (
    AliasMove,
    Approval,
    Model,
    ModelStage,
    ModelVersion,
    People,
    Proposal,
    StageMove,
    StageStanding,
    Standing,
    Vote,
)
from modelyard.registry.api.aliases import AliasOperations
from modelyard.registry.model import standing
from modelyard.registry.service import moves
from modelyard.registry.service.found import model_of, version_of
from modelyard.registry.store import aliases as store
from modelyard.registry.store import models, proposals, stages, versions

_FIRST = 2**62
_IN_USE = (ModelStage.STAGING, ModelStage.PRODUCTION)


class Aliases(AliasOperations):
    """The operations on aliases."""

    _people: People

    def set_alias(self, name: str, alias: str, version: int) -> AliasMove:
        """Point an alias at a version."""
        call = calls.current()
        number, _, _ = version_of(call.tx, name, version)
        model = model_of(call.tx, name)[1]
        _direct(model, f"the alias {alias}")
        models.touch(call.tx, number, call.now_ms)
        return moves.move(call, number, model, alias=alias, version=version)

    def aliased(self, name: str, alias: str) -> ModelVersion:
        """Show the version that an alias stands for."""
        tx = calls.current().tx
        number, model = model_of(tx, name)
        version = store.one(tx, number, alias)
        if version is None:
            known = ", ".join(model.aliases) or "none"
            raise NotFound(f"Registered model alias {alias} not found; {name} has {known}")
        return version_of(tx, name, version)[2]

    def delete_alias(self, name: str, alias: str) -> None:
        """Take an alias away."""
        call = calls.current()
        number, model = model_of(call.tx, name)
        if alias not in model.aliases:
            return
        _direct(model, f"the alias {alias}")
        models.touch(call.tx, number, call.now_ms)
        moves.move(call, number, model, alias=alias, version=None)

    def alias_history(
        self, name: str, alias: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[AliasMove]:
        """List every move of a model's aliases."""
        tx = calls.current().tx
        number, _ = model_of(tx, name)
        before = place_of(cursor, _FIRST)
        return placed_page(store.moves(tx, number, name, alias=alias, before=before, limit=limit + 1), limit)

    def alias_at(self, name: str, alias: str, at: str) -> Standing:
        """Say what an alias stood for at a moment, who had set it and on whose approval."""
        tx, at_ms = calls.current().tx, standing.moment_of(at)
        number, _ = model_of(tx, name)
        done = store.at(tx, number, name, alias=alias, at_ms=at_ms)
        who = self._people.name_of(done.actor) if done is not None else ""
        merged = proposals.one(tx, number, done.proposal) if done is not None and done.proposal is not None else None
        yes = self._approvals(done, merged) if done is not None else ()
        return Standing(
            name=name, alias=alias, at_ms=at_ms, move=done, set_by=who, proposal=merged, approvals=yes,
            version=versions.ever(tx, number, done.version) if done is not None and done.version is not None else None,
            says=standing.alias_sentence(name, alias, at_ms, move=done, set_by=who, approvals=yes),
        )  # fmt: skip

    def _approvals(self, done: AliasMove, merged: Proposal | None) -> tuple[Approval, ...]:
        """The yeses that a merge counted, with the words that went with them."""
        words = {r.actor: r for r in merged.reviews if r.vote is Vote.APPROVE} if merged is not None else {}
        return tuple(
            Approval(
                actor=actor, name=self._people.name_of(actor), note=words[actor].note if actor in words else "",
                at_ms=words[actor].at_ms if actor in words else done.at_ms,
            )
            for actor in done.approvers
        )  # fmt: skip

    def stage_history(
        self, name: str, version: int | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[StageMove]:
        """List every move between stages."""
        tx = calls.current().tx
        number, _ = model_of(tx, name)
        before = place_of(cursor, _FIRST)
        return placed_page(stages.moves(tx, number, name, version=version, before=before, limit=limit + 1), limit)

    def stage_at(self, name: str, stage: ModelStage, at: str) -> StageStanding:
        """Say which versions were in a stage at a moment."""
        tx, at_ms = calls.current().tx, standing.moment_of(at)
        number, _ = model_of(tx, name)
        found = stages.at(tx, number, name, stage=stage, at_ms=at_ms)
        told = [(done, self._people.name_of(done.actor)) for done in found]
        return StageStanding(
            name=name, stage=stage, at_ms=at_ms, moves=tuple(found),
            says=standing.stage_sentence(name, stage.value, at_ms, told),
        )  # fmt: skip

    def set_stage(
        self, name: str, version: int, stage: ModelStage, *, archive_existing: bool = False
    ) -> ModelVersion:  # fmt: skip
        """Move a version to one of MLflow's stages."""
        call = calls.current()
        number, _, before = version_of(call.tx, name, version)
        if archive_existing and stage not in _IN_USE:
            raise InvalidInput(f"archiving what is there goes with Staging and Production, not with {stage.value}")
        if stage is ModelStage.PRODUCTION or before.stage is ModelStage.PRODUCTION or archive_existing:
            _direct(model_of(call.tx, name)[1], "the stage Production")
        leaving = versions.in_stage(call.tx, number, stage) if archive_existing else []
        for other, there, since in [
            *((v, ModelStage.ARCHIVED, stage) for v in leaving if v != version),
            (version, stage, before.stage),
        ]:
            moves.move_stage(call, number, name, version=other, stage=there, before=since)
        models.touch(call.tx, number, call.now_ms)
        return version_of(call.tx, name, version)[2]


def _direct(model: Model, what: str) -> None:
    if model.needs_proposal:
        raise GateClosed(
            f"{what} of {model.name} moves by merged proposals only; open one: "
            f"yard registry propose {model.name} VERSION --alias production"
        )
