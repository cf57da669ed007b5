"""The door of tracking: records, news, limits, batches, and the interface `Tracking`."""

from __future__ import annotations

from modelyard.tracking.api.artifacts import ArtifactOperations
from modelyard.tracking.api.batches import Batch, KeyClash, Latest, Log, Measured
from modelyard.tracking.api.experiments import ExperimentOperations
from modelyard.tracking.api.metrics import Axis, MetricOperations
from modelyard.tracking.api.models import ModelOperations
from modelyard.tracking.api.news import (
    ArtifactsDeleted,
    ExperimentCreated,
    ExperimentDeleted,
    ExperimentRestored,
    InputsLogged,
    ModelLogged,
    RunDeleted,
    RunFinished,
    RunRestored,
    RunStarted,
)
from modelyard.tracking.api.records import (
    Artifact,
    Dataset,
    DatasetFilter,
    DatasetInput,
    DatasetSummary,
    Experiment,
    ExperimentId,
    LoggedModel,
    ModelId,
    ModelOrder,
    ModelOutput,
    ModelStatus,
    Point,
    Real,
    Run,
    RunId,
    RunStatus,
    Special,
    Stage,
    View,
    real,
)
from modelyard.tracking.api.runs import RunOperations


class Tracking(ExperimentOperations, RunOperations, MetricOperations, ModelOperations, ArtifactOperations):
    """Experiments, runs, metric series, logged models and artifacts."""


__all__ = [
    "Artifact",
    "ArtifactsDeleted",
    "Axis",
    "Batch",
    "Dataset",
    "DatasetFilter",
    "DatasetInput",
    "DatasetSummary",
    "Experiment",
    "ExperimentCreated",
    "ExperimentDeleted",
    "ExperimentId",
    "ExperimentRestored",
    "InputsLogged",
    "KeyClash",
    "Latest",
    "Log",
    "LoggedModel",
    "Measured",
    "ModelId",
    "ModelLogged",
    "ModelOrder",
    "ModelOutput",
    "ModelStatus",
    "Point",
    "Real",
    "Run",
    "RunDeleted",
    "RunFinished",
    "RunId",
    "RunRestored",
    "RunStarted",
    "RunStatus",
    "Special",
    "Stage",
    "Tracking",
    "View",
    "real",
]
