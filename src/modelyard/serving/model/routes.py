"""Which revision answers a request: header rules first, then a sticky point, then a weighted draw.

Pure and quick (a fraction of a microsecond); it never looks at a model, a clock or a random source of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from zlib import crc32

from modelyard.serving.api.routes import Arm, Route


def fault_of(route: Route) -> str | None:
    """Why the route cannot work, in words; None if it can."""
    if not route.arms:
        return "a route needs at least one arm"
    if any(not 0 <= arm.weight < float("inf") for arm in route.arms):
        return "a weight is a number from 0 up"
    if not sum(arm.weight for arm in route.arms) > 0:
        return "at least one arm needs a weight above 0"
    if len({arm.revision for arm in route.arms}) < len(route.arms):
        return "a revision may have one arm"
    if any(not 0 <= shadow.share <= 1 for shadow in route.shadows):
        return "a shadow's share lies between 0 and 1"
    if route.sticky is not None and (route.sticky.header is None) == (route.sticky.column is None):
        return "a sticky route names a header or a column, one of the two"
    return None


def sticky_point(key: bytes) -> float:
    """Where on [0, 1) a key always falls."""
    return crc32(key) / 4294967296.0


class Chooser:
    """A route made ready for many choices."""

    __slots__ = ("_arms", "_edges", "_rules", "_total", "single")

    def __init__(self, route: Route, usable: Sequence[str]) -> None:
        """Keep only the arms and rules whose revision is in `usable`; their weights share what the others leave."""
        ready = set(usable)
        arms = [arm for arm in route.arms if arm.revision in ready]
        if not sum(arm.weight for arm in arms) > 0:
            arms = [Arm(arm.revision, 1.0, arm.role) for arm in arms[:1]]
        self._arms = [(arm.revision, arm.role) for arm in arms]
        self._edges = list(accumulate(arm.weight for arm in arms))
        self._total = self._edges[-1] if arms else 0.0
        self._rules = [(r.header.lower(), r.value, r.revision, r.role) for r in route.headers if r.revision in ready]
        self.single = self._arms[0] if len(self._arms) == 1 and not self._rules else None

    def __bool__(self) -> bool:
        """Whether anybody can be chosen."""
        return bool(self._arms)

    def by_header(self, headers: Mapping[str, str]) -> tuple[str, str] | None:
        """The revision and role that a header rule names, first rule first."""
        for header, value, revision, role in self._rules:
            if headers.get(header) == value:
                return revision, role
        return None

    def by_point(self, point: float) -> tuple[str, str]:
        """The revision and role at `point` of [0, 1); there must be an arm."""
        at = bisect_right(self._edges, point * self._total)
        return self._arms[min(at, len(self._arms) - 1)]
