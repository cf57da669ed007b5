"""What pipelines need from above; the app wires the answers."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.pipelines.api.records import FlowRunId


class WorkerPass(Struct, frozen=True, kw_only=True):
    """Where a worker finds its yard, and the credential it shows there; `id` is what takes it back."""

    address: str
    secret: str
    id: str


class Passes(Protocol):
    """Hands out credentials for workers: never wider than whoever asked for the run, and only for a day."""

    def give(self, run: FlowRunId, by: ActorId) -> WorkerPass:
        """A pass for one attempt; from a call of effect WORK.

        Raises:
            Unavailable: this process serves no address that a worker could reach.
        """
        ...

    def take_back(self, given: str) -> None:
        """End a pass by its id; one that is over already is no fault."""
        ...


class Allowance(Protocol):
    """Says whether a flow may still spend."""

    def check(self, flow: str) -> None:
        """Return if it may.

        Raises:
            BudgetSpent: a budget that covers the flow is used up.
        """
        ...
