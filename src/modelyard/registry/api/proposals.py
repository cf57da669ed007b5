"""Proposals: "let this version take that alias", with its differences, gates, approvals and end.

A proposal is open until enough others than its author approve (approved), one declines (declined), its author withdraws
it (withdrawn), or it is merged, which moves the alias. The last three are ends. It is known by its model and number;
comments hang on its ref, `proposal:<number>`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name, Ref
from modelyard.registry.api.evaluations import Figure, Metric
from modelyard.registry.api.flips import Flips
from modelyard.registry.api.gates import GateResult
from modelyard.registry.api.records import AliasName, ModelName, Moment, Text, VersionNumber

Title = Annotated[str, Meta(max_length=300, description="one line, at most 300 characters")]
Reason = Annotated[str, Meta(min_length=3, max_length=2000, description="why, 3 to 2,000 characters")]
ProposalNumber = Annotated[int, Meta(ge=1, le=2**31 - 1, description="the number of a proposal")]


class ProposalState(StrEnum):
    """How far a proposal has come."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"

    @property
    def is_over(self) -> bool:
        """True if nothing more can happen to it."""
        return self not in (ProposalState.OPEN, ProposalState.APPROVED)


class Vote(StrEnum):
    """What a reviewer said."""

    APPROVE = "approve"
    DECLINE = "decline"


class Review(Struct, frozen=True, kw_only=True):
    """Somebody's word on a proposal.

    Attributes:
        roles: in which roles they stood when they said it; while the proposal is open, those that they still hold.
    """

    actor: ActorId
    vote: Vote
    note: str
    at_ms: int
    roles: tuple[str, ...] = ()


class Proposal(Struct, frozen=True, kw_only=True):
    """A version's bid for an alias.

    Attributes:
        champion: the version that held the alias when the gates were last run (or the proposal opened).
        needed: how many others must approve.
        roles: how many of the approvals must come from whom, by role.
        results: what each gate said; empty until they are run.
        stale: True if what they judged has changed since they were run, for the reason in `stale_because`.
        waits_for: why it cannot be merged now; empty where it can, or is over.
        ready: True if it could be merged now.
        basis: what the gates judged by, as one text; another one means that they are to be run again.
    """

    number: int
    ref: Ref
    name: str
    version: int
    alias: str
    champion: int | None
    title: str
    note: str
    author: ActorId
    state: ProposalState
    needed: int
    created_ms: int
    updated_ms: int
    reviews: tuple[Review, ...] = ()
    results: tuple[GateResult, ...] = ()
    gates_ms: int | None = None
    stale: bool = False
    ready: bool = False
    roles: dict[str, int] = {}
    stale_because: str = ""
    waits_for: str = ""
    basis: str = ""
    merged_ms: int | None = None
    merged_by: ActorId | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """A metric of candidate and champion.

    Attributes:
        group: `column=value`; empty for all rows.
        advantage: how much better the candidate is, positive is better; None where either has no figure.
        low, high: the 95 % interval of the advantage; None where the rows are not the same.
        paired: True if both answered the same rows.
        better: True or False where the interval leaves no doubt, for a group also among all groups; None else.
        chance: how likely a difference as large comes by chance (two-sided p-value); None where it is not paired.
    """

    metric: Metric
    dataset: str
    candidate: Figure
    champion: Figure | None = None
    group: str = ""
    advantage: float | None = None
    low: float | None = None
    high: float | None = None
    paired: bool = False
    better: bool | None = None
    chance: float | None = None


class Change(Struct, frozen=True, kw_only=True):
    """Something that reads otherwise: before for the champion, after for the candidate; None: not there."""

    what: str
    before: str | None
    after: str | None


class CodeChange(Struct, frozen=True, kw_only=True):
    """The code of the two runs.

    Attributes:
        before, after: their commits; empty where a run did not say.
        range: the commits between, as git takes it; empty where both ran the same or one is not known.
        repository: where the candidate's code lives.
        changed: True if the candidate's run had changes beyond its commit.
        patch: those changes as its run kept them, at most 64 KiB.
    """

    before: str = ""
    after: str = ""
    range: str = ""
    repository: str = ""
    changed: bool = False
    patch: str = ""


