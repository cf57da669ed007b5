"""What tracking speaks of: experiments, runs, points of a metric, inputs, logged models, artifacts.

Times are milliseconds since the Unix epoch. A run's id is 32 lower-case hex digits that sort by birth (48 bits of
milliseconds, 80 random bits, as UUIDv7 lays them out but without version bits): the form that MLflow clients expect,
and the `<hex>` of `run:<hex>`. This module checks nothing.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.refs import Ref

RunId = NewType("RunId", str)
ModelId = NewType("ModelId", str)
ExperimentId = Annotated[str, Meta(pattern=r"^[0-9]{1,18}$", description="an experiment's number, as text")]


class Special(StrEnum):
    """Numbers that JSON cannot write."""

    NAN = "NaN"
    INFINITY = "Infinity"
    MINUS_INFINITY = "-Infinity"


Real = float | Special
"""A float64; not-a-number and the infinities as text, so that JSON carries them."""


def real(value: float) -> Real:
    """`value` as JSON can carry it."""
    if math.isfinite(value):
        return value
    return Special.NAN if math.isnan(value) else Special.INFINITY if value > 0 else Special.MINUS_INFINITY


class Stage(StrEnum):
    """Whether a thing is in use or set aside."""

    ACTIVE = "active"
    DELETED = "deleted"


class View(StrEnum):
    """Which stages a list shows."""

    ACTIVE = "active"
    DELETED = "deleted"
    ALL = "all"


class RunStatus(StrEnum):
    """How far a run has come."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def is_over(self) -> bool:
        """True if nothing more is expected of the run."""
        return self in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)


class ModelStatus(StrEnum):
    """How far a logged model has come."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


class Experiment(Struct, frozen=True, kw_only=True):
    """A named set of runs."""

    id: str
    name: str
    artifact_location: str
    stage: Stage = Stage.ACTIVE
    created_ms: int = 0
    updated_ms: int = 0
    tags: dict[str, str] = {}


class Point(Struct, frozen=True, kw_only=True):
    """One value of one metric.

    Attributes:
        at_ms: when it was measured.
        model: the logged model that it describes, if it does; with the dataset that it was measured on.
    """

    key: str
    value: Real
    at_ms: int
    step: int = 0
    model: str | None = None
    dataset: str | None = None
    dataset_digest: str | None = None
    run: str | None = None

    @property
    def number(self) -> float:
        """The value as a float."""
        return float(self.value)


class Dataset(Struct, frozen=True, kw_only=True):
    """Data that a run read; `source` is a ref of the lake, or the text that an MLflow client sent."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str | None = None
    profile: str | None = None


class DatasetInput(Struct, frozen=True, kw_only=True):
    """A dataset as one run used it, with tags such as `mlflow.data.context`."""

    dataset: Dataset
    tags: dict[str, str] = {}


class DatasetSummary(Struct, frozen=True, kw_only=True):
    """A dataset that some run of an experiment used, and in what part."""

    experiment: str
    name: str
    digest: str
    context: str | None = None


class ModelOutput(Struct, frozen=True, kw_only=True):
    """A logged model that a run made, at which step."""

    model: str
    step: int = 0


class RunInfo(Struct, frozen=True, kw_only=True):
    """What identifies a run, and how it stands."""

    id: RunId
    experiment: str
    name: str
    status: RunStatus
    user: str = ""
    start_ms: int = 0
    end_ms: int | None = None
    stage: Stage = Stage.ACTIVE
    artifact_uri: str = ""


class Run(RunInfo, frozen=True, kw_only=True):
    """One execution and all that it noted.

    Attributes:
        metrics: the last point of each metric, by step, then time.
        commit: the code commit it ran, if it said so.
        reads: refs of the inputs that lie in the lake.
    """

    metrics: list[Point] = []
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    inputs: list[DatasetInput] = []
    model_inputs: list[str] = []
    outputs: list[ModelOutput] = []
    commit: str | None = None
    parent: str | None = None
    reads: list[Ref] = []


class LoggedModel(Struct, frozen=True, kw_only=True):
    """A model as a run logged it, before anybody registers it."""

    id: ModelId
    experiment: str
    name: str
    artifact_uri: str
    status: ModelStatus = ModelStatus.PENDING
    model_type: str = ""
    run: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    stage: Stage = Stage.ACTIVE
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[Point] = []


class Artifact(Struct, frozen=True, kw_only=True):
    """A file below a run or a logged model, or a folder of such.

    Attributes:
        path: relative to its owner, parts joined by `/`.
        digest: SHA-256 of the bytes; None for a folder.
    """

    path: str
    is_folder: bool = False
    size_bytes: int | None = None
    digest: str | None = None
    stored_ms: int | None = None


class DatasetFilter(Struct, frozen=True, kw_only=True):
    """Narrows a search of logged models to metrics that were measured on a dataset."""

    name: str
    digest: str | None = None


class ModelOrder(Struct, frozen=True, kw_only=True):
    """How to sort logged models: by an attribute, or by `metrics.<name>` (on one dataset, if given)."""

    field: str
    ascending: bool = True
    dataset: str | None = None
    dataset_digest: str | None = None
