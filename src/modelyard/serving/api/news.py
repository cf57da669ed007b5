"""What serving tells: endpoints made and removed, revisions deployed, routes moved."""

from __future__ import annotations

from modelyard.kernel.events import News
from modelyard.serving.api.routes import Route


class EndpointCreated(News, frozen=True, kw_only=True):
    """A name was taken for predictions."""

    endpoint: str


class EndpointRemoved(News, frozen=True, kw_only=True):
    """An endpoint answers no more; its predictions stay."""

    endpoint: str


class RevisionDeployed(News, frozen=True, kw_only=True):
    """A model version was made ready on an endpoint."""

    endpoint: str
    revision: str
    model: str
    runtime: str


class RouteMoved(News, frozen=True, kw_only=True):
    """The traffic of an endpoint is shared out anew; `why` is `deploy`, `promote`, `rollback` or `set`."""

    endpoint: str
    number: int
    route: Route
    why: str


class PredictionsFolded(News, frozen=True, kw_only=True):
    """Predictions of an endpoint came into its table."""

    endpoint: str
    table: str
    version: int
    predictions: int


class UsageMeasured(News, frozen=True, kw_only=True):
    """What predictions of one model version on an endpoint used.

    Attributes:
        cpu_seconds: of the model server's processes, shared out by rows.
        wall_seconds: sum of the requests' latencies.
    """

    endpoint: str
    model_version: str
    cpu_seconds: float
    predictions: int
    wall_seconds: float
