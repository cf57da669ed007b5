"""The door of the registry: records, news, and the interface `Registry`."""

from __future__ import annotations

from modelyard.registry.api.aliases import AliasOperations
from modelyard.registry.api.models import ModelOperations
from modelyard.registry.api.news import (
    AliasMoved,
    CardWritten,
    ModelDeleted,
    ModelRegistered,
    ModelRenamed,
    ServingFormAttached,
    StageMoved,
    VersionDeleted,
    VersionRegistered,
)
from modelyard.registry.api.records import (
    AliasMove,
    AliasName,
    Field,
    Finding,
    LongText,
    Model,
    ModelCard,
    ModelName,
    ModelStage,
    ModelVersion,
    Scan,
    ServingForm,
    Signature,
    Source,
    Standing,
    Tags,
    Text,
    Verdict,
    VersionFile,
    VersionNumber,
    VersionStatus,
)
from modelyard.registry.api.versions import VersionOperations


class Registry(ModelOperations, VersionOperations, AliasOperations):
    """Models that others rely on, their versions and aliases."""


__all__ = [
    "AliasMove",
    "AliasMoved",
    "AliasName",
    "CardWritten",
    "Field",
    "Finding",
    "LongText",
    "Model",
    "ModelCard",
    "ModelDeleted",
    "ModelName",
    "ModelRegistered",
    "ModelRenamed",
    "ModelStage",
    "ModelVersion",
    "Registry",
    "Scan",
    "ServingForm",
    "ServingFormAttached",
    "Signature",
    "Source",
    "StageMoved",
    "Standing",
    "Tags",
    "Text",
    "Verdict",
    "VersionDeleted",
    "VersionFile",
    "VersionNumber",
    "VersionRegistered",
    "VersionStatus",
]
