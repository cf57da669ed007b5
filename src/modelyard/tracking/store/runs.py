"""Runs: their rows, the ready-made document of params and tags, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import TypedDict

import msgspec

from modelyard.kernel.refs import Ref
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.tracking.api import (
    Dataset,
    DatasetInput,
    ModelOutput,
    Point,
    Run,
    RunId,
    RunStatus,
    Stage,
    real,
)
from modelyard.tracking.model.lineage import reads_of
from modelyard.tracking.store.series import names_of

LINK_INPUTS, LINK_MODELS = 1, 2
"""Bits of a run's `links`: it has dataset inputs; it has model inputs or outputs."""

COLUMNS = (
    "r.id, r.run, r.experiment, r.name, r.status, r.user_id, r.start_ms, r.end_ms, r.stage, r.location, r.links, d.body"
)
_ADD = sql(
    "INSERT INTO tracking_run (run, experiment, name, status, user_id, start_ms, stage, location, links, folds) "
    "VALUES (:run, :experiment, :name, :status, :user, :start, 'active', :location, 0, 0) RETURNING id"
)
_HEAD = sql("SELECT id, experiment, stage, status, name, start_ms, end_ms, links FROM tracking_run WHERE run = :run")
_ONE = sql(f"SELECT {COLUMNS} FROM tracking_run r JOIN tracking_document d ON d.run = r.id WHERE r.run = :run")
_UPDATE = sql("UPDATE tracking_run SET status = :status, end_ms = :end, name = :name WHERE id = :id")
_STAGE = sql("UPDATE tracking_run SET stage = :stage, deleted_ms = :deleted WHERE id = :id")
_LINKS = sql("UPDATE tracking_run SET links = :links WHERE id = :id")
_PUT_DOCUMENT = sql(
    "INSERT INTO tracking_document (run, body) VALUES (:run, :body) "
    "ON CONFLICT (run) DO UPDATE SET body = excluded.body"
)
_DOCUMENT = sql("SELECT body FROM tracking_document WHERE run = :run")
_ADD_PARAM = sql("INSERT INTO tracking_param (run, key, value) VALUES (:run, :key, :value)")
_PUT_TAG = sql(
    "INSERT INTO tracking_tag (run, key, value) VALUES (:run, :key, :value) "
    "ON CONFLICT (run, key) DO UPDATE SET value = excluded.value"
)
_DROP_TAG = sql("DELETE FROM tracking_tag WHERE run = :run AND key = :key")
_ADD_DATASET = sql(
    "INSERT INTO tracking_dataset (experiment, name, digest, source_type, source, schema, profile) VALUES "
    "(:experiment, :name, :digest, :source_type, :source, :schema, :profile) "
    "ON CONFLICT (experiment, name, digest) DO NOTHING"
)
_ADD_INPUT = sql(
    "INSERT INTO tracking_input (run, dataset, tags, context) "
    "SELECT :run, id, :tags, :context FROM tracking_dataset "
    "WHERE experiment = :experiment AND name = :name AND digest = :digest "
    "ON CONFLICT (run, dataset) DO NOTHING"
)
_ADD_LINK = sql(
    "INSERT INTO tracking_model_link (run, model, role, step) VALUES (:run, :model, :role, :step) "
    "ON CONFLICT (run, role, model) DO UPDATE SET step = excluded.step"
)


class Document(msgspec.Struct):
    """A run's params and tags, as its document holds them."""

    params: dict[str, str] = {}
    tags: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Head:
    """What a change of a run has to know of it."""

    id: int
    experiment: int
    stage: Stage
    status: RunStatus
    name: str
    start_ms: int
    end_ms: int | None
    links: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Document).decode
_BY_NAME = attrgetter("key")
_STAGES = {stage.value: stage for stage in Stage}
_STATUSES = {status.value: status for status in RunStatus}
_decode_tags = msgspec.json.Decoder(dict[str, str]).decode


def add(
    tx: Transaction, run: RunId, *, experiment: int, name: str, user: str, start_ms: int, location: str,
    tags: dict[str, str],
) -> Run:  # fmt: skip
    """Make a run."""
    row = tx.one(
        _ADD,
        {
            "run": run, "experiment": experiment, "name": name, "status": RunStatus.RUNNING.value, "user": user,
            "start": start_ms, "location": location,
        },
    )  # fmt: skip
    number = int(row[0]) if row else 0
    put_document(tx, number, Document({}, tags))
    put_tags(tx, number, tags)
    return Run(
        id=run, experiment=str(experiment), name=name, status=RunStatus.RUNNING, user=user, start_ms=start_ms,
        artifact_uri=location, tags=tags, **_told(tags, []),
    )  # fmt: skip


