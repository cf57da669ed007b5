"""Our records in the shapes of MLflow's messages (`service.proto` of MLflow 3)."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from modelyard.protocols.mlflow.wire import KeyValue, as_pairs
from modelyard.tracking.api import (
    Artifact,
    DatasetInput,
    Experiment,
    LoggedModel,
    ModelStatus,
    Point,
    Real,
    Run,
    RunInfo,
)

MODEL_STATUS = {
    ModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    ModelStatus.READY: "LOGGED_MODEL_READY",
    ModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}


class ExperimentShape(Struct, kw_only=True):
    """`Experiment`."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    last_update_time: int
    creation_time: int
    tags: list[KeyValue]


class MetricShape(Struct, kw_only=True):
    """`Metric`, and `MetricWithRunId`."""

    key: str
    value: Real
    timestamp: int
    step: int
    dataset_name: str | UnsetType = UNSET
    dataset_digest: str | UnsetType = UNSET
    model_id: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET


class RunInfoShape(Struct, kw_only=True):
    """`RunInfo`."""

    run_id: str
    run_uuid: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    artifact_uri: str
    lifecycle_stage: str
    end_time: int | UnsetType = UNSET


class RunDataShape(Struct, kw_only=True):
    """`RunData`."""

    metrics: list[MetricShape]
    params: list[KeyValue]
    tags: list[KeyValue]


class DatasetShape(Struct, kw_only=True, omit_defaults=True):
    """`Dataset`."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInputShape(Struct, kw_only=True):
    """`DatasetInput`."""

    tags: list[KeyValue]
    dataset: DatasetShape


class ModelInputShape(Struct, kw_only=True):
    """`ModelInput`."""

    model_id: str


class ModelOutputShape(Struct, kw_only=True):
    """`ModelOutput`."""

    model_id: str
    step: int


class RunInputsShape(Struct, kw_only=True):
    """`RunInputs`."""

    dataset_inputs: list[DatasetInputShape]
    model_inputs: list[ModelInputShape]


class RunOutputsShape(Struct, kw_only=True):
    """`RunOutputs`."""

    model_outputs: list[ModelOutputShape]


class RunShape(Struct, kw_only=True):
    """`Run`."""

    info: RunInfoShape
    data: RunDataShape
    inputs: RunInputsShape
    outputs: RunOutputsShape


class ModelInfoShape(Struct, kw_only=True):
    """`LoggedModelInfo`."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: int
    last_updated_timestamp_ms: int
    artifact_uri: str
    status: str
    model_type: str
    tags: list[KeyValue]
    source_run_id: str | UnsetType = UNSET


class ModelDataShape(Struct, kw_only=True):
    """`LoggedModelData`."""

    params: list[KeyValue]
    metrics: list[MetricShape]


class ModelShape(Struct, kw_only=True):
    """`LoggedModel`."""

    info: ModelInfoShape
    data: ModelDataShape


class Presigned(Struct, kw_only=True):
    """Where a file is fetched; without a size clients fetch it through the server after all."""

    url: str
    headers: dict[str, str]
    file_size: int | UnsetType = UNSET


class FileShape(Struct, kw_only=True):
    """`FileInfo`."""

    path: str
    is_dir: bool
    file_size: int | UnsetType = UNSET


def experiment(one: Experiment) -> ExperimentShape:
    """An experiment."""
    return ExperimentShape(
        experiment_id=one.id, name=one.name, artifact_location=one.artifact_location, lifecycle_stage=one.stage,
        last_update_time=one.updated_ms, creation_time=one.created_ms, tags=as_pairs(one.tags),
    )  # fmt: skip


def metric(one: Point) -> MetricShape:
    """A point."""
    return MetricShape(
        key=one.key, value=one.value, timestamp=one.at_ms, step=one.step, dataset_name=one.dataset or UNSET,
        dataset_digest=one.dataset_digest or UNSET, model_id=one.model or UNSET, run_id=one.run or UNSET,
    )  # fmt: skip


def run_info(one: RunInfo) -> RunInfoShape:
    """What identifies a run and how it stands."""
    return RunInfoShape(
        run_id=one.id, run_uuid=one.id, run_name=one.name, experiment_id=one.experiment, user_id=one.user,
        status=one.status, start_time=one.start_ms, artifact_uri=one.artifact_uri, lifecycle_stage=one.stage,
        end_time=one.end_ms or UNSET,
    )  # fmt: skip


def run(one: Run) -> RunShape:
    """A run with all that it noted."""
    return RunShape(
        info=run_info(one),
        data=RunDataShape(
            metrics=[metric(p) for p in one.metrics], params=as_pairs(one.params), tags=as_pairs(one.tags)
        ),
        inputs=RunInputsShape(
            dataset_inputs=[_input(i) for i in one.inputs],
            model_inputs=[ModelInputShape(model_id=m) for m in one.model_inputs],
        ),
        outputs=RunOutputsShape(model_outputs=[ModelOutputShape(model_id=m.model, step=m.step) for m in one.outputs]),
    )


def _input(one: DatasetInput) -> DatasetInputShape:
    d = one.dataset
    shape = DatasetShape(
        name=d.name, digest=d.digest, source_type=d.source_type, source=d.source, schema=d.schema, profile=d.profile
    )
    return DatasetInputShape(tags=as_pairs(one.tags), dataset=shape)


def model(one: LoggedModel) -> ModelShape:
    """A logged model."""
    return ModelShape(
        info=ModelInfoShape(
            model_id=one.id, experiment_id=one.experiment, name=one.name, creation_timestamp_ms=one.created_ms,
            last_updated_timestamp_ms=one.updated_ms, artifact_uri=one.artifact_uri, status=MODEL_STATUS[one.status],
            model_type=one.model_type, tags=as_pairs(one.tags), source_run_id=one.run or UNSET,
        ),
        data=ModelDataShape(params=as_pairs(one.params), metrics=[metric(p) for p in one.metrics]),
    )  # fmt: skip


def file(one: Artifact, below: str = "") -> FileShape:
    """A file or folder; its path without the folder `below`."""
    path = one.path[len(below) + 1 :] if below else one.path
    size = UNSET if one.size_bytes is None else one.size_bytes
    return FileShape(path=path, is_dir=one.is_folder, file_size=size)
