"""What a merge does with one table, decided by where its versions come from; rows are not looked at."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from modelyard.lake.api import Fate


class Course(Struct, frozen=True, kw_only=True):
    """What becomes of a table, and the version that both sides come from; `fate` None: nothing.

    Attributes:
        why: for a conflict that no row decides.
    """

    fate: Fate | None
    base: int | None = None
    why: str = ""


def ancestors(edges: Mapping[int, tuple[int, ...]], version: int) -> set[int]:
    """A version and all that it comes from."""
    reached: set[int] = set()
    waiting = [version]
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting += edges.get(each, ())
    return reached


def course(edges: Mapping[int, tuple[int, ...]], source: int | None, target: int | None) -> Course:
    """How a table goes from a branch into another.

    Args:
        edges: what each version was made from.
        source, target: heads; below zero where a branch dropped the table, None where it never had it.
    """
    if source is None or source == target:
        return Course(fate=None)
    mine = ancestors(edges, abs(source))
    yours = set() if target is None else ancestors(edges, abs(target))
    base = max(mine & yours, default=None)
    if source < 0:
        return _dropped(mine, base, target)
    if target is None:
        return Course(fate=Fate.CREATED)
    if target < 0:
        if source in yours:
            return Course(fate=None, base=base)
        return Course(fate=Fate.CONFLICT, base=base, why="it was changed on one side and dropped on the other")
    if base == source:
        return Course(fate=None, base=base)
    return Course(fate=Fate.FORWARD if base == target else Fate.MERGED, base=base)


def _dropped(mine: set[int], base: int | None, target: int | None) -> Course:
    if target is None or target < 0:
        return Course(fate=None, base=base)
    if target in mine:
        return Course(fate=Fate.DROPPED, base=base)
    return Course(fate=Fate.CONFLICT, base=base, why="it was dropped on one side and changed on the other")
