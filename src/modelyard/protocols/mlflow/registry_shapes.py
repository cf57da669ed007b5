"""The registry's records in the shapes of MLflow's messages (`model_registry.proto` of MLflow 3)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType

from modelyard.protocols.mlflow.wire import KeyValue, as_pairs
from modelyard.registry.api import Model, ModelVersion, VersionStatus

_STATUS = {
    VersionStatus.PENDING: "PENDING_REGISTRATION",
    VersionStatus.READY: "READY",
    VersionStatus.FAILED: "FAILED_REGISTRATION",
}


class AliasShape(Struct, kw_only=True):
    """`RegisteredModelAlias`."""

    alias: str
    version: str


class VersionShape(Struct, kw_only=True):
    """`ModelVersion`."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    current_stage: str
    description: str
    source: str
    status: str
    status_message: str
    tags: list[KeyValue]
    aliases: list[str]
    run_id: str | UnsetType = UNSET
    run_link: str | UnsetType = UNSET
    model_id: str | UnsetType = UNSET


class ModelShape(Struct, kw_only=True):
    """`RegisteredModel`."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str
    latest_versions: list[VersionShape]
    tags: list[KeyValue]
    aliases: list[AliasShape]


def version(one: ModelVersion) -> VersionShape:
    """A version."""
    return VersionShape(
        name=one.name, version=str(one.version), creation_timestamp=one.created_ms,
        last_updated_timestamp=one.updated_ms, user_id=one.created_by, current_stage=one.stage,
        description=one.description, source=one.source, status=_STATUS[one.status], status_message=one.status_message,
        tags=as_pairs(one.tags), aliases=list(one.aliases), run_id=one.run or UNSET, run_link=one.run_link or UNSET,
        model_id=one.logged_model or UNSET,
    )  # fmt: skip


def model(one: Model, latest: Sequence[ModelVersion]) -> ModelShape:
    """A registered model with the latest version of each stage."""
    return ModelShape(
        name=one.name, creation_timestamp=one.created_ms, last_updated_timestamp=one.updated_ms,
        user_id=one.created_by, description=one.description, latest_versions=[version(v) for v in latest],
        tags=as_pairs(one.tags), aliases=[AliasShape(alias=a, version=str(v)) for a, v in one.aliases.items()],
    )  # fmt: skip
