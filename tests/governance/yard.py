"""A yard's identity at the bench: an owner, and ways to be somebody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modelyard.adapters.secrets import open_secrets
from modelyard.governance.api import Eraser, Governance, PredictionSource, Role, RowSource
from modelyard.governance.service import Erasing, GovernanceService, Recognition
from modelyard.governance.store import MIGRATIONS
from modelyard.kernel.actors import SYSTEM, Actor, ActorKind
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect
from modelyard.testing import Bench


class Yard:
    """The service, its face through the bench, and the recognition the guard would ask."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.recognition = Recognition(database=bench.database, clock=bench.clock)
        self.secrets = open_secrets(bench.home / "state")
        self.furnish()
        bench.actor = SYSTEM
        made = bench.call(self.service.bootstrap_owner, Effect.WORK)
        assert made is not None
        self.secret = made.secret
        self.owner = self.known(made.secret)
        bench.actor = self.owner

    def furnish(
        self, *eraser: Eraser, predictions: PredictionSource | None = None, rows: RowSource | None = None,
    ) -> None:  # fmt: skip
        """Build the service, with who takes part."""
        erasing = Erasing(
            home=self.bench.home,
            secrets=self.secrets,
            participants=eraser,
            scrubs=(self.bench.database.scrub,),
        )
        self.service = GovernanceService(
            recognition=self.recognition, database=self.bench.database, journal=self.bench.journal, erasing=erasing,
            predictions=predictions, rows=rows,
        )  # fmt: skip
        self.api: Governance = self.bench.open(Governance, self.service)

    def known(self, secret: str) -> Actor:
        """The actor behind a token that must work."""
        actor = self.recognition.authenticate(secret)
        assert actor is not None
        return actor

    def person(self, name: str, *roles: Role, kind: ActorKind = ActorKind.PERSON) -> tuple[ActorId, str]:
        """A new actor with roles on everything, and a token of theirs."""
        before, self.bench.actor = self.bench.actor, self.owner
        member = self.api.create_actor(name, kind)
        for role in roles:
            self.api.grant(member.id, role)
        made = self.api.create_token(member.id, "t")
        self.bench.actor = before
        return member.id, made.secret

    def as_one(self, secret: str) -> Actor:
        """Make the calls that follow with this token."""
        self.bench.actor = self.known(secret)
        return self.bench.actor

    def sign_in(self, code: str) -> str:
        """Redeem a link as the sign-in page does; the cookie."""
        before, self.bench.actor = self.bench.actor, SYSTEM
        try:
            return self.bench.call(lambda: self.service.redeem(code), Effect.WORK).cookie
        finally:
            self.bench.actor = before


@contextmanager
def yard() -> Iterator[Yard]:
    """A fresh yard with its owner."""
    with Bench(migrations=MIGRATIONS) as bench:
        yield Yard(bench)
