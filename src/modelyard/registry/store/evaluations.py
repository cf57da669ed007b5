"""Rows of evaluations: their figures as one document, their rows as an object elsewhere."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import sql
from modelyard.registry.api import Comparison, Evaluation, Figure, Flips, GroupGap, Task

_ADD = sql(
    "INSERT INTO registry_evaluation (version, dataset, rows_key, digest, body, at_ms, actor) VALUES "
    "(:version, :dataset, :rows_key, :digest, :body, :now, :actor) RETURNING id"
)
_OF = sql(
    "SELECT id, dataset, rows_key, digest, body, at_ms, actor FROM registry_evaluation "
    "WHERE version = :version AND id < :before ORDER BY id DESC LIMIT :n"
)
_COMPARED = sql("SELECT body FROM registry_comparison WHERE candidate = :candidate AND champion = :champion")
_KEEP = sql(
    "INSERT INTO registry_comparison (candidate, champion, body) VALUES (:candidate, :champion, :body) "
    "ON CONFLICT (candidate, champion) DO NOTHING"
)


class Measured(Struct, frozen=True, kw_only=True):
    """What an evaluation's row keeps as one document."""

    task: Task
    rows: int
    threshold: float
    figures: tuple[Figure, ...]
    gaps: tuple[GroupGap, ...]
    data: Ref | None = None


class Compared(Struct, frozen=True):
    """What the comparison of two evaluations found, as it is kept."""

    metrics: tuple[Comparison, ...]
    flips: Flips


_measured = msgspec.json.Decoder(Measured)
_comparisons = msgspec.json.Decoder(Compared)


def add(
    tx: Transaction, version: int, measured: Measured, *, dataset: str, rows_key: str, digest: str, actor: ActorId,
    now_ms: int,
) -> int:  # fmt: skip
    """Enter an evaluation; its number."""
    row = tx.one(
        _ADD,
        {
            "version": version, "dataset": dataset, "rows_key": rows_key, "digest": digest, "now": now_ms,
            "actor": actor, "body": msgspec.json.encode(measured),
        },
    )  # fmt: skip
    return int(row[0]) if row else 0


def of_version(
    tx: Transaction, version: int, *, name: str, number: int, before: int = 2**62, limit: int = 50
) -> list[Evaluation]:
    """A version's evaluations numbered below `before`, newest first."""
    rows = tx.all(_OF, {"version": version, "before": before, "n": limit})
    return [_evaluation(row, name, number) for row in rows]


def _evaluation(row: Row, name: str, number: int) -> Evaluation:
    id_, dataset, rows_key, digest, body, at_ms, actor = row
    said = _measured.decode(body)
    return Evaluation(
        id=id_, name=name, version=number, dataset=dataset, rows_key=rows_key, digest=digest, at_ms=at_ms,
        by=ActorId(actor), task=said.task, rows=said.rows, threshold=said.threshold, figures=said.figures,
        gaps=said.gaps, data=said.data,
    )  # fmt: skip


def compared(tx: Transaction, candidate: int, champion: int) -> Compared | None:
    """What was found when two evaluations were compared; None if they never were."""
    row = tx.one(_COMPARED, {"candidate": candidate, "champion": champion})
    return _comparisons.decode(row[0]) if row else None


def keep_comparison(tx: Transaction, candidate: int, champion: int, found: Compared) -> None:
    """Keep what a comparison found: its rows never change, so neither does it."""
    body = msgspec.json.encode(found)
    tx.run(_KEEP, {"candidate": candidate, "champion": champion, "body": body})
