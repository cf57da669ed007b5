"""What the registry tells the floors above."""

from __future__ import annotations

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId


class ModelRegistered(News, frozen=True, kw_only=True):
    """A model got its name."""

    name: str


class ModelRenamed(News, frozen=True, kw_only=True):
    """A model, or a version with it, is called otherwise; reads the old ref and writes the new one."""

    before: str
    name: str
    version: int | None = None


class ModelDeleted(News, frozen=True, kw_only=True):
    """A model and all its versions were set aside."""

    name: str


class VersionRegistered(News, frozen=True, kw_only=True):
    """A version was registered; reads its run, its logged model and what the run read, writes the version."""

    name: str
    version: int
    source: str
    digest: str
    verdict: str
    run: str | None = None
    logged_model: str | None = None


class VersionDeleted(News, frozen=True, kw_only=True):
    """A version was set aside."""

    name: str
    version: int


class StageMoved(News, frozen=True, kw_only=True):
    """A version came to another of MLflow's stages."""

    name: str
    version: int
    stage: str
    before: str


class AliasMoved(News, frozen=True, kw_only=True):
    """An alias points elsewhere; reads the version and the proposal, writes the alias's ref.

    Attributes:
        version: None: the alias was taken away.
        approvers: who approved the proposal that moved it.
    """

    name: str
    alias: str
    version: int | None
    before: int | None
    proposal: int | None = None
    approvers: tuple[ActorId, ...] = ()


class ServingFormAttached(News, frozen=True, kw_only=True):
    """A version can be served."""

    name: str
    version: int


class CardWritten(News, frozen=True, kw_only=True):
    """A model's card has a new edition."""

    name: str
    edition: int
