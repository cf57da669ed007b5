"""The database of an MLflow server, of its versions 2 and 3, read by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelyard.adapters.mlflow.places import Places
from modelyard.adapters.mlflow.store import DELETED, File, Traced, said
from modelyard.adapters.mlflow.tables import Tables
from modelyard.adapters.mlflow.traces import traces_of
from modelyard.kernel.ids import ActorId
from modelyard.registry.api import Model, ModelStage, ModelVersion, VersionStatus
from modelyard.tracking.api import (
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    ModelId,
    ModelOutput,
    ModelStatus,
    Point,
    Run,
    RunId,
    RunStatus,
    Stage,
    real,
)

_MODEL_STATUS = {1: ModelStatus.PENDING, 2: ModelStatus.READY, 3: ModelStatus.FAILED}


class DatabaseStore:
    """Implements `Store` over a database.

    Args:
        address: a SQLite file, `sqlite:///FILE`, or `postgresql://...`.
        artifacts: the folder below which files lie; None: files are not read.
        workspace: which of a newer server's workspaces.
    """

    def __init__(self, address: str, artifacts: Path | None = None, workspace: str = "default") -> None:
        self._tables = Tables(address)
        self._places = Places(artifacts)
        self._workspace = workspace

    @property
    def name(self) -> str:
        """The database without a password, and the workspace."""
        return self._tables.name + ("" if self._workspace == "default" else f" ({self._workspace})")

    def experiments(self) -> list[Experiment]:
        """All, deleted ones too."""
        found = self._mine(
            "experiments", "experiment_id name artifact_location lifecycle_stage creation_time last_update_time"
        )
        return [
            Experiment(
                id=str(number), name=name, artifact_location=location or "", stage=said(Stage, stage, Stage.ACTIVE),
                created_ms=created or 0, updated_ms=updated or 0,
                tags=self._words("experiment_tags", "experiment_id", number),
            )
            for number, name, location, stage, created, updated in sorted(found)
        ]  # fmt: skip

    def runs(self, experiment: str) -> Iterator[Run]:
        """All runs of an experiment, deleted ones too."""
        columns = "run_uuid name user_id status start_time end_time lifecycle_stage artifact_uri"
        rows = sorted(self._tables.rows("runs", columns, "experiment_id = ?", [int(experiment)]), key=lambda r: r[0])
        for run, name, user, status, start, end, stage, location in rows:
            tags = self._words("tags", "run_uuid", run)
            made = [*self._links(run, "RUN_OUTPUT", "MODEL_OUTPUT")]
            yield Run(
                id=RunId(run), experiment=experiment, name=name or tags.get("mlflow.runName", ""),
                status=said(RunStatus, status, RunStatus.FINISHED),
                user=user or "", start_ms=start or 0, end_ms=end,
                stage=said(Stage, stage, Stage.ACTIVE),
                artifact_uri=location or "", params=self._words("params", "run_uuid", run), tags=tags,
                inputs=self._inputs(run), outputs=[ModelOutput(model=m, step=step or 0) for m, step in made],
                model_inputs=[m for m, _ in self._links(run, "RUN_INPUT", "MODEL_INPUT")],
            )  # fmt: skip

    def points(self, run: str) -> Iterator[Point]:
        """The whole history of each metric."""
        about: dict[tuple[str, int, int], list[tuple[str | None, str | None, str | None]]] = {}
        columns = "metric_name metric_timestamp_ms metric_step model_id dataset_name dataset_digest metric_value"
        alone: dict[tuple[str, int, int], float] = {}
        for key, at, step, model, dataset, digest, value in self._tables.rows(
            "logged_model_metrics", columns, "run_id = ?", [run]
        ):
            about.setdefault((key, at, step), []).append((model, dataset, digest))
            alone[key, at, step] = float("nan") if value is None else value
        for key, at, step, value, is_nan in self._tables.rows(
            "metrics", "key timestamp step value is_nan", "run_uuid = ?", [run]
        ):
            number = real(float("nan") if is_nan else float(value))
            alone.pop((key, at, step), None)
            for model, dataset, digest in about.get((key, at, step)) or [(None, None, None)]:
                yield Point(
                    key=key, value=number, at_ms=at, step=step or 0, model=model, dataset=dataset, dataset_digest=digest
                )
        for (key, at, step), value in alone.items():
            for model, dataset, digest in about[key, at, step]:
                yield Point(
                    key=key, value=real(value), at_ms=at, step=step, model=model, dataset=dataset, dataset_digest=digest
                )

    def models(self, experiment: str) -> Iterator[LoggedModel]:
        """All logged models of an experiment."""
        columns = (
            "model_id name artifact_location creation_timestamp_ms last_updated_timestamp_ms status lifecycle_stage "
            "model_type source_run_id"
        )
        rows = self._tables.rows("logged_models", columns, "experiment_id = ?", [int(experiment)])
        for model, name, location, created, updated, status, stage, kind, run in sorted(
            rows, key=lambda r: (r[3], r[0])
        ):
            params = self._tables.rows("logged_model_params", "param_key param_value", "model_id = ?", [model])
            tags = self._tables.rows("logged_model_tags", "tag_key tag_value", "model_id = ?", [model])
            yield LoggedModel(
                id=ModelId(model), experiment=experiment, name=name, artifact_uri=location,
                status=_MODEL_STATUS.get(status, ModelStatus.PENDING), model_type=kind or "", run=run,
                created_ms=created, updated_ms=updated, stage=said(Stage, stage, Stage.ACTIVE),
                params={k: v or "" for k, v in params}, tags={k: v or "" for k, v in tags},
            )  # fmt: skip

    def traces(self, experiment: str) -> Iterator[Traced]:
        """The traces of an experiment, with what people said of them."""
        return traces_of(self._tables, experiment, self._places.files)

    def registered(self) -> list[Model]:
        """All registered models, with their aliases."""
        found = self._mine("registered_models", "name description creation_time last_updated_time")
        return [
            Model(
                name=name, description=description or "", created_ms=created or 0, updated_ms=updated or 0,
                last_version=max((int(v) for (v,) in self._of_model("model_versions", "version", name)), default=0),
                tags=dict(self._of_model("registered_model_tags", "key value", name)),
                aliases={a: int(v) for a, v in self._of_model("registered_model_aliases", "alias version", name)},
            )
            for name, description, created, updated in sorted(found, key=lambda r: (r[2] or 0, r[0]))
        ]  # fmt: skip

    def versions(self, model: str) -> list[ModelVersion]:
        """The versions of a registered model."""
        columns = (
            "version source run_id status status_message current_stage description creation_time last_updated_time "
            "user_id run_link storage_location model_id"
        )
        tags: dict[int, dict[str, str]] = {}
        for number, key, value in self._of_model("model_version_tags", "version key value", model):
            tags.setdefault(int(number), {})[key] = value or ""
        return [
            ModelVersion(
                name=model, version=int(number), source=source or "", storage=storage or "", run=run or None,
                status=said(VersionStatus, status, VersionStatus.READY), status_message=message or "",
                stage=said(ModelStage, stage, ModelStage.NONE), description=description or "", created_ms=created or 0,
                updated_ms=updated or 0, created_by=ActorId(user or ""), run_link=link or "", logged_model=logged,
                tags=tags.get(int(number), {}),
            )
            for number, source, run, status, message, stage, description, created, updated, user, link, storage, logged
            in sorted(self._of_model("model_versions", columns, model), key=lambda r: int(r[0]))
            if stage != DELETED
        ]  # fmt: skip

    def files(self, owner: Run | LoggedModel) -> Iterator[File]:
        """The files of a run or logged model, below the folder that the user named."""
        return self._places.files(owner.artifact_uri)

    def close(self) -> None:
        """Let go of the database."""
        self._tables.close()

    def _mine(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        if self._tables.has(table, "workspace"):
            return [*self._tables.rows(table, columns, "workspace = ?", [self._workspace])]
        return [*self._tables.rows(table, columns)]

    def _of_model(self, table: str, columns: str, model: str) -> list[tuple[Any, ...]]:
        if self._tables.has(table, "workspace"):
            return [*self._tables.rows(table, columns, "name = ? AND workspace = ?", [model, self._workspace])]
        return [*self._tables.rows(table, columns, "name = ?", [model])]

    def _words(self, table: str, owner: str, one: Any) -> dict[str, str]:
        return {k: v or "" for k, v in self._tables.rows(table, "key value", f"{owner} = ?", [one])}

    def _inputs(self, run: str) -> list[DatasetInput]:
        found = []
        where = "source_type = 'DATASET' AND destination_type = 'RUN' AND destination_id = ?"
        for uuid, dataset in self._tables.rows("inputs", "input_uuid source_id", where, [run]):
            tags: dict[str, str] = dict(self._tables.rows("input_tags", "name value", "input_uuid = ?", [uuid]))
            columns = "name digest dataset_source_type dataset_source dataset_schema dataset_profile"
            for name, digest, kind, source, schema, profile in self._tables.rows(
                "datasets", columns, "dataset_uuid = ?", [dataset]
            ):
                one = Dataset(
                    name=name,
                    digest=digest,
                    source_type=kind or "",
                    source=source or "",
                    schema=schema,
                    profile=profile,
                )
                found.append(DatasetInput(dataset=one, tags=tags))
        return found

    def _links(self, run: str, source: str, target: str) -> Iterator[tuple[str, int | None]]:
        where = "source_type = ? AND source_id = ? AND destination_type = ?"
        yield from self._tables.rows("inputs", "destination_id step", where, [source, run, target])
