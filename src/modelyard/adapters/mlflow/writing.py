"""A database of MLflow's, written to: what the yard holds, in the tables that MLflow itself made there.

A run and all that it noted is one transaction, and what is there already stays, so an export that broke off is simply
made again. Tables are never made or changed here; columns that a version of MLflow lacks are left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from math import isinf, isnan
from pathlib import Path
from typing import Any

from modelyard.adapters.mlflow.store import Traced
from modelyard.adapters.mlflow.tables import columns_of, opened_for_writing
from modelyard.adapters.mlflow.trace_rows import rows_of
from modelyard.kernel.errors import Conflict, InvalidInput
from modelyard.registry.api import Model, ModelVersion
from modelyard.tracking.api import Experiment, LoggedModel, ModelStatus, Point, Run, Stage

_LARGEST = 1.7976931348623157e308
_STATUS = {ModelStatus.PENDING: 1, ModelStatus.READY: 2, ModelStatus.FAILED: 3}
_MOST_NUMBER = 2**31 - 1
Values = Mapping[str, object]


class DatabaseTarget:
    """Tables of MLflow's, open for writing.

    Args:
        address: a SQLite file, `sqlite:///FILE`, or `postgresql://...`, with MLflow's tables in it.
    """

    def __init__(self, address: str) -> None:
        self._connection, self._postgres, self.name = opened_for_writing(address)
        self._columns = columns_of(self._connection, postgres=self._postgres)
        if "experiments" not in self._columns or "runs" not in self._columns:
            self._connection.close()
            raise InvalidInput(f"{self.name} has no tables of MLflow; make them first: mlflow db upgrade {address}")

    def experiment(self, one: Experiment, location: str) -> str:
        """Write an experiment; its number there, which is another one where its own is taken."""
        with self._whole():
            number = self._number(one)
            row = {
                "experiment_id": int(number), "name": one.name, "artifact_location": location,
                "lifecycle_stage": one.stage.value, "creation_time": one.created_ms, "last_update_time": one.updated_ms,
            }  # fmt: skip
            self._put("experiments", [row])
            self._words("experiment_tags", one.tags, experiment_id=int(number))
            if self._postgres:
                self._ask(
                    "SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), "
                    "(SELECT max(experiment_id) FROM experiments))"
                )
        return number

    def run(self, one: Run, home: str, location: str, points: Iterable[Point]) -> None:
        """Write a run with all that it noted."""
        with self._whole():
            deleted = one.end_ms or one.start_ms
            row = {
                "run_uuid": one.id, "name": one.name, "source_type": "UNKNOWN", "source_name": "",
                "entry_point_name": "", "user_id": one.user, "status": one.status.value, "start_time": one.start_ms,
                "end_time": one.end_ms, "source_version": "", "lifecycle_stage": one.stage.value,
                "artifact_uri": location, "experiment_id": int(home),
                "deleted_time": deleted if one.stage is Stage.DELETED else None,
            }  # fmt: skip
            self._put("runs", [row])
            self._words("params", one.params, run_uuid=one.id)
            self._words("tags", one.tags, run_uuid=one.id)
            self._put("metrics", ({**_point(point), "run_uuid": one.id} for point in points))
            self._put("latest_metrics", ({**_point(point), "run_uuid": one.id} for point in one.metrics))
            self._inputs(one, home)

    def logged_model(self, one: LoggedModel, home: str, location: str) -> None:
        """Write a logged model with its metrics."""
        with self._whole():
            row = {
                "model_id": one.id, "experiment_id": int(home), "name": one.name, "artifact_location": location,
                "creation_timestamp_ms": one.created_ms, "last_updated_timestamp_ms": one.updated_ms,
                "status": _STATUS[one.status], "lifecycle_stage": one.stage.value, "model_type": one.model_type,
                "source_run_id": one.run,
            }  # fmt: skip
            self._put("logged_models", [row])
            about = {"model_id": one.id, "experiment_id": int(home)}
            params = ({**about, "param_key": k, "param_value": v} for k, v in one.params.items())
            self._put("logged_model_params", params)
            self._put("logged_model_tags", ({**about, "tag_key": k, "tag_value": v} for k, v in one.tags.items()))

    def measured(self, one: LoggedModel, home: str) -> None:
        """Write what a logged model was measured at; its runs are there by then."""
        with self._whole():
            rows = (
                {
                    "model_id": one.id, "experiment_id": int(home), "metric_name": point.key,
                    "metric_timestamp_ms": point.at_ms, "metric_step": point.step, "run_id": point.run or one.run,
                    "metric_value": None if isnan(point.number) else point.number, "dataset_name": point.dataset,
                    "dataset_digest": point.dataset_digest,
                    "dataset_uuid": _mark(home, point.dataset, point.dataset_digest) if point.dataset else None,
                }
                for point in one.metrics
            )  # fmt: skip
            self._put("logged_model_metrics", rows)

    def trace(self, one: Traced, home: str, location: str) -> None:
        """Write a trace with its spans and what was said of it; a version without a table for spans gets none."""
        with self._whole():
            for table, rows in rows_of(one, home, location):
                self._put(table, rows)

    def model(self, one: Model, versions: Iterable[tuple[ModelVersion, str]]) -> None:
        """Write a registered model with its versions, each with where its files lie, and its aliases."""
        with self._whole():
            row = {
                "name": one.name, "creation_time": one.created_ms, "last_updated_time": one.updated_ms,
                "description": one.description or None,
            }  # fmt: skip
            self._put("registered_models", [row])
            self._words("registered_model_tags", one.tags, name=one.name)
            for version, location in versions:
                self._version(version, location)
            aliases = ({"name": one.name, "alias": a, "version": number} for a, number in one.aliases.items())
            self._put("registered_model_aliases", aliases)

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def _version(self, one: ModelVersion, location: str) -> None:
        row = {
            "name": one.name, "version": one.version, "creation_time": one.created_ms,
            "last_updated_time": one.updated_ms, "description": one.description or None,
            "user_id": one.created_by or None, "current_stage": one.stage.value, "source": one.source,
            "run_id": one.run, "status": one.status.value, "status_message": one.status_message or None,
            "run_link": one.run_link or None, "storage_location": location,
        }  # fmt: skip
        self._put("model_versions", [row])
        self._words("model_version_tags", one.tags, name=one.name, version=one.version)

    def _inputs(self, one: Run, home: str) -> None:
        for each in one.inputs:
            data = each.dataset
            dataset = _mark(home, data.name, data.digest)
            row = {
                "dataset_uuid": dataset, "experiment_id": int(home), "name": data.name, "digest": data.digest,
                "dataset_source_type": data.source_type, "dataset_source": data.source, "dataset_schema": data.schema,
                "dataset_profile": data.profile,
            }  # fmt: skip
            self._put("datasets", [row])
            link = _mark(dataset, one.id)
            self._link(link, "DATASET", dataset, "RUN", one.id)
            tags = ({"input_uuid": link, "name": k, "value": v} for k, v in each.tags.items())
            self._put("input_tags", tags)
        for model in one.model_inputs:
            self._link(_mark("in", one.id, model), "RUN_INPUT", one.id, "MODEL_INPUT", model)
        for output in one.outputs:
            link = _mark("out", one.id, output.model)
            self._link(link, "RUN_OUTPUT", one.id, "MODEL_OUTPUT", output.model, step=output.step)

    def _link(self, mark: str, kind: str, source: str, other: str, target: str, *, step: int = 0) -> None:
        row = {
            "input_uuid": mark, "source_type": kind, "source_id": source, "destination_type": other,
            "destination_id": target, "step": step,
        }  # fmt: skip
        self._put("inputs", [row])

    def _number(self, one: Experiment) -> str:
        """The number of the experiment of that name, else its own if nobody has it, else the next."""
        if named := self._ask("SELECT experiment_id FROM experiments WHERE name = ?", one.name):
            return str(named[0][0])
        wanted = int(one.id)
        taken = self._ask("SELECT 1 FROM experiments WHERE experiment_id = ?", wanted)
        if not taken and (not self._postgres or wanted <= _MOST_NUMBER):
            return one.id
        ((highest,),) = self._ask("SELECT max(experiment_id) FROM experiments")
        return str(int(highest) + 1)

    def _words(self, table: str, words: Mapping[str, str], **owner: object) -> None:
        self._put(table, ({**owner, "key": key, "value": value} for key, value in words.items()))

    def _put(self, table: str, rows: Iterable[Values]) -> None:
        """Add rows that are not there; columns that this version lacks are left out, and so are tables."""
        there = self._columns.get(table)
        if there is None:
            return
        cursor = self._connection.cursor()
        for names, some in _alike(rows, there):
            listed, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" for _ in names)
            text = f'INSERT INTO "{table}" ({listed}) VALUES ({marks}) ON CONFLICT DO NOTHING'
            cursor.executemany(self._said(text), some)
        cursor.close()

    def _ask(self, text: str, *params: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.execute(self._said(text), params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.close()
        return found

    def _said(self, text: str) -> str:
        return text.replace("?", "%s") if self._postgres else text

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """All or nothing."""
        try:
            yield
            self._connection.commit()
        except BaseException as err:
            self._connection.rollback()
            if isinstance(err, sqlite3.Error) or type(err).__module__.startswith("psycopg"):
                raise Conflict(f"{self.name} does not take it: {err}") from err
            raise


def location_of(root: str, home: str, owner: Run | LoggedModel) -> str:
    """Where the files of a run or logged model lie below a root, as MLflow lays them out."""
    kind = "" if isinstance(owner, Run) else "models/"
    return f"{root.rstrip('/')}/{home}/{kind}{owner.id}/artifacts"


def trace_location(root: str, home: str, trace: str) -> str:
    """Where the files of a trace lie below a root."""
    return f"{root.rstrip('/')}/{home}/traces/{trace}/artifacts"


def _alike(rows: Iterable[Values], there: set[str]) -> Iterator[tuple[list[str], list[list[object]]]]:
    """Rows in portions that have the same columns."""
    names: list[str] = []
    some: list[list[object]] = []
    for row in rows:
        kept = [name for name in row if name in there]
        if (kept != names or len(some) >= 5000) and some:
            yield names, some
            some = []
        names = kept
        some.append([row[name] for name in kept])
    if some:
        yield names, some


def _point(point: Point) -> dict[str, object]:
    value = point.number
    kept = 0.0 if isnan(value) else (_LARGEST if value > 0 else -_LARGEST) if isinf(value) else value
    return {"key": point.key, "value": kept, "timestamp": point.at_ms, "step": point.step, "is_nan": isnan(value)}


def _mark(*parts: str | None) -> str:
    """The same id for the same thing each time."""
    return blake2b("\0".join(part or "" for part in parts).encode(), digest_size=16).hexdigest()


def write_file(root: Path, path: str, pieces: Iterator[bytes]) -> None:
    """Put a file below a folder, whole or not at all; one of that name is replaced.

    Raises:
        InvalidInput: the path would lead out of the folder.
    """
    target = root / path
    if not target.resolve().is_relative_to(root.resolve()):
        raise InvalidInput(f"{path[:80]!r} does not lie below {root}; it is not written")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name[:200]}.part")
    try:
        with part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
