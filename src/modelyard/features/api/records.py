"""What features speak of: entities, views, training sets, online answers. Records only, no behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Name, Ref

Cell = bool | int | float | str | None
"""One value of a feature or key."""

Expression = Annotated[
    str,
    Meta(
        max_length=4000,
        description="SQL over one row of the source, e.g. `tips / nullif(fare, 0)`; no aggregates, subqueries, clocks",
    ),
]
ColumnName = Annotated[str, Meta(min_length=1, max_length=200)]
Seconds = Annotated[float, Meta(ge=0, le=3_200_000_000)]


class KeyType(StrEnum):
    """What a key is compared as, whatever type a table keeps it in."""

    STRING = "string"
    INT64 = "int64"


class Key(Struct, frozen=True, kw_only=True):
    """One part of what identifies an entity."""

    name: Name
    type: KeyType = KeyType.STRING


class Entity(Struct, frozen=True, kw_only=True):
    """Who features are about: a company, a customer, a customer at a shop.

    Attributes:
        keys: what identifies one, up to four parts.
    """

    name: str
    ref: Ref
    keys: tuple[Key, ...]
    description: str
    created_ms: int
    author: ActorId


class Aggregate(StrEnum):
    """How rows of a window become one value; rows whose expression is unknown do not count."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"


class EpochUnit(StrEnum):
    """What a number in a time column counts from 1970 on."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"


class Feature(Struct, frozen=True, kw_only=True):
    """One value of a view.

    Without `aggregate` it is the expression's value on the entity's newest row; with it, the aggregate over the rows
    of the window that ends at the asked moment, `(moment - window, moment]`.

    Attributes:
        expression: the column of the feature's own name where it is left out.
        window_s: length of the window in seconds; goes with `aggregate`.
    """

    name: Name
    expression: Expression = ""
    aggregate: Aggregate | None = None
    window_s: Annotated[float, Meta(gt=0, le=3_200_000_000)] | None = None
    description: str = ""


class ViewSpec(Struct, frozen=True, kw_only=True):
    """How features of an entity come from a table.

    Attributes:
        source: the lake table; training sets and materialisations read it at a pinned version.
        event_time: the column that says when a row happened: timestamp, date, or a number in `epoch_unit`.
        created: the column that says when a row was written down; of rows of one event time, the latest counts.
        key_columns: key of the entity -> column of the source, where they differ.
        ttl_s: a row older than this is expired and its features are unknown; None: never.
        delay_s: a row counts from that long after its event time, because nobody knew it earlier.
    """

    entity: Name
    source: Name
    event_time: ColumnName
    features: Annotated[tuple[Feature, ...], Meta(min_length=1, max_length=500)]
    created: ColumnName | None = None
    key_columns: dict[str, ColumnName] = {}
    epoch_unit: EpochUnit = EpochUnit.SECONDS
    ttl_s: Seconds | None = None
    delay_s: Seconds = 0
    description: str = ""


class FeatureType(StrEnum):
    """What a feature's values are."""

    BOOL = "bool"
    INT64 = "int64"
    FLOAT64 = "float64"
    STRING = "string"


class View(Struct, frozen=True, kw_only=True):
    """One version of a view; it never changes.

    Attributes:
        ref: `view:trips_by_company@2`.
        keys: the entity's keys as they were when it was defined.
        types: the type of each feature, in the order of the features.
        columns: the source's columns that the view reads, with their types.
        hash: equal for equal definitions.
    """

    name: str
    version: int
    ref: Ref
    spec: ViewSpec
    keys: tuple[Key, ...]
    types: tuple[FeatureType, ...]
    columns: dict[str, str]
    hash: str
    created_ms: int
    author: ActorId


class Selected(Struct, frozen=True, kw_only=True):
    """A column of a training set that comes from the labels' table: a label, or what is known with each request."""

    name: Name
    expression: Expression = ""


