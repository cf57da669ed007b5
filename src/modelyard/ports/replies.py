"""The replies port: what was answered to a call that carried an idempotency key, so that a repeat gets the same.

A key belongs to one actor and one operation with one set of arguments. This port never runs a call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Migration, Transaction


class ReplyKey(Struct, frozen=True, kw_only=True):
    """What a caller promised to be one and the same call; `digest` covers operation and arguments."""

    actor: ActorId
    key: str
    digest: str


class Replies(Protocol):
    """Remembers answers for a day."""

    migrations: tuple[Migration, ...]

    def find(self, tx: Transaction, key: ReplyKey) -> bytes | None:
        """The answer given before, as JSON; None if the key is new.

        Raises:
            Conflict: the key was used for another call, or that call is still running.
        """
        ...

    def begin(self, tx: Transaction, key: ReplyKey, at_ms: int) -> None:
        """Claim a new key; the claim lapses after an hour if nothing is kept under it.

        Raises:
            Conflict: somebody claimed it first.
        """
        ...

    def keep(self, tx: Transaction, key: ReplyKey, at_ms: int, answer: bytes) -> None:
        """Remember the answer."""
        ...

    def drop(self, tx: Transaction, key: ReplyKey) -> None:
        """Give a claim back after a failure, so that the caller may try again."""
        ...

    def expire(self, tx: Transaction, before_ms: int) -> int:
        """Forget keys from before then; how many."""
        ...

    def forget(self, tx: Transaction, names: Callable[[bytes], bool], *, apply: bool) -> int:
        """How many remembered answers name somebody; with `apply` they are forgotten, so that a repeat runs anew."""
        ...
