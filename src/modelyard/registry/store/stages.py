"""Rows of every move between MLflow's stages."""

from __future__ import annotations

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import sql
from modelyard.registry.api import ModelStage, StageMove

_NOTE = sql(
    "INSERT INTO registry_stage_move (model, number, stage, before, at_ms, actor) "
    "VALUES (:model, :number, :stage, :before, :now, :actor)"
)
_COLUMNS = (
    "a.id, a.number, a.stage, a.before, a.at_ms, a.actor, (SELECT min(b.at_ms) FROM registry_stage_move b "
    "WHERE b.model = a.model AND b.number = a.number AND b.id > a.id)"
)
_MOVES = sql(
    f"SELECT {_COLUMNS} FROM registry_stage_move a WHERE a.model = :model AND a.id < :before "
    "ORDER BY a.id DESC LIMIT :n"
)
_MOVES_OF = sql(
    f"SELECT {_COLUMNS} FROM registry_stage_move a WHERE a.model = :model AND a.number = :number AND a.id < :before "
    "ORDER BY a.id DESC LIMIT :n"
)
_AT = sql(
    f"SELECT {_COLUMNS} FROM registry_stage_move a WHERE a.model = :model AND a.stage = :stage AND a.at_ms <= :at "
    "AND NOT EXISTS (SELECT 1 FROM registry_stage_move c WHERE c.model = a.model AND c.number = a.number "
    "AND c.id > a.id AND c.at_ms <= :at) ORDER BY a.number DESC"
)


def note(tx: Transaction, model: int, done: StageMove) -> None:
    """Note a move."""
    tx.run(
        _NOTE,
        {
            "model": model, "number": done.version, "stage": done.stage.value, "before": done.before.value,
            "now": done.at_ms, "actor": done.actor,
        },
    )  # fmt: skip


def moves(
    tx: Transaction, model: int, name: str, *, version: int | None, before: int, limit: int
) -> list[tuple[int, StageMove]]:
    """Moves with their places, newest first, those below `before`."""
    params = {"model": model, "before": before, "n": limit}
    rows = tx.all(_MOVES, params) if version is None else tx.all(_MOVES_OF, {**params, "number": version})
    return [(int(row[0]), _move(name, row)) for row in rows]


def at(tx: Transaction, model: int, name: str, *, stage: ModelStage, at_ms: int) -> list[StageMove]:
    """The moves that stood in a stage at a moment, the highest version first."""
    return [_move(name, row) for row in tx.all(_AT, {"model": model, "stage": stage.value, "at": at_ms})]


def _move(name: str, row: Row) -> StageMove:
    _, number, stage, before, at_ms, actor, until = row
    return StageMove(
        name=name, version=number, stage=ModelStage(stage), before=ModelStage(before), at_ms=at_ms,
        actor=ActorId(actor), until_ms=until,
    )  # fmt: skip
