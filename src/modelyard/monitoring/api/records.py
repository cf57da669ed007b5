"""What monitoring speaks of: monitors, windows, verdicts. Records only, no behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.refs import Name, Ref

VerdictId = NewType("VerdictId", str)
VERDICT = IdKind("verdict", VerdictId)

ColumnName = Annotated[str, Meta(min_length=1, max_length=200)]
Columns = Annotated[tuple[ColumnName, ...], Meta(max_length=500)]
Condition = Annotated[str, Meta(min_length=1, max_length=2_000)]
RowCount = Annotated[int, Meta(ge=50, le=10_000_000)]
Seconds = Annotated[int, Meta(ge=1, le=366 * 86_400)]
Share = Annotated[float, Meta(ge=0, le=1)]


class NumberMeasure(StrEnum):
    """What decides for numbers: Kolmogorov-Smirnov, normalised Wasserstein, or population stability index."""

    KS = "ks"
    WASSERSTEIN = "wasserstein"
    PSI = "psi"


class CategoryMeasure(StrEnum):
    """What decides for categories: Jensen-Shannon distance or population stability index."""

    JS = "js"
    PSI = "psi"


class Window(Struct, frozen=True, kw_only=True):
    """How rows are grouped for judging: so many, or so long; exactly one of the two.

    Attributes:
        rows: successive rows in the order of loading.
        period_s: successive spans of the monitor's `time` column, aligned to the Unix epoch.
    """

    rows: RowCount | None = None
    period_s: Seconds | None = None


class Task(StrEnum):
    """What the watched predictions are: of two classes, or numbers."""

    CLASSES = "classes"
    NUMBERS = "numbers"


class Predictions(Struct, frozen=True, kw_only=True):
    """Where in the watched table the predictions stand; they are compared if the reference holds them as well.

    Attributes:
        column: the prediction; for classes, 1 (or true) is positive.
        score: the probability of the positive class; needed for AUC, log loss and the estimate without labels.
        label: the truth, where the table holds it; null until it is known.
        key: what names a prediction, so that labels can be attached later.
        groups: columns by which fairness is compared.
    """

    column: ColumnName
    score: ColumnName | None = None
    label: ColumnName | None = None
    key: ColumnName | None = None
    groups: Annotated[tuple[ColumnName, ...], Meta(max_length=20)] = ()
    task: Task = Task.CLASSES


class Watch(Struct, frozen=True, kw_only=True):
    """What a monitor watches, and against what.

    Attributes:
        table: the table in which new rows arrive; for an endpoint, the table that its predictions are folded into.
        endpoint: the endpoint whose predictions these are, for lineage and rollback.
        reference: `table:name@version` that a window is compared with.
        reference_where: a condition in SQL that narrows the reference, e.g. to one period.
        where: a condition in SQL on the rows that are watched.
        prefix: what the watched table puts before the reference's names, e.g. `in_` where endpoints log their inputs.
        columns: the reference's; none means all that have a distribution: keys, times and texts that name a row are
            left out.
        time: the column that says when a row belongs.
        every_s: judge the newest rows this often; none judges each window once it is complete.
        alpha: the share of false calls among all calls that is borne.
        least_distance: how far a column must have moved to matter, on the scale of its measure.
    """

    table: Name
    reference: Ref
    endpoint: Name | None = None
    reference_where: Condition | None = None
    where: Condition | None = None
    prefix: Annotated[str, Meta(max_length=100)] = ""
    columns: Columns = ()
    time: ColumnName | None = None
    window: Window = Window(rows=1_000)
    predictions: Predictions | None = None
    every_s: Seconds | None = None
    alpha: Annotated[float, Meta(gt=0, le=0.5)] = 0.05
    least_distance: Share = 0.02
    numbers: NumberMeasure = NumberMeasure.KS
    categories: CategoryMeasure = CategoryMeasure.JS


class Monitor(Struct, frozen=True, kw_only=True):
    """A monitor as it stands.

    Attributes:
        seen: rows (or, with a period, milliseconds since the Unix epoch) up to which windows have been judged.
        last: the newest verdict.
    """

    name: str
    ref: Ref
    watch: Watch
    description: str
    author: ActorId
    created_ms: int
    seen: int
    last: VerdictId | None
    last_ms: int | None
    drifted: bool | None


class ProfiledColumn(Struct, frozen=True, kw_only=True):
    """A column of the reference: how far a window of the usual size strays when nothing has changed.

    Attributes:
        kind: `number` or `category`.
        threshold: the distance that 1 - alpha of such windows stay below.
        windows: independent windows that the reference gave to learn from.
        time_matters: True if successive windows differ by more than chance explains; the threshold allows for it.
    """

    name: str
    kind: str
    measure: str
    rows: int
    null_share: float
    threshold: float
    windows: int
    time_matters: bool
    mean: float | None
    deviation: float | None
    categories: int


class Profile(Struct, frozen=True, kw_only=True):
    """What a monitor keeps of its reference, so that a check need not read it again."""

    monitor: str
    reference: Ref
    rows: int
    window_rows: int
    columns: tuple[ProfiledColumn, ...]
    left_out: tuple[str, ...]
    made_ms: int


class ColumnVerdict(Struct, frozen=True, kw_only=True):
    """One column of a window against the reference.

    Attributes:
        distance: by the column's measure.
        threshold: the distance that a single window without change stays below with 1 - alpha, or the least that
            matters if that is more.
        p_value: chance of a distance (or difference in nulls) like this when nothing has changed.
        q_value: the same, adjusted for all columns asked at once (Benjamini and Hochberg 1995).
        drifted: `q_value` is at most alpha, and the distance matters.
        unseen: categories that the reference never held, at most 20.
        shift: of the mean, in standard deviations of the reference.
        stability: population stability index, for those who are used to it.
    """

    name: str
    kind: str
    measure: str
    distance: float
    threshold: float
    p_value: float
    q_value: float
    drifted: bool
    null_share: float
    reference_null_share: float
    null_drifted: bool
    unseen: tuple[str, ...]
    unseen_share: float
    mean: float | None
    reference_mean: float | None
    shift: float | None
    stability: float


class Performance(Struct, frozen=True, kw_only=True):
    """How right the predictions of a window were.

    Attributes:
        rows, labelled: predictions, and how many of them have a label by now.
        expected_accuracy, expected_log_loss, expected_auc: estimated from calibrated probabilities over all rows,
            labelled or not. They do not see concept drift.
        blind_to: what these figures cannot tell, in words.
    """

    rows: int
    labelled: int
    accuracy: float | None = None
    log_loss: float | None = None
    auc: float | None = None
    mean_absolute_error: float | None = None
    root_mean_squared_error: float | None = None
    expected_accuracy: float | None = None
    expected_log_loss: float | None = None
    expected_auc: float | None = None
    blind_to: str = ""


class GroupFigures(Struct, frozen=True, kw_only=True):
    """One group's shares; `positives` are rows whose label is positive."""

    group: str
    rows: int
    selected: int
    positives: int
    hits: int


