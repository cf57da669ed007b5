"""Evaluations: a version's answers on rows whose truth is known, kept so that two versions can be compared fairly.

Rows are columns of equal length. Two evaluations are paired where they are about the same rows: equal ids, or where
none were given, equal truths and groups in the same order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name, Ref
from modelyard.registry.api.records import ModelName, VersionNumber


class Task(StrEnum):
    """What the model answers: the probability of a yes, or a number."""

    BINARY = "binary"
    REGRESSION = "regression"


class Metric(StrEnum):
    """How good answers are: five for yes or no, three for numbers, and two of how long they took."""

    LOG_LOSS = "log_loss"
    AUC = "auc"
    ACCURACY = "accuracy"
    BRIER = "brier"
    CALIBRATION_ERROR = "calibration_error"
    MAE = "mae"
    RMSE = "rmse"
    R2 = "r2"
    LATENCY_P50 = "latency_p50"
    LATENCY_P99 = "latency_p99"

    @property
    def more_is_better(self) -> bool:
        """True if a higher figure is a better one."""
        return self in (Metric.AUC, Metric.ACCURACY, Metric.R2)

    @property
    def is_time(self) -> bool:
        """True if it says how long an answer took, in milliseconds."""
        return self in (Metric.LATENCY_P50, Metric.LATENCY_P99)

    def suits(self, task: Task) -> bool:
        """True if it can be asked of that task's answers."""
        return self.is_time or (self in (Metric.MAE, Metric.RMSE, Metric.R2)) == (task is Task.REGRESSION)


class Parity(StrEnum):
    """What is compared between groups: how often the answer is yes, and how often it is where yes is true."""

    SELECTION_RATE = "selection_rate"
    TRUE_POSITIVE_RATE = "true_positive_rate"


class EvaluationRows(Struct, frozen=True, kw_only=True):
    """A version's answers, row by row.

    Attributes:
        labels: the truth: 0 or 1, or a number.
        scores: the answer: a probability of 1, or a number.
        groups: columns to look at parts by, e.g. `{"zone": ["7", "8", ...]}`.
        ids: what names each row; by them rows are paired.
        latencies_ms: how long each answer took, as whoever asked has measured it.
    """

    labels: list[float]
    scores: list[float]
    groups: dict[str, list[str]] = {}
    ids: list[str] = []
    latencies_ms: list[float] = []


class Figure(Struct, frozen=True, kw_only=True):
    """A metric over all rows, or over those of one group.

    Attributes:
        value: None where the rows do not allow it, e.g. all of one class.
        low, high: the 95 % interval, by bootstrap.
        group: `column=value`; empty for all rows.
    """

    metric: Metric
    value: float | None
    low: float | None = None
    high: float | None = None
    group: str = ""
    rows: int = 0


class GroupGap(Struct, frozen=True, kw_only=True):
    """How far groups lie apart.

    Attributes:
        gap: highest less lowest rate over groups of at least 30 rows that count; None for fewer than two such.
        rates: each such group's rate.
    """

    parity: Parity
    column: str
    gap: float | None
    low: float | None = None
    high: float | None = None
    rates: dict[str, float] = {}


class Evaluation(Struct, frozen=True, kw_only=True):
    """How good a version was on one set of rows.

    Attributes:
        dataset: what the rows are called, e.g. `holdout-2026-05`.
        data: the ref of the rows' table or training set, if they have one.
        rows_key: equal for evaluations of the same rows.
        digest: of the stored rows.
        threshold: score from which the answer counts as yes.
    """

    id: int
    name: str
    version: int
    dataset: str
    task: Task
    rows: int
    rows_key: str
    digest: str
    threshold: float
    figures: tuple[Figure, ...]
    gaps: tuple[GroupGap, ...]
    at_ms: int
    by: ActorId
    data: Ref | None = None


class EvaluationOperations(ABC):
    """What can be done with evaluations."""

    @operation(
        "POST",
        "/models/{name}/versions/{version}/evaluations",
        scope="registry:write",
        about="model:{name}@{version}",
        effect=Effect.WORK,
        private=("rows",),
    )
    @abstractmethod
    def evaluate(
        self,
        name: ModelName,
        version: VersionNumber,
        dataset: Name,
        rows: EvaluationRows,
        *,
        task: Task = Task.BINARY,
        threshold: float = 0.5,
        data: Ref | None = None,
    ) -> Evaluation:
        """Keep a version's answers on rows whose truth is known, and say how good they are.

        Args:
            name: the model.
            version: its number.
            dataset: what to call the rows.
            rows: truth, answers and groups, at most a million rows.
            task: whether answers are probabilities of a yes, or numbers.
            threshold: score from which the answer counts as yes.
            data: where the rows come from, e.g. `table:trips@12`.

        Raises:
            NotFound: there is no such model or version.
            InvalidInput: no rows, columns of different lengths, or values that the task does not have.

        Example:
            yard registry evaluate tips 3 holdout '{"labels": [0, 1], "scores": [0.2, 0.9]}'
        """

    @operation(
        "GET", "/models/{name}/versions/{version}/evaluations", scope="registry:read", about="model:{name}@{version}"
    )
    @abstractmethod
    def evaluations(
        self, name: ModelName, version: VersionNumber, limit: Limit = 100, cursor: str | None = None
    ) -> Page[Evaluation]:
        """List how good a version was, newest first.

        Args:
            name: the model.
            version: its number.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry evaluations tips 3
        """
