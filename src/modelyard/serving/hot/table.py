"""What a snapshot comes to once its models are loaded: callers by token digest, endpoints by name.

A table is built aside and put in force by one assignment, so a request sees the old one or the new one. It holds no
token and opens no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.kernel.actors import allows, confines
from modelyard.kernel.refs import ref
from modelyard.serving.api.routes import Sticky
from modelyard.serving.hot.models import Model
from modelyard.serving.hot.snapshot import EndpointSpec, RevisionSpec, TokenSpec
from modelyard.serving.model.routes import Chooser, fault_of

PREDICT = "serving:predict"
READ = "serving:read"


class Caller:
    """Who stands behind a token, and what it may do here."""

    __slots__ = ("_known", "_resources", "expires_ms", "name", "predicts", "reads")

    def __init__(self, spec: TokenSpec) -> None:
        scopes = frozenset(spec.scopes)
        self.name = spec.caller
        self.predicts = allows(scopes, PREDICT)
        self.reads = self.predicts or allows(scopes, READ)
        self.expires_ms = spec.expires_ms
        self._resources = spec.resources
        self._known: dict[str, bool] = {}

    def reaches(self, endpoint: str) -> bool:
        """Whether the token is good for this endpoint; asked about endpoints that exist."""
        if not self._resources:
            return True
        if (known := self._known.get(endpoint)) is None:
            known = self._known[endpoint] = confines(self._resources, ref("endpoint", endpoint))
        return known


class Revision:
    """A revision that can answer."""

    __slots__ = ("model", "spec")

    def __init__(self, spec: RevisionSpec, model: Model) -> None:
        self.spec = spec
        self.model = model


class Endpoint:
    """An endpoint as it is served at present.

    Attributes:
        faults: revisions of its specification that cannot answer, each with the reason.
        kept: why its former route is still in force; None if the present one is.
    """

    __slots__ = (
        "chooser",
        "faults",
        "headers",
        "kept",
        "loading",
        "name",
        "revisions",
        "shadows",
        "sticky",
        "versions",
    )

    def __init__(
        self, spec: EndpointSpec, models: Mapping[str, Model], *, faults: Mapping[str, str], loading: bool = False
    ) -> None:
        """`models` and `faults` go by revision name."""
        self.name = spec.name
        self.revisions = {r.name: Revision(r, models[r.name]) for r in spec.revisions if r.name in models}
        self.versions = {revision.spec.version: revision for revision in self.revisions.values()}
        self.faults = dict(faults)
        self.loading = loading
        self.kept: str | None = None
        if (fault := fault_of(spec.route)) is not None:
            self.faults["route"] = fault
        self.chooser = Chooser(spec.route, () if fault else tuple(self.revisions))
        self.headers = bool(spec.route.headers)
        self.sticky: Sticky | None = None if self.chooser.single else spec.route.sticky
        self.shadows = self._shadows(spec)

    def _shadows(self, spec: EndpointSpec) -> list[tuple[Revision, float]]:
        arms = [self.revisions[arm.revision] for arm in spec.route.arms if arm.revision in self.revisions]
        found: list[tuple[Revision, float]] = []
        for shadow in spec.route.shadows:
            if (revision := self.revisions.get(shadow.revision)) is None:
                continue
            if any(arm.model.signature.inputs != revision.model.signature.inputs for arm in arms):
                self.faults[shadow.revision] = "a shadow needs the inputs of the revisions that it shadows"
            elif shadow.share > 0:
                found.append((revision, shadow.share))
        return found

    @property
    def ready(self) -> bool:
        """Whether some revision answers."""
        return bool(self.chooser)

    def reason(self) -> str:
        """Why it is not ready, or what of it is not."""
        if self.loading:
            return f"endpoint {self.name} is loading its models; try again"
        faults = "; ".join(f"{name}: {why}" for name, why in self.faults.items())
        return f"endpoint {self.name} cannot answer: {faults or 'it has no revision'}"


class Table:
    """Everything that is in force at one moment."""

    __slots__ = ("callers", "endpoints", "settled", "version")

    def __init__(
        self, *, version: int, endpoints: Sequence[Endpoint], tokens: Sequence[TokenSpec], settled: bool
    ) -> None:
        """`settled`: every model of the snapshot is loaded or known to be broken."""
        self.version = version
        self.endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self.callers = {token.digest: Caller(token) for token in tokens}
        self.settled = settled


EMPTY = Table(version=0, endpoints=(), tokens=(), settled=False)
