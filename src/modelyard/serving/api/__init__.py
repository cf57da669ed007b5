"""The door of serving: records, news, seams, and the interface `Serving`."""

from __future__ import annotations

from modelyard.serving.api.news import (
    EndpointCreated,
    EndpointRemoved,
    PredictionsFolded,
    RevisionDeployed,
    RouteMoved,
    UsageMeasured,
)
from modelyard.serving.api.operations import Serving
from modelyard.serving.api.records import (
    Column,
    Endpoint,
    Feedback,
    Folded,
    Prediction,
    Revision,
    RevisionName,
    RouteChange,
    Share,
    Stand,
    Truth,
    Value,
)
from modelyard.serving.api.routes import Arm, HeaderRule, Route, Shadow, Sticky
from modelyard.serving.api.seams import Credential, Credentials

__all__ = [
    "Arm",
    "Column",
    "Credential",
    "Credentials",
    "Endpoint",
    "EndpointCreated",
    "EndpointRemoved",
    "Feedback",
    "Folded",
    "HeaderRule",
    "Prediction",
    "PredictionsFolded",
    "Revision",
    "RevisionDeployed",
    "RevisionName",
    "Route",
    "RouteChange",
    "RouteMoved",
    "Serving",
    "Shadow",
    "Share",
    "Stand",
    "Sticky",
    "Truth",
    "UsageMeasured",
    "Value",
]
