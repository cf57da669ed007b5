"""Gates: what a model asks of a version that is to take an alias, and what each gate said, with its numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name
from modelyard.registry.api.evaluations import Metric, Parity
from modelyard.registry.api.records import AliasName, ModelName, VersionNumber

Confidence = Annotated[float, Meta(ge=0.5, le=0.999, description="how sure, 0.5 to 0.999")]
Approvals = Annotated[int, Meta(ge=0, le=20, description="how many others must approve, 0 to 20")]


class GateKind(StrEnum):
    """What a gate asks."""

    THRESHOLD = "threshold"
    NO_WORSE = "no_worse"
    GROUP_GAP = "group_gap"
    SIGNATURE = "signature"
    SAFE = "safe"
    FRESHNESS = "freshness"
    DATA_AGE = "data_age"
    TESTS = "tests"
    FLIPS = "flips"


class Gate(Struct, frozen=True, kw_only=True):
    """One condition that a version must meet to take an alias.

    Attributes:
        kind: `threshold`: a metric within limits; `no_worse`: not worse than the champion on the same rows;
            `group_gap`: groups of `group` at most `at_most` apart in `parity`; `signature`: takes what the champion
            took; `safe`: may be loaded; `freshness`: registered at most `max_age_days` ago; `data_age`: made from data
            of which the oldest version is at most `max_age_days` old; `tests`: the newest attestation of the gate's
            name about this content says that they passed (at most `max_age_days` ago, if given); `flips`: of the rows
            that the champion has answered too, at most the share `at_most` become wrong (for numbers: farther from the
            truth by a move of more than a tenth of its standard deviation).
        dataset: on which rows; empty for the newest evaluation (for `no_worse` and `flips`: the newest that both have).
        margin: for `no_worse`: by how much it may be worse.
        proven: for `no_worse`: True wants proof that it is not worse, False only refuses where it is proven worse; for
            `flips`: True holds the upper end of the 95 % interval against `at_most`, False the share itself.
        data: for `data_age`: this table or file set alone, e.g. `table:trips`.
        by_role: for `tests`: only what somebody in that role has told counts.
    """

    name: Name
    kind: GateKind
    metric: Metric | None = None
    dataset: str = ""
    at_least: float | None = None
    at_most: float | None = None
    margin: float = 0.0
    confidence: Confidence = 0.95
    proven: bool = False
    group: str = ""
    parity: Parity = Parity.SELECTION_RATE
    max_age_days: float | None = None
    data: str = ""
    by_role: str = ""


class GatePolicy(Struct, frozen=True, kw_only=True):
    """What a model asks of a proposal: gates, how many others must approve, and how many of them in which role."""

    name: str
    gates: tuple[Gate, ...] = ()
    approvals: int = 1
    roles: dict[str, int] = {}
    declared_ms: int = 0
    declared_by: ActorId = ActorId("")


class Outcome(StrEnum):
    """What a gate said; `unknown` is as closed as `failed`."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WAIVED = "waived"

    @property
    def opens(self) -> bool:
        """True if the gate stands open."""
        return self in (Outcome.PASSED, Outcome.WAIVED)


class GateResult(Struct, frozen=True, kw_only=True):
    """What a gate said, with its numbers.

    Attributes:
        value: what was measured; for `no_worse` the advantage of the candidate, positive is better.
        limit: what it was held against.
        text: the same in a sentence.
        waived_until_ms: when the waiver ends; None: when the gates are run again. Once it has ended the gate is closed
            again, and who had waived it, why and until when stays here.
        waived_from: what the gate said itself before it was waived.
    """

    gate: str
    kind: GateKind
    outcome: Outcome
    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    at_ms: int = 0
    waived_by: ActorId | None = None
    waived_because: str = ""
    waived_until_ms: int | None = None
    waived_from: Outcome | None = None

    @property
    def waiver_ended(self) -> bool:
        """True if it is closed again because its waiver has ended."""
        return self.waived_by is not None and self.outcome is not Outcome.WAIVED


class GateOperations(ABC):
    """What can be done with gates."""

    @operation("GET", "/models/{name}/gates", scope="registry:read", about="model:{name}")
    @abstractmethod
    def gates(self, name: ModelName) -> GatePolicy:
        """Show what a model asks of proposals.

        Args:
            name: the model.

        Raises:
            NotFound: there is no such model.

        Example:
            yard registry gates tips
        """

    @operation("PUT", "/models/{name}/gates", scope="registry:promote", about="model:{name}")
    @abstractmethod
    def declare_gates(
        self, name: ModelName, gates: list[Gate], approvals: Approvals = 1, roles: dict[str, int] | None = None
    ) -> GatePolicy:
        """Say what a model asks of proposals from now on; those under way are asked anew.

        Args:
            name: the model.
            gates: the conditions; none leaves it to the approvals.
            approvals: how many others than the author must approve.
            roles: how many of them must stand in which role, e.g. `{"owner": 1}`.

        Raises:
            NotFound: there is no such model.
            InvalidInput: a gate lacks what its kind needs, two bear one name, or a role is asked for fewer than once.

        Example:
            yard registry declare-gates tips '[{"name": "safe", "kind": "safe"}]' --approvals 1
        """

    @operation(
        "POST",
        "/models/{name}/versions/{version}/gates",
        scope="registry:read",
        about="model:{name}@{version}",
        effect=Effect.SCAN,
    )
    @abstractmethod
    def check_gates(
        self,
        name: ModelName,
        version: VersionNumber,
        alias: AliasName = "production",
        gates: list[Gate] | None = None,
    ) -> list[GateResult]:
        """Ask a model's gates about a version, without a proposal; for CI. Nothing is kept.

        Args:
            name: the model.
            version: its number.
            alias: whose holder it is compared with.
            gates: ask these in place of those that the model declares.

        Raises:
            NotFound: there is no such model or version.
            InvalidInput: a gate lacks what its kind needs, or two bear one name.

        Example:
            yard registry check-gates tips 3
        """
