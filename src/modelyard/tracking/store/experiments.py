"""Experiments and their tags."""

from __future__ import annotations

from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import cached, in_params, sql
from modelyard.tracking.api import DatasetSummary, Experiment, Stage

_COLUMNS = "id, name, stage, location, created_ms, updated_ms"
_ADD = sql(
    "INSERT INTO tracking_experiment (name, stage, location, created_ms, updated_ms) "
    "VALUES (:name, 'active', :location, :now, :now) ON CONFLICT (id) DO NOTHING RETURNING id"
)
_SPENT = sql("SELECT s.experiment, (SELECT max(id) FROM tracking_experiment) FROM tracking_spent s WHERE s.one = 1")
_RENUMBER = sql("UPDATE tracking_experiment SET id = :wanted WHERE id = :id")
_BY_ID = sql(f"SELECT {_COLUMNS} FROM tracking_experiment WHERE id = :id")
_BY_NAME = sql(f"SELECT {_COLUMNS} FROM tracking_experiment WHERE name = :name")
_RENAME = sql("UPDATE tracking_experiment SET name = :name, updated_ms = :now WHERE id = :id")
_STAGE = sql("UPDATE tracking_experiment SET stage = :stage, updated_ms = :now WHERE id = :id")
_RUN_STAGES = sql("UPDATE tracking_run SET stage = :stage, deleted_ms = :deleted WHERE experiment = :id")
_PUT_TAG = sql(
    "INSERT INTO tracking_experiment_tag (experiment, key, value) VALUES (:id, :key, :value) "
    "ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value"
)
_DROP_TAG = sql("DELETE FROM tracking_experiment_tag WHERE experiment = :id AND key = :key")


def add(tx: Transaction, *, name: str, location: str, now_ms: int) -> int:
    """Make an experiment; its number, which is passed over where one from another store has it."""
    while True:
        row = tx.one(_ADD, {"name": name, "location": location, "now": now_ms})
        if row is not None:
            return _unspent(tx, int(row[0]))


def _unspent(tx: Transaction, number: int) -> int:
    """The number, or a higher one where an experiment that is gone for good may have had it."""
    row = tx.one(_SPENT)
    if row is None or number > row[0]:
        return number
    fresh = int(max(row)) + 1
    tx.run(_RENUMBER, {"id": number, "wanted": fresh})
    return fresh


def by_id(tx: Transaction, number: int) -> Experiment | None:
    """The experiment of that number."""
    return _one(tx, tx.one(_BY_ID, {"id": number}))


def place(tx: Transaction, number: int) -> tuple[Stage, str] | None:
    """Its stage, and where its files go."""
    row = tx.one(_BY_ID, {"id": number})
    return (Stage(row[2]), row[3] or default_location(number)) if row else None


def by_name(tx: Transaction, name: str) -> Experiment | None:
    """The experiment of that name."""
    return _one(tx, tx.one(_BY_NAME, {"name": name}))


def rename(tx: Transaction, number: int, *, name: str, now_ms: int) -> None:
    """Give it another name."""
    tx.run(_RENAME, {"id": number, "name": name, "now": now_ms})


def set_stage(tx: Transaction, number: int, *, stage: Stage, now_ms: int) -> None:
    """Set it and its runs aside, or bring them back."""
    deleted = now_ms if stage is Stage.DELETED else None
    tx.run(_STAGE, {"id": number, "stage": stage.value, "now": now_ms})
    tx.run(_RUN_STAGES, {"id": number, "stage": stage.value, "deleted": deleted})


def put_tags(tx: Transaction, number: int, tags: dict[str, str]) -> None:
    """Set tags."""
    if tags:
        tx.many(_PUT_TAG, [{"id": number, "key": k, "value": v} for k, v in tags.items()])


def drop_tag(tx: Transaction, number: int, key: str) -> bool:
    """Remove a tag; False if there was none."""
    return tx.run(_DROP_TAG, {"id": number, "key": key}) > 0


def hydrate(tx: Transaction, rows: list[Row]) -> list[Experiment]:
    """Experiments from rows of their columns, with their tags."""
    if not rows:
        return []
    inside, params = in_params("e", [int(row[0]) for row in rows])
    tags: dict[int, dict[str, str]] = {}
    text = f"SELECT experiment, key, value FROM tracking_experiment_tag WHERE experiment IN ({inside})"
    for number, key, value in tx.all(cached(text), params):
        tags.setdefault(number, {})[key] = value
    return [
        Experiment(
            id=str(number), name=name, stage=Stage(stage), artifact_location=location or default_location(number),
            created_ms=created, updated_ms=updated, tags=tags.get(number, {}),
        )
        for number, name, stage, location, created, updated in rows
    ]  # fmt: skip


def default_location(number: int) -> str:
    """Where the files of an experiment go that named no place of its own: through this yard."""
    return f"mlflow-artifacts:/{number}"


def _one(tx: Transaction, row: Row | None) -> Experiment | None:
    return hydrate(tx, [row])[0] if row else None


def datasets(tx: Transaction, experiments: list[int], limit: int) -> list[DatasetSummary]:
    """Which datasets their runs used, and in what part."""
    if not experiments:
        return []
    inside, params = in_params("e", experiments)
    text = (
        "SELECT DISTINCT d.experiment, d.name, d.digest, i.context FROM tracking_dataset d "
        f"JOIN tracking_input i ON i.dataset = d.id WHERE d.experiment IN ({inside}) "
        "ORDER BY d.experiment, d.name, d.digest, i.context LIMIT :n"
    )
    return [
        DatasetSummary(experiment=str(e), name=n, digest=d, context=c)
        for e, n, d, c in tx.all(cached(text), {**params, "n": limit})
    ]
