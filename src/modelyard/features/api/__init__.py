"""The features' only door: records, news and operations."""

from __future__ import annotations

from modelyard.features.api.news import EntityDefined, EntityForgotten, Materialised, TrainingSetBuilt, ViewDefined
from modelyard.features.api.operations import Features
from modelyard.features.api.records import (
    Aggregate,
    Cell,
    Entity,
    EpochUnit,
    Feature,
    FeatureType,
    Forgotten,
    Key,
    KeyType,
    Labels,
    Materialisation,
    OnlineAnswer,
    OnlineRow,
    Pushed,
    Selected,
    Status,
    TrainingSet,
    TrainingSpec,
    View,
    ViewSpec,
)

__all__ = [
    "Aggregate",
    "Cell",
    "Entity",
    "EntityDefined",
    "EntityForgotten",
    "EpochUnit",
    "Feature",
    "FeatureType",
    "Features",
    "Forgotten",
    "Key",
    "KeyType",
    "Labels",
    "Materialisation",
    "Materialised",
    "OnlineAnswer",
    "OnlineRow",
    "Pushed",
    "Selected",
    "Status",
    "TrainingSet",
    "TrainingSetBuilt",
    "TrainingSpec",
    "View",
    "ViewDefined",
    "ViewSpec",
]
