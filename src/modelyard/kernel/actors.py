"""Who acts, and the question every guard asks: may this actor do that to this thing?

An actor is a person, a program or the yard itself. Scopes are `slice:verb` words (`lake:write`), with `lake:*` and `*`
as wildcards. How tokens are stored and who gets which scope is the governance slice's business.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref


class ActorKind(StrEnum):
    """What sort of actor it is."""

    PERSON = "person"
    PROGRAM = "program"
    SYSTEM = "system"


class Actor(Struct, frozen=True, kw_only=True):
    """Somebody who calls, as the guard knows them for the length of one call.

    Attributes:
        scopes: what the credential allows, e.g. `{"lake:read", "serving:*"}`.
        resources: ref patterns that the credential is confined to (`table:trips`, `model:*`); empty means all.
        via: the id of the token that the credential is or came from; empty where there is none.
    """

    id: ActorId
    name: str
    kind: ActorKind = ActorKind.PERSON
    scopes: frozenset[str] = frozenset()
    resources: tuple[str, ...] = ()
    via: str = ""


SYSTEM = Actor(id=ActorId("system"), name="system", kind=ActorKind.SYSTEM, scopes=frozenset({"*"}))
"""The yard itself: schedulers, reactions, sweeps."""


def allows(scopes: frozenset[str], wanted: str) -> bool:
    """True if one of `scopes` covers `wanted`.

    >>> allows(frozenset({"lake:*"}), "lake:write")
    True
    """
    return wanted in scopes or "*" in scopes or wanted.partition(":")[0] + ":*" in scopes


def confines(resources: tuple[str, ...], about: Ref | None) -> bool:
    """True if a credential confined to `resources` may touch `about`; a pattern may end in `*`."""
    if not resources:
        return True
    if about is None:
        return False
    bare = about.partition("@")[0]
    return any(p in (bare, about) or (p.endswith("*") and bare.startswith(p[:-1])) for p in resources)


class Authority(Protocol):
    """Answers the guard's question."""

    def may(self, actor: Actor, scope: str, about: Ref | None) -> bool:
        """True if `actor` may use `scope` on `about` (None: on nothing in particular)."""
        ...


class ScopeAuthority:
    """The plain rule: the credential's own scopes and resources decide."""

    def may(self, actor: Actor, scope: str, about: Ref | None) -> bool:
        """True if the credential covers the scope and is not confined elsewhere."""
        return allows(actor.scopes, scope) and confines(actor.resources, about)
