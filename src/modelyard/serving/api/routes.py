"""Routes: how an endpoint's requests are shared out among its revisions. The data plane reads these same records."""

from __future__ import annotations

from msgspec import Struct


class Arm(Struct, frozen=True):
    """A share of the traffic.

    Attributes:
        revision: who answers it, by number, as text.
        weight: relative to the sum of all arms; zero takes nothing by chance but may be reached by a header rule.
        role: what the share is for: `champion`, `canary` or `trial`; logged with each prediction.
    """

    revision: str
    weight: float = 1.0
    role: str = "champion"


class HeaderRule(Struct, frozen=True):
    """Requests whose header holds exactly this value go to this revision."""

    header: str
    value: str
    revision: str
    role: str = "header"


class Sticky(Struct, frozen=True):
    """What keeps a caller on one arm: the value of a header, or of an input column (of the first row)."""

    header: str | None = None
    column: str | None = None


class Shadow(Struct, frozen=True):
    """A revision that sees a share (0..1) of the requests and whose answers nobody gets."""

    revision: str
    share: float = 1.0


class Route(Struct, frozen=True, kw_only=True):
    """How an endpoint's requests are shared out; equal keys stay on one arm as long as the weights stand."""

    arms: tuple[Arm, ...]
    headers: tuple[HeaderRule, ...] = ()
    sticky: Sticky | None = None
    shadows: tuple[Shadow, ...] = ()