class ProposalDiff(Struct, frozen=True, kw_only=True):
    """What would change if a proposal were merged.

    Attributes:
        metrics: comparisons over all rows, then by group, the candidate's worst losses first.
        flips: which predictions change, one a set of rows that both have answered; empty where there is none.
        run_metrics: last metrics of the two runs, as they logged them.
        data: refs that one was made from and the other was not.
        code: the commits of the two runs, and what was changed beside them.
        signature: inputs and outputs that differ.
        requirements: packages that differ.
        facts: size, files, flavours, Python, licence, safety.
    """

    number: int
    candidate: int
    champion: int | None
    metrics: tuple[Comparison, ...] = ()
    flips: tuple[Flips, ...] = ()
    params: tuple[Change, ...] = ()
    run_metrics: tuple[Change, ...] = ()
    data: tuple[Change, ...] = ()
    code: CodeChange = CodeChange()
    signature: tuple[Change, ...] = ()
    requirements: tuple[Change, ...] = ()
    facts: tuple[Change, ...] = ()


class ProposalOperations(ABC):
    """What can be done with proposals."""

    @operation(
        "POST", "/models/{name}/proposals", scope="registry:write", about="model:{name}", private=("title", "note")
    )
    @abstractmethod
    def propose(
        self,
        name: ModelName,
        version: VersionNumber,
        alias: AliasName = "production",
        title: Title = "",
        note: Text = "",
    ) -> Proposal:
        """Propose that a version take an alias.

        Args:
            name: the model.
            version: its number.
            alias: the alias that it is to take.
            title: one line.
            note: why, in Markdown.

        Raises:
            NotFound: there is no such model or version.
            Conflict: it holds the alias already, or the same is proposed already.

        Example:
            yard registry propose tips 7 --title "with weather"
        """

    @operation("GET", "/proposals", scope="registry:read")
    @abstractmethod
    def proposals(
        self,
        name: ModelName | None = None,
        state: ProposalState | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Page[Proposal]:
        """List proposals, newest first.

        Args:
            name: only this model's.
            state: only those in this state.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry proposals --state open
        """

    @operation("GET", "/models/{name}/proposals/{number}", scope="registry:read", about="model:{name}")
    @abstractmethod
    def proposal(self, name: ModelName, number: ProposalNumber) -> Proposal:
        """Show one proposal with its reviews and what the gates said.

        Args:
            name: the model.
            number: the proposal's.

        Raises:
            NotFound: there is no such proposal of this model.

        Example:
            yard registry proposal tips 12
        """

    @operation(
        "GET", "/models/{name}/proposals/{number}/diff", scope="registry:read", about="model:{name}",
        effect=Effect.WORK, audited=False,
    )  # fmt: skip
    @abstractmethod
    def diff(self, name: ModelName, number: ProposalNumber) -> ProposalDiff:
        """Show what would change: metrics on the same rows, params, data, signature, size.

        Comparisons are computed when they are first asked for, and kept: their rows never change.

        Args:
            name: the model.
            number: the proposal's.

        Raises:
            NotFound: there is no such proposal of this model.

        Example:
            yard registry diff tips 12
        """

    @operation(
        "GET", "/models/{name}/versions/{version}/compare", scope="registry:read", about="model:{name}@{version}",
        effect=Effect.WORK, audited=False,
    )  # fmt: skip
    @abstractmethod
    def compare(self, name: ModelName, version: VersionNumber, against: VersionNumber) -> ProposalDiff:
        """Show how a version differs from another of the same model, as a proposal would; `number` is 0.

        Args:
            name: the model.
            version: its number.
            against: the version that it is held against.

        Raises:
            NotFound: there is no such model or version.

        Example:
            yard registry compare tips 7 6
        """

    @operation(
        "POST",
        "/models/{name}/proposals/{number}/gates",
        scope="registry:write",
        about="model:{name}",
        effect=Effect.WORK,
    )
    @abstractmethod
    def run_gates(self, name: ModelName, number: ProposalNumber) -> Proposal:
        """Ask the gates, and keep what they said with the proposal; waivers of before are lifted.

        Args:
            name: the model.
            number: the proposal's.

        Raises:
            NotFound: there is no such proposal of this model.
            Conflict: the proposal is over.

        Example:
            yard registry run-gates tips 12
        """

    @operation(
        "POST",
        "/models/{name}/proposals/{number}/waive",
        scope="registry:approve",
        about="model:{name}",
        private=("reason",),
    )
    @abstractmethod
    def waive(
        self, name: ModelName, number: ProposalNumber, gate: Name, reason: Reason, until: Moment | None = None
    ) -> Proposal:
        """Let a proposal pass a gate that stands closed, for a reason that is kept, for good or until a moment.

        From its end on the gate is closed again and the proposal cannot be merged. A gate that is waived already is
        waived anew, with the new reason and end. Whenever the gates are run again, waivers are lifted.

        Args:
            name: the model.
            number: the proposal's.
            gate: the gate's name.
            reason: why.
            until: when the waiver ends; left out, it holds until the gates are run again.

        Raises:
            NotFound: there is no such proposal of this model.
            Forbidden: you are its author.
            Conflict: the proposal is over, or the gate has passed or was not run.
            InvalidInput: `until` is no moment, or not one to come.

        Example:
            yard registry waive tips 12 fair-zones "known gap, mended in v8" --until 2999-05-03T14:00
        """

    @operation(
        "POST",
        "/models/{name}/proposals/{number}/approve",
        scope="registry:approve",
        about="model:{name}",
        private=("note",),
    )
    @abstractmethod
    def approve(self, name: ModelName, number: ProposalNumber, note: Text = "") -> Proposal:
        """Approve a proposal of somebody else.

        Args:
            name: the model.
            number: the proposal's.
            note: why.

        Raises:
            NotFound: there is no such proposal of this model.
            Forbidden: you are its author.
            Conflict: the proposal is over.

        Example:
            yard registry approve tips 12 --note "looked at the slices"
        """

    @operation(
        "POST",
        "/models/{name}/proposals/{number}/decline",
        scope="registry:approve",
        about="model:{name}",
        private=("note",),
    )
    @abstractmethod
    def decline(self, name: ModelName, number: ProposalNumber, note: Text = "") -> Proposal:
        """Decline a proposal, which ends it.

        Args:
            name: the model.
            number: the proposal's.
            note: why.

        Raises:
            NotFound: there is no such proposal of this model.
            Forbidden: you are its author; withdraw it.
            Conflict: the proposal is over.

        Example:
            yard registry decline tips 12 --note "worse at night"
        """

    @operation("POST", "/models/{name}/proposals/{number}/withdraw", scope="registry:write", about="model:{name}")
    @abstractmethod
    def withdraw(self, name: ModelName, number: ProposalNumber) -> Proposal:
        """Take your own proposal back, which ends it.

        Args:
            name: the model.
            number: the proposal's.

        Raises:
            NotFound: there is no such proposal of this model.
            Forbidden: you are not its author.
            Conflict: the proposal is over.

        Example:
            yard registry withdraw tips 12
        """

    @operation("POST", "/models/{name}/proposals/{number}/merge", scope="registry:promote", about="model:{name}")
    @abstractmethod
    def merge(self, name: ModelName, number: ProposalNumber) -> Proposal:
        """Merge an approved proposal: the alias moves to its version.

        Args:
            name: the model.
            number: the proposal's.

        Raises:
            NotFound: there is no such proposal of this model, or its version was deleted.
            GateClosed: approvals are missing, a gate is closed, or the gates were run against another champion.
            Conflict: the proposal is over.

        Example:
            yard registry merge tips 12
        """