class ShareGap(Struct, frozen=True, kw_only=True):
    """The widest difference of a share between two groups of at least 30 rows, with its 95 % interval."""

    high: str
    low: str
    value: float
    lower: float
    upper: float


class Fairness(Struct, frozen=True, kw_only=True):
    """How groups of one column fare: `selection` compares who is chosen, `opportunity` who of the positives is."""

    column: str
    groups: tuple[GroupFigures, ...]
    selection: ShareGap | None
    opportunity: ShareGap | None


class Verdict(Struct, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        window: the version of the watched table that was read.
        start, end: the rows from `start` up to `end` in the order of loading, or milliseconds of the time column.
        by_time: True if `start` and `end` are moments.
        sentence: the whole in one sentence for people.
        figures: every number that a rule can watch, by name, e.g. `drifted_share`, `accuracy`, `null_share.fare`.
        missing: columns of the reference that the window lacks.
    """

    id: VerdictId
    monitor: str
    at_ms: int
    took_ms: int
    reference: Ref
    window: Ref
    start: int
    end: int
    by_time: bool
    rows: int
    drifted: bool
    sentence: str
    columns: tuple[ColumnVerdict, ...]
    missing: tuple[str, ...]
    performance: Performance | None
    fairness: tuple[Fairness, ...]
    figures: dict[str, float]


class VerdictLine(Struct, frozen=True, kw_only=True):
    """A verdict in a list."""

    id: VerdictId
    monitor: str
    at_ms: int
    window: Ref
    start: int
    end: int
    by_time: bool
    rows: int
    drifted: bool
    sentence: str
    figures: dict[str, float]


class Truth(Struct, frozen=True, kw_only=True):
    """A label that arrived: which prediction, and what was true (1 and 0 for classes)."""

    key: Annotated[str, Meta(min_length=1, max_length=200)]
    label: float


class Labelled(Struct, frozen=True, kw_only=True):
    """What became of attached labels: `replaced` had a label already; the newest stands."""

    monitor: str
    attached: int
    replaced: int
    total: int
