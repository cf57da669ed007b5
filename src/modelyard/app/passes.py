"""Credentials for workers: tokens of a day, for the one who asked for the run, and for no more than a step needs.

What the yard sets off by itself (schedules of nobody, alerts) is done by a program actor of its own, an editor.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from modelyard.app.engines import Engines
from modelyard.governance.api import Governance, Role, TokenId
from modelyard.kernel.actors import SYSTEM, ActorKind
from modelyard.kernel.errors import NotFound, Unavailable
from modelyard.kernel.ids import ActorId
from modelyard.pipelines.api import FlowRunId, WorkerPass
from modelyard.ports import calls

WORKER = "worker"
SCOPES = [
    "cost:read", "features:*", "governance:read", "lake:*", "monitoring:read", "pipelines:read", "pipelines:run",
    "pipelines:work", "quality:*", "registry:read", "registry:write", "serving:read", "teamwork:read", "tracking:*",
]  # fmt: skip
"""What a worker's token may be used for, within what the actor behind it was granted."""


class WorkerPasses:
    """Answers `pipelines.api.Passes` with tokens of governance."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def give(self, run: FlowRunId, by: ActorId) -> WorkerPass:
        """A token for one attempt."""
        if not self._engines.address:
            raise Unavailable("this process serves no address that a worker could reach; start the yard: yard up")
        made = calls.current().unit(partial(self._make, run, by))
        return WorkerPass(address=self._engines.address, secret=made[1], id=made[0])

    def take_back(self, given: str) -> None:
        """Revoke the token."""
        governance = self._engines.service(Governance)
        with suppress(NotFound):
            calls.current().unit(lambda: governance.revoke_token(TokenId(given)))

    def _make(self, run: FlowRunId, by: ActorId) -> tuple[TokenId, str]:
        governance = self._engines.service(Governance)
        actor = self._own_actor(governance) if by == SYSTEM.id else by
        made = governance.create_token(actor, f"{WORKER}-{run}", scopes=SCOPES, days=1)
        return made.token.id, made.secret

    def _own_actor(self, governance: Governance) -> ActorId:
        cursor: str | None = None
        while True:
            page = governance.actors(limit=1000, cursor=cursor)
            for member in page.items:
                if member.name == WORKER and member.kind is ActorKind.PROGRAM:
                    return member.id
            if (cursor := page.next) is None:
                break
        member = governance.create_actor(WORKER, ActorKind.PROGRAM)
        governance.grant(member.id, Role.EDITOR)
        return member.id
