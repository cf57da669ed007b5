"""How a route changes when a revision is deployed, promoted or rolled back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from modelyard.serving.api import Arm, Route, Shadow


def champion_of(route: Route) -> str | None:
    """The revision that gets most of the traffic; the first of equals."""
    champions = [arm for arm in route.arms if arm.role == "champion"] or list(route.arms)
    return max(champions, key=lambda arm: arm.weight).revision if champions else None


def named(route: Route) -> set[str]:
    """Every revision that the route names."""
    return (
        {arm.revision for arm in route.arms}
        | {rule.revision for rule in route.headers}
        | {shadow.revision for shadow in route.shadows}
    )


def unknown(route: Route, known: Collection[str]) -> list[str]:
    """Revisions that the route names and nobody knows."""
    return sorted(named(route) - set(known))


def with_champion(route: Route | None, revision: str) -> Route:
    """All traffic to one revision; other shadows and the sticky key stay, canaries and header rules end."""
    if route is None:
        return Route(arms=(Arm(revision),))
    shadows = tuple(shadow for shadow in route.shadows if shadow.revision != revision)
    return Route(arms=(Arm(revision),), sticky=route.sticky, shadows=shadows)


def with_canary(route: Route, revision: str, share: float) -> Route:
    """A share to one revision; the others keep their proportions in what is left."""
    others = [arm for arm in route.arms if arm.revision != revision]
    total = sum(arm.weight for arm in others)
    kept = tuple(
        msgspec.structs.replace(arm, weight=arm.weight / total * (1 - share) if total else 0.0) for arm in others
    )
    canary = Arm(revision, share, "canary")
    shadows = tuple(shadow for shadow in route.shadows if shadow.revision != revision)
    return msgspec.structs.replace(route, arms=(*kept, canary), shadows=shadows)


def with_shadow(route: Route, revision: str) -> Route:
    """One more revision that sees every request."""
    shadows = tuple(shadow for shadow in route.shadows if shadow.revision != revision)
    return msgspec.structs.replace(route, shadows=(*shadows, Shadow(revision)))


def former_champion(history: Sequence[tuple[str, str]], present: str) -> str | None:
    """Whom a rollback goes back to: `history` has each change's champion and reason, newest first.

    What a rollback itself brought into force, and whom it left, do not count again: rolling back twice goes back two
    steps, not to and fro.
    """
    left = {present}
    for place, (champion, why) in enumerate(history):
        if why == "rollback":
            earlier = next((c for c, _ in history[place + 1 :] if c != champion), None)
            left |= {earlier} if earlier is not None else set()
        elif champion not in left:
            return champion
    return None
