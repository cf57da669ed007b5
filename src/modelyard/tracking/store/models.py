"""Logged models: their rows, params, tags and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import cached, in_params, sql
from modelyard.tracking.api import LoggedModel, ModelId, ModelStatus, Point, Stage, real
from modelyard.tracking.api.batches import Measured

COLUMNS = (
    "r.id, r.model, r.experiment, r.name, r.status, r.model_type, r.run, r.location, r.created_ms, "
    "r.updated_ms, r.stage"
)
_ADD = sql(
    "INSERT INTO tracking_model (model, experiment, name, status, model_type, run, location, created_ms, updated_ms, "
    "stage) VALUES (:model, :experiment, :name, 'PENDING', :model_type, :run, :location, :now, :now, 'active') "
    "RETURNING id"
)
_ONE = sql(f"SELECT {COLUMNS} FROM tracking_model r WHERE r.model = :model")
_STATUS = sql("UPDATE tracking_model SET status = :status, updated_ms = :now WHERE model = :model")
_DELETE = sql("UPDATE tracking_model SET stage = 'deleted', updated_ms = :now WHERE model = :model")
_ADD_PARAM = sql("INSERT INTO tracking_model_param (model, key, value) VALUES (:model, :key, :value)")
_PUT_TAG = sql(
    "INSERT INTO tracking_model_tag (model, key, value) VALUES (:model, :key, :value) "
    "ON CONFLICT (model, key) DO UPDATE SET value = excluded.value"
)
_DROP_TAG = sql("DELETE FROM tracking_model_tag WHERE model = :model AND key = :key")
_SAME_POINT = sql(
    "SELECT 1 FROM tracking_model_metric WHERE model = :model AND key = :key AND run = :run AND step = :step "
    "AND at_ms = :at AND coalesce(value, 0) = coalesce(CAST(:value AS DOUBLE PRECISION), 0) AND is_nan = :is_nan"
)
_ADD_POINT = sql(
    "INSERT INTO tracking_model_metric (model, key, value, is_nan, step, at_ms, run, dataset, dataset_digest) "
    "VALUES (:model, :key, :value, :is_nan, :step, :at, :run, :dataset, :digest)"
)


def add(
    tx: Transaction, model: ModelId, *, experiment: int, name: str, model_type: str, run: str | None, location: str,
    now_ms: int,
) -> int:  # fmt: skip
    """Make a logged model; its number."""
    row = tx.one(
        _ADD,
        {
            "model": model, "experiment": experiment, "name": name, "model_type": model_type, "run": run,
            "location": location, "now": now_ms,
        },
    )  # fmt: skip
    return int(row[0]) if row else 0


def one(tx: Transaction, model: str) -> tuple[int, LoggedModel] | None:
    """A logged model and its number."""
    row = tx.one(_ONE, {"model": model})
    return (int(row[0]), hydrate(tx, [row])[0]) if row else None


def set_status(tx: Transaction, model: str, *, status: ModelStatus, now_ms: int) -> None:
    """Say how far it has come."""
    tx.run(_STATUS, {"model": model, "status": status.value, "now": now_ms})


def delete(tx: Transaction, model: str, *, now_ms: int) -> None:
    """Set it aside."""
    tx.run(_DELETE, {"model": model, "now": now_ms})


def add_params(tx: Transaction, number: int, params: dict[str, str]) -> None:
    """Add params that are not there yet."""
    if params:
        tx.many(_ADD_PARAM, [{"model": number, "key": k, "value": v} for k, v in params.items()])


def put_tags(tx: Transaction, number: int, tags: dict[str, str]) -> None:
    """Set tags."""
    if tags:
        tx.many(_PUT_TAG, [{"model": number, "key": k, "value": v} for k, v in tags.items()])


def drop_tag(tx: Transaction, number: int, key: str) -> bool:
    """Remove a tag; False if there was none."""
    return tx.run(_DROP_TAG, {"model": number, "key": key}) > 0


def add_points(tx: Transaction, run: str, points: Sequence[Measured]) -> None:
    """Note points that describe logged models; one that is there already is not noted twice."""
    for p in points:
        value = float(p.value)
        row = {
            "model": p.model, "key": p.key, "value": None if isnan(value) else value, "is_nan": int(isnan(value)),
            "step": p.step, "at": p.at_ms, "run": run,
        }  # fmt: skip
        if tx.one(_SAME_POINT, row) is None:
            tx.run(_ADD_POINT, {**row, "dataset": p.dataset, "digest": p.dataset_digest})


def hydrate(tx: Transaction, rows: Sequence[Row]) -> list[LoggedModel]:
    """Logged models from rows of `COLUMNS`, in the same order."""
    if not rows:
        return []
    numbers = [int(row[0]) for row in rows]
    params, tags = _texts(tx, "tracking_model_param", numbers), _texts(tx, "tracking_model_tag", numbers)
    points = _points(tx, [str(row[1]) for row in rows])
    return [
        LoggedModel(
            id=ModelId(model), experiment=str(experiment), name=name, status=ModelStatus(status),
            model_type=model_type, run=run, artifact_uri=location, created_ms=created, updated_ms=updated,
            stage=Stage(stage), params=params.get(number, {}), tags=tags.get(number, {}),
            metrics=points.get(model, []),
        )
        for number, model, experiment, name, status, model_type, run, location, created, updated, stage in rows
    ]  # fmt: skip


def _texts(tx: Transaction, table: str, numbers: Sequence[int]) -> dict[int, dict[str, str]]:
    inside, params = in_params("m", numbers)
    found: dict[int, dict[str, str]] = {}
    for number, key, value in tx.all(
        cached(f"SELECT model, key, value FROM {table} WHERE model IN ({inside})"), params
    ):
        found.setdefault(number, {})[key] = value
    return found


def _points(tx: Transaction, models: Sequence[str]) -> dict[str, list[Point]]:
    inside, params = in_params("m", models)
    text = (
        "SELECT model, key, value, is_nan, step, at_ms, run, dataset, dataset_digest FROM tracking_model_metric "
        f"WHERE model IN ({inside}) ORDER BY id"
    )
    found: dict[str, list[Point]] = {}
    for model, key, value, is_nan, step, at_ms, run, dataset, digest in tx.all(cached(text), params):
        point = Point(
            key=key, value=real(float("nan") if is_nan else value), step=step, at_ms=at_ms, model=model, run=run,
            dataset=dataset, dataset_digest=digest,
        )  # fmt: skip
        found.setdefault(model, []).append(point)
    return found
