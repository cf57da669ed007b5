"""Rows of what came in from other stores: which it was, and the columns that are as they were there."""

from __future__ import annotations

from modelyard.ports.database import Transaction
from modelyard.ports.statements import sql
from modelyard.tracking.api import Experiment, LoggedModel, Run, Stage
from modelyard.tracking.api.adoption import Adopted, AdoptedKind

_MARK = sql(
    "INSERT INTO tracking_adoption (kind, source, id, target, made, done) "
    "VALUES (:kind, :source, :id, :target, :made, 0) "
    "ON CONFLICT (kind, source, id) DO NOTHING"
)
_FOUND = sql("SELECT target, made FROM tracking_adoption WHERE kind = :kind AND source = :source AND id = :id")
_DONE = sql("UPDATE tracking_adoption SET done = 1 WHERE kind = :kind AND source = :source AND id = :id")
_LIST = sql(
    "SELECT id, target FROM tracking_adoption WHERE kind = :kind AND source = :source AND done = 1 AND id > :after "
    "ORDER BY id LIMIT :n"
)
_NUMBER = sql("UPDATE tracking_experiment SET id = :wanted WHERE id = :id")
_EXPERIMENT = sql(
    "UPDATE tracking_experiment SET stage = :stage, created_ms = :created, updated_ms = :updated WHERE id = :id"
)
_RUN = sql(
    "UPDATE tracking_run SET name = :name, status = :status, user_id = :user, start_ms = :start, end_ms = :end, "
    "stage = :stage, deleted_ms = :deleted WHERE run = :run"
)
_MODEL = sql(
    "UPDATE tracking_model SET status = :status, created_ms = :created, updated_ms = :updated, stage = :stage "
    "WHERE model = :model"
)


def mark(tx: Transaction, kind: AdoptedKind, source: str, one: str, *, target: str, made: bool) -> None:
    """Note that a thing is coming in; `made`: its row was made for it."""
    tx.run(_MARK, {"kind": kind.value, "source": source, "id": one, "target": target, "made": int(made)})


def found(tx: Transaction, kind: AdoptedKind, source: str, one: str) -> tuple[str, bool] | None:
    """Where a thing of a store came to, and whether its row was made for it."""
    row = tx.one(_FOUND, {"kind": kind.value, "source": source, "id": one})
    return (row[0], bool(row[1])) if row else None


def complete(tx: Transaction, kind: AdoptedKind, source: str, one: str) -> None:
    """Note that all of a thing is here."""
    tx.run(_DONE, {"kind": kind.value, "source": source, "id": one})


def listed(tx: Transaction, kind: AdoptedKind, source: str, *, after: str, limit: int) -> list[Adopted]:
    """Complete things of a store behind an id."""
    rows = tx.all(_LIST, {"kind": kind.value, "source": source, "after": after, "n": limit})
    return [Adopted(kind=kind, id=one, target=target) for one, target in rows]


def renumber(tx: Transaction, number: int, wanted: int) -> None:
    """Give an experiment that nothing points to yet another number, which is free."""
    tx.run(_NUMBER, {"id": number, "wanted": wanted})


def put_experiment(tx: Transaction, number: int, one: Experiment) -> None:
    """Stage and times as they were."""
    row = {"id": number, "stage": one.stage.value, "created": one.created_ms, "updated": one.updated_ms}
    tx.run(_EXPERIMENT, row)


def put_run(tx: Transaction, one: Run, *, stage: Stage, now_ms: int) -> None:
    """All that a run's row says, as it was; `stage` is that of now."""
    tx.run(
        _RUN,
        {
            "run": one.id, "name": one.name, "status": one.status.value, "user": one.user, "start": one.start_ms,
            "end": one.end_ms, "stage": stage.value, "deleted": now_ms if stage is Stage.DELETED else None,
        },
    )  # fmt: skip


def put_model(tx: Transaction, one: LoggedModel, *, stage: Stage) -> None:
    """Status and times as they were; `stage` is that of now."""
    tx.run(
        _MODEL,
        {
            "model": one.id, "status": one.status.value, "created": one.created_ms, "updated": one.updated_ms,
            "stage": stage.value,
        },
    )  # fmt: skip
