"""How the versions of a table hang together: each in the lane of its branch, with lines to what it was made from."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

ROW, LANE, LEFT = 28, 14, 15
"""Pixels: height of a version, distance of two lanes, place of the first one."""


class Commit(Struct, frozen=True):
    """A version on a branch; `parent` and `merged` are versions that it was made from."""

    version: int
    branch: str
    parent: int | None = None
    merged: int | None = None


class Knot(Struct, frozen=True):
    """A version's place: `lane` counts from 0, the branch that is looked at."""

    x: int
    y: int
    lane: int


class Thread(Struct, frozen=True):
    """A line from a version down to one that it was made from, in the colour of `lane`."""

    path: str
    lane: int


class Strands(Struct, frozen=True):
    """A drawn history: `width` is what it needs on the left of the words."""

    width: int
    height: int
    knots: tuple[Knot, ...]
    threads: tuple[Thread, ...]


def strands(commits: Sequence[Commit], main: str = "main") -> Strands:
    """Draw versions, newest first; what was made from something not shown has a line that runs out below."""
    lanes = {main: 0}
    for commit in commits:
        lanes.setdefault(commit.branch, len(lanes))
    spot = {c.version: (LEFT + lanes[c.branch] * LANE, row * ROW + ROW // 2) for row, c in enumerate(commits)}
    height = max(1, len(commits)) * ROW
    threads: list[Thread] = []
    for commit in commits:
        x, y = spot[commit.version]
        for source in (commit.parent, commit.merged):
            if source is None:
                continue
            if source not in spot:
                threads.append(Thread(f"M{x} {y}V{height}", lanes[commit.branch]))
                continue
            to_x, to_y = spot[source]
            outer = max(lanes[commit.branch], next(lanes[c.branch] for c in commits if c.version == source))
            threads.append(Thread(_path(x, y, to_x, to_y), outer))
    knots = tuple(Knot(*spot[c.version], lanes[c.branch]) for c in commits)
    return Strands(LEFT + (len(lanes) - 1) * LANE + 12, height, knots, tuple(threads))


def _path(x: int, y: int, to_x: int, to_y: int) -> str:
    """Down the lane of the newer, then over in the last row."""
    if x == to_x:
        return f"M{x} {y}V{to_y}"
    if to_x < x:  # the branch began at the older one: stay in the own lane as long as possible
        return f"M{x} {y}V{to_y - ROW}C{x} {to_y - ROW // 2} {to_x} {to_y - ROW // 2} {to_x} {to_y}"
    return f"M{x} {y}C{x} {y + ROW // 2} {to_x} {y + ROW // 2} {to_x} {y + ROW}V{to_y}"