class Labels(Struct, frozen=True, kw_only=True):
    """The rows that a training set is built for.

    Attributes:
        table: the lake table that holds them.
        at: its version, tag or moment; the newest where it is left out.
        time: the column that says at which moment features are wanted; kept in the training set as `event_time`.
        columns: labels and request values, e.g. `{"name": "big_tip", "expression": "tips > 0.2 * fare"}`.
        key_columns: key of an entity -> column of the table, where they differ.
        where: a condition in SQL over one row; rows that do not meet it are left out.
    """

    table: Name
    time: ColumnName
    columns: Annotated[tuple[Selected, ...], Meta(min_length=1, max_length=500)]
    at: str | None = None
    key_columns: dict[str, ColumnName] = {}
    epoch_unit: EpochUnit = EpochUnit.SECONDS
    where: Expression = ""


class TrainingSpec(Struct, frozen=True, kw_only=True):
    """What a training set is made of.

    Attributes:
        views: `trips_by_company` (the newest version) or `trips_by_company@2`.
        at: source table -> version, tag or moment; the newest where it is left out.
        statuses: adds a column `<view>__status` (present, missing, expired) for each view.
        sample_rows: as many rows drawn by `seed`; all where it is left out.
    """

    labels: Labels
    views: Annotated[tuple[str, ...], Meta(max_length=50)]
    at: dict[str, str] = {}
    statuses: bool = False
    sample_rows: Annotated[int, Meta(ge=1)] | None = None
    seed: Annotated[int, Meta(ge=0)] = 0


class TrainingSet(Struct, frozen=True, kw_only=True):
    """One version of a training set: a version of a lake table, and what it was made from.

    Attributes:
        ref: `table:tips_training@3`; read it through the lake.
        columns: in order: the keys, `event_time`, the selected columns, then `<view>__<feature>`.
        hash: equal for equal definitions over equal versions; building the same again answers with what is there.
        reads: tables and views it was made from, each at its version.
        missing, expired: for each view, the rows whose features are unknown for that reason.
    """

    name: str
    version: int
    ref: Ref
    spec: TrainingSpec
    views: tuple[Ref, ...]
    reads: tuple[Ref, ...]
    columns: tuple[str, ...]
    rows: int
    missing: dict[str, int]
    expired: dict[str, int]
    hash: str
    created_ms: int
    took_ms: int
    author: ActorId


class Materialisation(Struct, frozen=True, kw_only=True):
    """The newest state of a view's online rows.

    Attributes:
        up_to_ms: rows of the source up to this moment are in.
        read: the version of the source that was read.
        entities: rows written.
    """

    view: Ref
    up_to_ms: int
    read: Ref
    entities: int
    at_ms: int
    took_ms: int


class Status(StrEnum):
    """Why a view's features are known or unknown: the entity has no row yet, or its newest one is too old."""

    PRESENT = "present"
    MISSING = "missing"
    EXPIRED = "expired"


class OnlineRow(Struct, frozen=True, kw_only=True):
    """The features of one entity now.

    Attributes:
        values: `<view>__<feature>` -> value; None is unknown.
        status: view -> why its features are known or not.
        age_s: view -> seconds since the row that they come from counts; None if there is none.
    """

    values: dict[str, Cell]
    status: dict[str, Status]
    age_s: dict[str, float | None]


class OnlineAnswer(Struct, frozen=True, kw_only=True):
    """Features of several entities, in the order asked."""

    views: tuple[Ref, ...]
    at_ms: int
    rows: tuple[OnlineRow, ...]


class Pushed(Struct, frozen=True, kw_only=True):
    """What a push did."""

    view: Ref
    rows: int
    entities: int


class Forgotten(Struct, frozen=True, kw_only=True):
    """What an erasure removed from the online rows; it never names the key.

    Attributes:
        rows: view -> online rows removed.
    """

    entity: str
    rows: dict[str, int]
    at_ms: int
