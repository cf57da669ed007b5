"""The door of tracking: records, news, limits, batches, and the interface `Tracking`."""

from __future__ import annotations

from modelyard.tracking.api.adoption import Adopted, AdoptedKind, AdoptionOperations
from modelyard.tracking.api.artifacts import ArtifactOperations
from modelyard.tracking.api.batches import Batch, KeyClash, Latest, Log, Measured
from modelyard.tracking.api.boards import (
    Board,
    BoardOperations,
    BoardRow,
    Field,
    FieldKind,
    FieldValue,
    RunGroup,
    SavedView,
    Spread,
)
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
from modelyard.tracking.api.tails import Tail, TailOperations


class Tracking(
    ExperimentOperations,
    RunOperations,
    BoardOperations,
    MetricOperations,
    TailOperations,
    ModelOperations,
    ArtifactOperations,
    ReproductionOperations,
    AdoptionOperations,
):
    """Experiments, runs, metric series, logged models and artifacts."""


__all__ = [
    "INVOCATION_TAG",
    "REPRODUCES_TAG",
    "Adopted",
    "AdoptedKind",
    "Artifact",
    "ArtifactsDeleted",
    "Axis",
    "Batch",
    "Board",
    "BoardRow",
    "Dataset",
    "DatasetFilter",
    "DatasetInput",
    "DatasetSummary",
    "Experiment",
    "ExperimentCreated",
    "ExperimentDeleted",
    "ExperimentId",
    "ExperimentRestored",
    "Field",
    "FieldKind",
    "FieldValue",
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
    "RunGroup",
    "RunId",
    "RunReproduced",
    "RunRestored",
    "RunStarted",
    "RunStatus",
    "SavedView",
    "Special",
    "Spread",
    "Stage",
    "Subject",
    "Tail",
    "Tracking",
    "Verdict",
    "View",
    "real",
]
