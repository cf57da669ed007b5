"""Moving an alias or a version between stages: the row, the history and the news, always together."""

from __future__ import annotations

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.ports.calls import Call
from modelyard.registry.api import AliasMove, AliasMoved, Model, ModelStage, StageMove, StageMoved
from modelyard.registry.service.found import model_ref
from modelyard.registry.store import aliases, stages, versions


def move(
    call: Call, number: int, model: Model, *, alias: str, version: int | None, proposal: int | None = None,
    approvers: tuple[ActorId, ...] = (),
) -> AliasMove:  # fmt: skip
    """Point `alias` at `version` (None: take it away); the move. Within a transaction that may write."""
    before = aliases.one(call.tx, number, alias)
    done = AliasMove(
        name=model.name, alias=alias, version=version, before=before, at_ms=call.now_ms, actor=call.actor.id,
        proposal=proposal, approvers=approvers,
    )  # fmt: skip
    if before == version:
        return done
    aliases.move(call.tx, number, done)
    reads = [] if version is None else [model_ref(model.name, version)]
    if proposal is not None:
        reads.append(ref("proposal", str(proposal)))
    call.emit(
        AliasMoved(
            name=model.name, alias=alias, version=version, before=before, proposal=proposal, approvers=approvers
        ),
        reads=reads,
        writes=[model_ref(model.name, alias)],
    )
    return done


def move_stage(
    call: Call, number: int, name: str, *, version: int, stage: ModelStage, before: ModelStage
) -> None:  # fmt: skip
    """Put a version into a stage. Within a transaction that may write."""
    versions.set_stage(call.tx, number, version, stage=stage, now_ms=call.now_ms)
    if stage is not before:
        stages.note(
            call.tx,
            number,
            StageMove(
                name=name, version=version, stage=stage, before=before, at_ms=call.now_ms, actor=call.actor.id
            ),
        )  # fmt: skip
    call.emit(
        StageMoved(name=name, version=version, stage=stage.value, before=before.value),
        reads=[model_ref(name, version)],
    )
