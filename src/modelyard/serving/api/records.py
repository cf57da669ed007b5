"""What serving speaks of: endpoints, revisions, route changes, predictions, feedback. Records only, no behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.serving.api.routes import Route

Value = bool | int | float | str | None
"""One value as JSON shows it."""
Share = Annotated[float, Meta(ge=0, le=1, description="a share of the traffic, 0 to 1")]
RevisionName = Annotated[str, Meta(pattern=r"^[0-9]{1,9}$", description="a revision's number within its endpoint")]


class Stand(StrEnum):
    """How an endpoint fares.

    `serving`: every revision of its route answers. `degraded`: some answer, or a former route is still in force.
    `starting`: models are loading, or the model server is starting. `down`: nobody answers.
    """

    SERVING = "serving"
    DEGRADED = "degraded"
    STARTING = "starting"
    DOWN = "down"


class Endpoint(Struct, frozen=True, kw_only=True):
    """A name under which predictions are asked for.

    Attributes:
        address: where to ask, over the Open Inference Protocol; empty while no model server runs.
        reason: why it does not stand better.
        route_number: counts the changes of the route, from 1.
        tables: lake tables that hold its predictions.
    """

    name: str
    ref: Ref
    route: Route
    route_number: int
    stand: Stand
    reason: str
    address: str
    revisions: int
    tables: tuple[str, ...]
    created_ms: int
    updated_ms: int
    author: ActorId


class Column(Struct, frozen=True, kw_only=True):
    """One input or output; `width` is its number of values in a row, None for a plain one.

    Attributes:
        datatype: as the Open Inference Protocol writes it, e.g. `FP64`.
        optional: null stands for a missing value.
    """

    name: str
    datatype: str
    optional: bool = False
    width: int | None = None


class Revision(Struct, frozen=True, kw_only=True):
    """A model version made ready for serving; never changed once made.

    Attributes:
        ref: `endpoint:tips@3`.
        model: `model:tips@7`.
        version: what callers see as `model_version`.
        runtime: `onnx` where the compiled form agreed with the model on every checked row, else `sklearn`.
        note: how the compiled form was checked, or why there is none.
        types: types beyond scikit-learn's own that its file builds.
        places: where each data-plane process answers it at present; `loop`, `thread`, or why it cannot.
    """

    endpoint: str
    name: str
    ref: Ref
    model: Ref
    version: str
    runtime: str
    note: str
    digest: str
    size_bytes: int
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    types: tuple[str, ...]
    at_ms: int
    author: ActorId
    places: dict[str, str] = {}


class RouteChange(Struct, frozen=True, kw_only=True):
    """A route as it came into force.

    Attributes:
        why: `deploy`, `promote`, `rollback`, `set`.
    """

    endpoint: str
    number: int
    route: Route
    why: str
    comment: str
    at_ms: int
    author: ActorId


class Prediction(Struct, frozen=True, kw_only=True):
    """One row that was answered (or that a shadow saw), as it was logged before the answer left.

    Attributes:
        route: `champion`, `canary`, `trial`, `header`, `version` or `shadow`.
        keys: what the caller said the row is about: the scalar parameters of the request.
        outputs: by name; an output of several values has one entry for each, `name_place` or `name_class`.
        label: what turned out to be true, once somebody said so.
    """

    id: str
    ref: Ref
    endpoint: str
    revision: str
    model: Ref
    version: str
    route: str
    at_ms: int
    latency_ms: float
    status: int
    request_id: str
    caller: str
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    keys: dict[str, Value] = {}
    label: Value = None


class Truth(Struct, frozen=True, kw_only=True):
    """What turned out to be true for a prediction; `at_ms` is when it became known."""

    prediction: Annotated[str, Meta(pattern=r"^pred_[0-9A-HJKMNP-TV-Z]{26}$", description="id of the prediction")]
    label: Value
    at_ms: int | None = None


class Feedback(Struct, frozen=True, kw_only=True):
    """A truth as it was kept; a later one for the same prediction takes its place."""

    prediction: str
    label: Value
    at_ms: int
    author: ActorId


class Folded(Struct, frozen=True, kw_only=True):
    """What one round of folding moved from segments into tables."""

    segments: int
    predictions: int
    tables: tuple[str, ...]