def head(tx: Transaction, run: str) -> Head | None:
    """What a change has to know."""
    row = tx.one(_HEAD, {"run": run})
    if row is None:
        return None
    number, experiment, stage, status, name, start_ms, end_ms, links = row
    return Head(number, experiment, _STAGES[stage], _STATUSES[status], name, start_ms, end_ms, links)


def update(tx: Transaction, number: int, *, status: RunStatus, end_ms: int | None, name: str) -> None:
    """Set what may change of a run's row."""
    tx.run(_UPDATE, {"id": number, "status": status.value, "end": end_ms, "name": name})


def set_stage(tx: Transaction, number: int, *, stage: Stage, now_ms: int) -> None:
    """Set a run aside, or bring it back."""
    tx.run(_STAGE, {"id": number, "stage": stage.value, "deleted": now_ms if stage is Stage.DELETED else None})


def document(tx: Transaction, number: int) -> Document:
    """A run's params and tags."""
    row = tx.one(_DOCUMENT, {"run": number})
    return _decode(row[0]) if row else Document()


def put_document(tx: Transaction, number: int, body: Document) -> None:
    """Store a run's params and tags as they are now."""
    tx.run(_PUT_DOCUMENT, {"run": number, "body": _encode(body)})


def add_params(tx: Transaction, number: int, params: dict[str, str]) -> None:
    """Add params that are not there yet."""
    tx.many(_ADD_PARAM, [{"run": number, "key": k, "value": v} for k, v in params.items()])


def put_tags(tx: Transaction, number: int, tags: dict[str, str]) -> None:
    """Set tags."""
    if tags:
        tx.many(_PUT_TAG, [{"run": number, "key": k, "value": v} for k, v in tags.items()])


def drop_tag(tx: Transaction, number: int, key: str) -> None:
    """Remove a tag."""
    tx.run(_DROP_TAG, {"run": number, "key": key})


def add_inputs(tx: Transaction, found: Head, inputs: Sequence[DatasetInput]) -> None:
    """Note datasets that a run reads; those that are noted already stay as they are."""
    for one in inputs:
        where = {"experiment": found.experiment, "name": one.dataset.name, "digest": one.dataset.digest}
        d = one.dataset
        tx.run(
            _ADD_DATASET,
            {**where, "source_type": d.source_type, "source": d.source, "schema": d.schema, "profile": d.profile},
        )
        context = one.tags.get("mlflow.data.context")
        tx.run(_ADD_INPUT, {**where, "run": found.id, "tags": _encode(one.tags), "context": context})
    tx.run(_LINKS, {"id": found.id, "links": found.links | LINK_INPUTS})


def add_models(tx: Transaction, found: Head, role: str, models: Sequence[ModelOutput]) -> None:
    """Note logged models that a run reads (`input`) or made (`output`)."""
    tx.many(_ADD_LINK, [{"run": found.id, "model": m.model, "role": role, "step": m.step} for m in models])
    tx.run(_LINKS, {"id": found.id, "links": found.links | LINK_MODELS})


def bare(tx: Transaction, run: str) -> tuple[int, Run] | None:
    """A run's number, and the run without its last points and logged models, which are not read."""
    row = tx.one(_ONE, {"run": run})
    if row is None:
        return None
    inputs = inputs_of(tx, [row[0]]) if row[10] & LINK_INPUTS else {}
    return row[0], _run(row, metrics={}, inputs=inputs, links={}, known=None)


def one(tx: Transaction, run: str) -> Run | None:
    """A run with all that it noted."""
    row = tx.one(_ONE, {"run": run})
    return hydrate(tx, [row])[0] if row else None


def marked(tx: Transaction, numbers: Sequence[int]) -> list[Row]:
    """Rows of `COLUMNS` of runs by their numbers, in the order given; documents are read for these alone.

    How often it was folded and how many packed calls its tail holds follow: while a whole row stands, so do the run's
    params, tags and last points.
    """
    if not numbers:
        return []
    inside, params = in_params("r", numbers)
    text = (
        f"SELECT {COLUMNS}, r.folds, (SELECT COUNT(*) FROM tracking_tail t WHERE t.run = r.id) FROM tracking_run r "
        f"JOIN tracking_document d ON d.run = r.id WHERE r.id IN ({inside})"
    )
    rows = {int(row[0]): row for row in tx.all(cached(text), params)}
    return [rows[number] for number in numbers if number in rows]


