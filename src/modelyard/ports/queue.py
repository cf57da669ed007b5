"""The queue port: jobs that outlive a process, each done at least once.

A job is put in the transaction of the change that asks for it, so neither exists without the other. A worker leases it
for a time and says that it lives; a job whose lease ran out is handed out again. It never runs anything itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NewType, Protocol

from msgspec import Struct

from modelyard.ports.database import Migration, Transaction

JobId = NewType("JobId", str)


class NewJob(Struct, frozen=True, kw_only=True):
    """A job to be put.

    Attributes:
        payload: what the worker needs, in a form that both sides know, e.g. JSON.
        key: while a job of this key waits or runs in the queue, another is not taken.
        priority: higher goes first; equals go by age.
        after_ms: not before this moment, milliseconds since the Unix epoch; 0: at once.
        max_attempts: how often it is handed out before it is set aside as dead.
        backoff_s: wait after the first failure; it doubles with each further one, up to an hour.
    """

    kind: str
    payload: bytes = b"{}"
    queue: str = "default"
    key: str | None = None
    priority: int = 0
    after_ms: int = 0
    max_attempts: int = 5
    backoff_s: float = 1.0


class Job(Struct, frozen=True, kw_only=True):
    """A job in somebody's hands.

    Attributes:
        attempt: how often it has been handed out, this time included.
        error: what the attempt before said; empty at first.
    """

    id: JobId
    queue: str
    kind: str
    payload: bytes
    key: str | None
    attempt: int
    max_attempts: int
    worker: str
    created_ms: int
    error: str = ""


class QueueCount(Struct, frozen=True, kw_only=True):
    """How much stands in one queue; `done` only until it is swept."""

    queue: str
    ready: int = 0
    running: int = 0
    done: int = 0
    dead: int = 0


class Queue(Protocol):
    """One home's jobs."""

    migrations: tuple[Migration, ...]

    def enqueue(self, tx: Transaction, job: NewJob) -> JobId | None:
        """Put a job in the caller's transaction; None if one of its key waits or runs already."""
        ...

    def claim(self, worker: str, *, lease_s: float, queue: str = "default") -> Job | None:
        """Lease the next job that is due, in a transaction of its own; None if there is none.

        A job whose lease ran out counts as an attempt and is handed out again, or set aside as dead after its last.
        Asking an empty queue costs one read.
        """
        ...

    def heartbeat(self, job: Job, *, lease_s: float) -> None:
        """Hold the lease for `lease_s` seconds from now, in a transaction of its own.

        Raises:
            StaleVersion: the lease was lost; stop working on it.
        """
        ...

    def complete(self, tx: Transaction, job: Job) -> None:
        """Mark it done, in the transaction of what it brought about.

        Raises:
            StaleVersion: the lease was lost, and somebody else may be doing it; undo everything.
        """
        ...

    def fail(self, tx: Transaction, job: Job, error: str, *, retry: bool = True) -> bool:
        """Give it back with a reason; True if it will be tried again, False if it is dead now.

        Raises:
            StaleVersion: the lease was lost.
        """
        ...

    def dead(self, tx: Transaction, *, limit: int = 100, queue: str = "default") -> Sequence[Job]:
        """Jobs that were set aside, newest first."""
        ...

    def revive(self, tx: Transaction, id_: JobId) -> None:
        """Put a dead job back with a fresh count of attempts.

        Raises:
            NotFound: no dead job has this id.
            Conflict: another job of its key waits or runs.
        """
        ...

    def sweep(self, tx: Transaction, *, before_ms: int) -> int:
        """Forget jobs that were done before a moment; how many."""
        ...

    def counts(self, tx: Transaction) -> list[QueueCount]:
        """How much stands in each queue, by name."""
        ...
