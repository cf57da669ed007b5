"""Roles as sets of scopes, and whether one holding covers another.

A call passes if the credential covers it and one of the actor's grants covers it too. Nobody hands out more than they
hold. Nothing here asks a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from modelyard.governance.api import ALWAYS, Role
from modelyard.kernel.actors import Actor, allows, confines
from modelyard.kernel.refs import Ref

_BUILDERS = ("lake", "quality", "features", "tracking", "pipelines", "serving", "monitoring", "teamwork")
_SLICES = (*_BUILDERS, "registry", "governance", "cost", "estate")
_VIEW = frozenset({"yard:metrics", *(f"{name}:read" for name in ("yard", *_SLICES))})

ROLES: dict[Role, frozenset[str]] = {
    Role.VIEWER: _VIEW,
    Role.EDITOR: _VIEW | {f"{name}:*" for name in _BUILDERS} | {"registry:write"},
    Role.REVIEWER: _VIEW | {"registry:*", "serving:*", "teamwork:*", "governance:audit"},
    Role.OWNER: frozenset({"*"}),
    Role.SERVICE: frozenset({"serving:read", "serving:predict", "features:read", "lake:read", "registry:read"}),
}
"""What each role allows where it is granted."""


class Holding(Struct, frozen=True):
    """Scopes on resources, as one grant or one credential gives them; no resources means all."""

    scopes: frozenset[str]
    resources: tuple[str, ...] = ()

    def covers(self, scope: str, about: Ref | None) -> bool:
        """True if the scope on that thing is within."""
        return allows(self.scopes, scope) and confines(self.resources, about)


def permitted(actor: Actor, grants: Iterable[Holding], scope: str, about: Ref | None) -> bool:
    """True if both the credential and one of the grants cover the call; what everybody always may is let through."""
    if scope == ALWAYS:
        return True
    if not (allows(actor.scopes, scope) and confines(actor.resources, about)):
        return False
    return any(grant.covers(scope, about) for grant in grants)


def may_hand_out(giver: Actor, grants: Sequence[Holding], wanted: Holding) -> bool:
    """True if `giver` itself holds every scope of `wanted` on every resource of it."""
    held = [Holding(giver.scopes, giver.resources)]
    return all(_within(held, scope, wanted.resources) for scope in wanted.scopes) and all(
        _within(grants, scope, wanted.resources) for scope in wanted.scopes
    )


def _within(held: Sequence[Holding], scope: str, resources: tuple[str, ...]) -> bool:
    """True if one scope is held on each of the resources."""
    fitting = [h.resources for h in held if allows(h.scopes, scope)]
    if any(not patterns for patterns in fitting):
        return True
    return bool(resources) and all(
        any(_pattern_within(pattern, outer) for patterns in fitting for outer in patterns) for pattern in resources
    )


def _pattern_within(inner: str, outer: str) -> bool:
    if inner == outer:
        return True
    return outer.endswith("*") and inner.rstrip("*").startswith(outer[:-1])


def narrowed(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes in order, each once."""
    return tuple(sorted(set(scopes)))
