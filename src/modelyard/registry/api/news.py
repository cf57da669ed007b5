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


class ModelProtected(News, frozen=True, kw_only=True):
    """A model's aliases move by merged proposals only from now on, or no longer."""

    name: str
    needs_proposal: bool


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


class VersionSigned(News, frozen=True, kw_only=True):
    """Somebody vouched for the content of a version; reads the version."""

    name: str
    version: int
    digest: str
    key: str


class RulesDeclared(News, frozen=True, kw_only=True):
    """A model asks something else of every version."""

    name: str
    signature: bool
    signed: bool
    no_pickle: bool


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


class VersionEvaluated(News, frozen=True, kw_only=True):
    """A version was tried on rows; reads the version and the rows' ref."""

    name: str
    version: int
    dataset: str
    rows: int


class VersionAttested(News, frozen=True, kw_only=True):
    """Somebody told what their tests said about a version; reads the version."""

    name: str
    version: int
    check: str
    passed: bool


class GatesDeclared(News, frozen=True, kw_only=True):
    """A model asks something else of proposals."""

    name: str
    gates: tuple[str, ...]
    approvals: int


class ProposalOpened(News, frozen=True, kw_only=True):
    """A version bids for an alias; reads the version, writes the proposal."""

    proposal: int
    name: str
    version: int
    alias: str
    title: str


class GatesRun(News, frozen=True, kw_only=True):
    """The gates were asked."""

    proposal: int
    name: str
    version: int
    outcomes: dict[str, str]


class GateWaived(News, frozen=True, kw_only=True):
    """A closed gate was waived for a reason; `until_ms` is when that ends, None: when the gates are run again."""

    proposal: int
    name: str
    gate: str
    reason: str
    until_ms: int | None = None


class ProposalApproved(News, frozen=True, kw_only=True):
    """Somebody approved; reads the version, writes the proposal."""

    proposal: int
    name: str
    version: int
    alias: str
    note: str


class ProposalDeclined(News, frozen=True, kw_only=True):
    """Somebody declined, which ended it."""

    proposal: int
    name: str
    version: int
    alias: str
    note: str


class ProposalWithdrawn(News, frozen=True, kw_only=True):
    """Its author took it back."""

    proposal: int
    name: str
    version: int
    alias: str


class ProposalMerged(News, frozen=True, kw_only=True):
    """It was merged; the alias moved in the same commit."""

    proposal: int
    name: str
    version: int
    alias: str
    before: int | None
    approvers: tuple[ActorId, ...]


class TagSet(News, frozen=True, kw_only=True):
    """A model, or one of its versions, got a tag."""

    name: str
    version: int | None = None
    key: str
    value: str


class TagDropped(News, frozen=True, kw_only=True):
    """A model, or one of its versions, lost a tag."""

    name: str
    version: int | None = None
    key: str


class WordsForgotten(News, frozen=True, kw_only=True):
    """What was said of models and named somebody got a mark in its place."""

    what: str
    count: int
