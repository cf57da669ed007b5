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


class DataTimes(Protocol):
    """When data was made."""

    def made_ms(self, data: Ref) -> int | None:
        """When that version of a table or file set was made; None where nobody can say."""
        ...


class DataSight(Protocol):
    """Who may see the rows of data as they are."""

    def shows(self, data: Ref) -> bool:
        """True if whoever asks may see every column and row of that table or training set."""
        ...


class PlainSight:
    """Nobody hides anything."""

    def shows(self, data: Ref) -> bool:
        """Yes."""
        del data
        return True


class NoTimes:
    """Nobody can say when data was made."""

    def made_ms(self, data: Ref) -> int | None:
        """Unknown."""
        del data
        return None


class Strangers:
    """Nobody is known by more than an id."""

    def name_of(self, actor: ActorId) -> str:
        """The id itself."""
        return str(actor)

    def roles_of(self, actor: ActorId, about: Ref) -> frozenset[str]:
        """No roles."""
        del actor, about
        return frozenset()
