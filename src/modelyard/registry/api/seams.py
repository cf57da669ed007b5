"""What the registry asks of the floors above and beside it at call time; `app` wires who answers.

A registry that nobody answers knows people by their ids, counts no roles, and cannot say how old data is.
"""

from __future__ import annotations

from typing import Protocol

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref


class People(Protocol):
    """Who somebody is, and in which roles they may act on a thing."""

    def name_of(self, actor: ActorId) -> str:
        """What they are called; their id where nobody knows them."""
        ...

    def roles_of(self, actor: ActorId, about: Ref) -> frozenset[str]:
        """The roles that were granted to them on that thing, by name."""
        ...


class Strangers:
    """Nobody is known by more than an id."""

    def name_of(self, actor: ActorId) -> str:
        """The id itself."""
        return str(actor)

    def roles_of(self, actor: ActorId, about: Ref) -> frozenset[str]:
        """No roles."""
        del actor, about
        return frozenset()
