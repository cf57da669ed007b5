"""Rows of what came in from other stores: which models, and the columns that are as they were there."""

from __future__ import annotations

from modelyard.ports.database import Transaction
from modelyard.ports.statements import sql
from modelyard.registry.api import Model, ModelVersion

_MARK = sql("INSERT INTO registry_adoption (model, source) VALUES (:model, :source) ON CONFLICT (model) DO NOTHING")
_FROM = sql("SELECT source FROM registry_adoption WHERE model = :model")
_MODEL = sql(
    "UPDATE registry_model SET description = :description, created_ms = :created, updated_ms = :updated "
    "WHERE id = :model"
)
_COUNT = sql("UPDATE registry_model SET last_version = :number WHERE id = :model AND last_version < :number")
_VERSION = sql(
    "UPDATE registry_version SET status = :status, stage = :stage, created_ms = :created, updated_ms = :updated, "
    "created_by = :actor WHERE id = :version"
)


def mark(tx: Transaction, model: int, source: str) -> None:
    """Note where a model is from."""
    tx.run(_MARK, {"model": model, "source": source})


def source_of(tx: Transaction, model: int) -> str | None:
    """Where a model is from; None if it is of this yard."""
    row = tx.one(_FROM, {"model": model})
    return str(row[0]) if row else None


def put_model(tx: Transaction, model: int, one: Model) -> None:
    """Words and times as they were; numbers that were given there are not given again."""
    tx.run(_COUNT, {"model": model, "number": one.last_version})
    row = {"model": model, "description": one.description, "created": one.created_ms, "updated": one.updated_ms}
    tx.run(_MODEL, row)


def put_version(tx: Transaction, model: int, version: int, one: ModelVersion) -> None:
    """Status, stage, times and author as they were; the number is never given again."""
    tx.run(_COUNT, {"model": model, "number": one.version})
    tx.run(
        _VERSION,
        {
            "version": version, "status": one.status.value, "stage": one.stage.value, "created": one.created_ms,
            "updated": one.updated_ms, "actor": one.created_by,
        },
    )  # fmt: skip
