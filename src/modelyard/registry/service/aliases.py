"""Aliases and stages: moved, read, and looked up at any moment of the past."""

from __future__ import annotations

from modelyard.kernel.errors import GateClosed, InvalidInput, NotFound
from modelyard.kernel.pages import Page, encode_cursor, place_of
from modelyard.ports import calls
from modelyard.registry.api import AliasMove, Model, ModelStage, ModelVersion, StageMoved, Standing
from modelyard.registry.api.aliases import AliasOperations
from modelyard.registry.service import moves
from modelyard.registry.service.found import model_of, model_ref, version_of
from modelyard.registry.store import aliases as store
from modelyard.registry.store import models, versions

_FIRST = 2**62
_IN_USE = (ModelStage.STAGING, ModelStage.PRODUCTION)


class Aliases(AliasOperations):
    """The operations on aliases."""

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
        rows = store.moves(tx, number, name, alias=alias, before=before, limit=limit + 1)
        following = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
        return Page([done for _, done in rows[:limit]], following)

    def alias_at(self, name: str, alias: str, at_ms: int) -> Standing:
        """Say which version an alias stood for at a moment."""
        tx = calls.current().tx
        number, _ = model_of(tx, name)
        done = store.at(tx, number, name, alias=alias, at_ms=at_ms)
        one = versions.ever(tx, number, done.version) if done is not None and done.version is not None else None
        return Standing(name=name, alias=alias, at_ms=at_ms, version=one, move=done)

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
            versions.set_stage(call.tx, number, other, stage=there, now_ms=call.now_ms)
            call.emit(
                StageMoved(name=name, version=other, stage=there.value, before=since.value),
                reads=[model_ref(name, other)],
            )
        models.touch(call.tx, number, call.now_ms)
        return version_of(call.tx, name, version)[2]


def _direct(model: Model, what: str) -> None:
    if model.needs_proposal:
        raise GateClosed(
            f"{what} of {model.name} moves by merged proposals only; open one: "
            f"yard registry propose {model.name} VERSION --alias production"
        )
