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
    RunReproduced,
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
from modelyard.tracking.api.reproductions import (
    INVOCATION_TAG,
    REPRODUCES_TAG,
    Likeness,
    Outcome,
    Reproduction,
    ReproductionOperations,
    Subject,
    Verdict,
)
from modelyard.tracking.api.runs import RunOperations


class Tracking(
    ExperimentOperations,
    RunOperations,
    MetricOperations,
    ModelOperations,
    ArtifactOperations,
    ReproductionOperations,
):
    """Experiments, runs, metric series, logged models and artifacts."""


__all__ = [
    "INVOCATION_TAG",
    "REPRODUCES_TAG",
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
    "Likeness",
    "Log",
    "LoggedModel",
    "Measured",
    "ModelId",
    "ModelLogged",
    "ModelOrder",
    "ModelOutput",
    "ModelStatus",
    "Outcome",
    "Point",
    "Real",
    "Reproduction",
    "Run",
    "RunDeleted",
    "RunFinished",
    "RunId",
    "RunReproduced",
    "RunRestored",
    "RunStarted",
    "RunStatus",
    "Special",
    "Stage",
    "Subject",
    "Tracking",
    "Verdict",
    "View",
    "real",
]
