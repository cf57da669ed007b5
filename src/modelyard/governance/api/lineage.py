"""Where things come from and what they reached: the graph of refs that events span, and the walks along it.

An edge says that one event read the one ref and wrote the other. Predictions and rows are too many to be events: the
slices that hold them answer for them through `PredictionSource` and `RowSource`, which the app wires.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from modelyard.kernel.events import Event
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Ref

Depth = Annotated[int, Meta(ge=1, le=50, description="steps along the graph, 1 to 50")]
Most = Annotated[int, Meta(ge=1, le=5000, description="things at most, 1 to 5,000")]


class LineageNode(Struct, frozen=True, kw_only=True):
    """One thing in the graph.

    Attributes:
        kind: the ref's kind, e.g. `table`.
        depth: steps from where the question began; negative for what it was made from.
        at_ms, actor, operation: of the event that wrote it last; empty for what came from outside.
    """

    ref: Ref
    kind: str
    depth: int
    at_ms: int | None = None
    actor: ActorId | None = None
    actor_name: str = ""
    operation: str = ""


class LineageEdge(Struct, frozen=True, kw_only=True):
    """`target` was made from `source`, last by the event with number `seq`."""

    source: Ref
    target: Ref
    operation: str
    seq: int
    at_ms: int
    actor: ActorId


class LineageGraph(Struct, frozen=True, kw_only=True):
    """A part of the graph.

    Attributes:
        root: where it begins, with the version that it was resolved to.
        cut: True if there is more than was asked for.
    """

    root: Ref
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    cut: bool = False


class Stage(StrEnum):
    """What a step of a walk stands for, from the answer back to its origin."""

    PREDICTION = "prediction"
    ENDPOINT = "endpoint"
    MODEL = "model"
    APPROVAL = "approval"
    RUN = "run"
    CODE = "code"
    TRAINING_SET = "training_set"
    FEATURES = "features"
    TABLE = "table"
    SOURCE = "source"
    ROW = "row"
    OTHER = "other"


class WalkStep(Struct, frozen=True, kw_only=True):
    """One step of the way back.

    Attributes:
        ref: the thing; None for what has no ref, such as a commit of code.
        text: it in words: the commit, the source's line, the approver's comment.
        actor: who made, started or approved it.
    """

    stage: Stage
    ref: Ref | None = None
    text: str = ""
    at_ms: int | None = None
    actor: ActorId | None = None
    actor_name: str = ""


class PredictionTrace(Struct, frozen=True, kw_only=True):
    """What a prediction was made from, as serving logged it.

    Attributes:
        made_from: refs that it used: endpoint revision, model version, feature views.
        inputs: the values that the model saw, as text.
        keys: the entity it is about, by name of its key column.
    """

    ref: Ref
    at_ms: int
    endpoint: Ref
    made_from: tuple[Ref, ...]
    inputs: Mapping[str, str]
    keys: Mapping[str, str]
    output: str = ""


class RowTrace(Struct, frozen=True, kw_only=True):
    """Where a row came from, and where it stands.

    Attributes:
        tables: the table versions that hold it.
        source: the file or query it was loaded from.
        line: its place in the source, counted from 1; None if the source has no lines.
        keys: the entities it is about, by name of their key columns.
    """

    ref: Ref
    tables: tuple[Ref, ...]
    source: Ref | None
    line: int | None
    keys: Mapping[str, str]


class Reached(Struct, frozen=True, kw_only=True):
    """Predictions reached from a row.

    Attributes:
        total: how many there are; `some` holds the newest of them.
        about: how many of them are about the row's own entity.
    """

    total: int
    about: int
    some: tuple[Ref, ...]


class Reach(Struct, frozen=True, kw_only=True):
    """Everything that a source row reached.

    Attributes:
        graph: what was made from the table versions that hold it.
        models, endpoints: the model versions and endpoints among it.
    """

    row: RowTrace
    graph: LineageGraph
    models: tuple[Ref, ...]
    endpoints: tuple[Ref, ...]
    predictions: Reached


class Walk(Struct, frozen=True, kw_only=True):
    """The way back from a prediction, in order: each stage, nearest first."""

    prediction: PredictionTrace
    steps: list[WalkStep]
    cut: bool = False


class PredictionSource(Protocol):
    """Who holds the logged predictions."""

    def trace(self, prediction: str) -> PredictionTrace | None:
        """What a prediction was made from; None if there is none of that id."""
        ...

    def reached(self, made_from: Sequence[Ref], keys: Mapping[str, str], *, limit: int) -> Reached:
        """Predictions made from any of the refs (endpoints, model versions) or about the keys, newest first."""
        ...


class RowSource(Protocol):
    """Who holds the rows of tables."""

    def row(self, row: Ref) -> RowTrace | None:
        """Where a row came from; None if there is no such row."""
        ...

    def about(self, table: Ref, keys: Mapping[str, str], *, limit: int) -> list[RowTrace]:
        """Rows of a table version about an entity; none if the table does not have the key columns."""
        ...


class LineageOperations(ABC):
    """Where from, and where to."""

    @operation("GET", "/lineage/upstream", scope="governance:read", effect=Effect.SCAN)
    @abstractmethod
    def upstream(self, ref: Ref, depth: Depth = 20, limit: Most = 500) -> LineageGraph:
        """Show what a thing was made from, step by step.

        Args:
            ref: the thing, e.g. `model:tips@3`; without a version, its latest.
            depth: how many steps to go.
            limit: how many things to show.

        Example:
            yard governance upstream model:tips
        """

    @operation("GET", "/lineage/downstream", scope="governance:read", effect=Effect.SCAN)
    @abstractmethod
    def downstream(self, ref: Ref, depth: Depth = 20, limit: Most = 500) -> LineageGraph:
        """Show what was made from a thing, step by step.

        Args:
            ref: the thing, e.g. `table:trips@12`; without a version, its latest.
            depth: how many steps to go.
            limit: how many things to show.

        Example:
            yard governance downstream table:trips@1
        """

    @operation("GET", "/lineage/graph", scope="governance:read", effect=Effect.SCAN)
    @abstractmethod
    def graph(self, ref: Ref, depth: Depth = 3, limit: Most = 200) -> LineageGraph:
        """Show the graph around a thing, both ways.

        Args:
            ref: the thing; without a version, its latest.
            depth: how many steps to go each way.
            limit: how many things to show each way.
        """

    @operation("GET", "/lineage/history", scope="governance:read", effect=Effect.SCAN)
    @abstractmethod
    def history(self, ref: Ref, limit: Limit = 50, cursor: str | None = None) -> Page[Event]:
        """List what happened to a thing, newest first.

        Args:
            ref: the thing; without a version, all of its versions.
        """

    @operation(
        "GET",
        "/lineage/predictions/{prediction}",
        scope="governance:read",
        effect=Effect.SCAN,
        about="prediction:{prediction}",
    )
    @abstractmethod
    def walk(self, prediction: str) -> Walk:
        """Walk back from a prediction to its model, approver, run, code, features, tables, source file and rows.

        Raises:
            NotFound: no prediction of that id was logged.

        Example:
            yard governance walk pred_01J...
        """

    @operation("GET", "/lineage/rows", scope="governance:read", effect=Effect.SCAN)
    @abstractmethod
    def reach(self, row: Ref, limit: Limit = 100) -> Reach:
        """Walk forward from a source row to every model, endpoint and prediction it reached.

        Args:
            row: its ref, `row:LOAD/NUMBER`.
            limit: how many predictions to show.

        Raises:
            NotFound: no such row.
        """