def hydrate(tx: Transaction, rows: Sequence[Row], known: Mapping[int, Run] = MappingProxyType({})) -> list[Run]:
    """Runs from rows that begin with `COLUMNS`, in the same order, with their last metrics, inputs and outputs.

    Of those `known` by their numbers only what is linked to them is read.
    """
    if not rows:
        return []
    metrics = latest(tx, [int(row[0]) for row in rows if row[0] not in known])
    inputs = inputs_of(tx, [int(row[0]) for row in rows if row[10] & LINK_INPUTS])
    links = links_of(tx, [int(row[0]) for row in rows if row[10] & LINK_MODELS])
    return [
        run if (run := known.get(row[0])) is not None and not row[10]
        else _run(row, metrics=metrics, inputs=inputs, links=links, known=run)
        for row in rows
    ]  # fmt: skip


def _run(
    row: Row, *, metrics: dict[int, list[Point]], inputs: dict[int, list[DatasetInput]],
    links: dict[int, list[tuple[str, ModelOutput]]], known: Run | None,
) -> Run:  # fmt: skip
    number, run, experiment, name, status, user, start_ms, end_ms, stage, location, _, body = row[:12]
    noted = _decode(body) if known is None else Document(known.params, known.tags)
    points = metrics.get(number, []) if known is None else known.metrics
    models = links.get(number, [])
    datasets = inputs.get(number, [])
    return Run(
        id=RunId(run), experiment=str(experiment), name=name, status=_STATUSES[status], user=user, start_ms=start_ms,
        end_ms=end_ms, stage=_STAGES[stage], artifact_uri=location, metrics=points,
        params=noted.params, tags=noted.tags, inputs=datasets,
        model_inputs=[m.model for role, m in models if role == "input"],
        outputs=[m for role, m in models if role == "output"],
        **_told(noted.tags, datasets),
    )  # fmt: skip


class _Told(TypedDict):
    commit: str | None
    parent: str | None
    reads: list[Ref]


def _told(tags: Mapping[str, str], inputs: Sequence[DatasetInput]) -> _Told:
    """What a run's tags and inputs say of it."""
    return _Told(
        commit=tags.get("mlflow.source.git.commit"), parent=tags.get("mlflow.parentRunId"),
        reads=reads_of(tags, [one.dataset for one in inputs]),
    )  # fmt: skip


def latest(tx: Transaction, numbers: Sequence[int]) -> dict[int, list[Point]]:
    """The last point of each metric of each run, by name."""
    if not numbers:
        return {}
    inside, params = in_params("r", numbers)
    text = f"SELECT run, key, value, is_nan, step, at_ms FROM tracking_latest WHERE run IN ({inside})"
    rows = tx.all(cached(text), params)
    keys = sorted({row[1] for row in rows})
    names = {key: name for part in batches(keys) for key, name in names_of(tx, part).items()}
    found: dict[int, list[Point]] = {}
    for number, key, value, is_nan, step, at_ms in rows:
        point = Point(key=names[key], value=real(float("nan") if is_nan else value), step=step, at_ms=at_ms)
        found.setdefault(number, []).append(point)
    for points in found.values():
        points.sort(key=_BY_NAME)
    return found


def inputs_of(tx: Transaction, numbers: Sequence[int]) -> dict[int, list[DatasetInput]]:
    """The datasets that each run reads, in the order they were noted."""
    if not numbers:
        return {}
    inside, params = in_params("r", numbers)
    text = (
        "SELECT i.run, i.tags, d.name, d.digest, d.source_type, d.source, d.schema, d.profile FROM tracking_input i "
        f"JOIN tracking_dataset d ON d.id = i.dataset WHERE i.run IN ({inside}) ORDER BY i.id"
    )
    found: dict[int, list[DatasetInput]] = {}
    for number, tags, name, digest, source_type, source, schema, profile in tx.all(cached(text), params):
        dataset = Dataset(
            name=name, digest=digest, source_type=source_type, source=source, schema=schema, profile=profile
        )
        found.setdefault(number, []).append(DatasetInput(dataset=dataset, tags=_decode_tags(tags)))
    return found


def links_of(tx: Transaction, numbers: Sequence[int]) -> dict[int, list[tuple[str, ModelOutput]]]:
    """The logged models that each run reads or made, with the role."""
    if not numbers:
        return {}
    inside, params = in_params("r", numbers)
    text = f"SELECT run, role, model, step FROM tracking_model_link WHERE run IN ({inside}) ORDER BY id"
    found: dict[int, list[tuple[str, ModelOutput]]] = {}
    for number, role, model, step in tx.all(cached(text), params):
        found.setdefault(number, []).append((role, ModelOutput(model=model, step=step)))
    return found
