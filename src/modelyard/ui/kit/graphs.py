"""Where the boxes and arrows of a graph stand: a small layered layout for lineage and pipelines.

Longest path gives the column, two sweeps of barycentres order each column. Circles (lineage has none, but data may lie)
are cut at the edge that closes them. Never draws: the macro does.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Node(Struct, frozen=True):
    """A thing to draw: `key` is its ref, `state` one of ok warn bad run wait off, `note` a short line under it."""

    key: str
    label: str
    kind: str = ""
    note: str = ""
    state: str = ""
    href: str = ""


class Link(Struct, frozen=True):
    """An arrow from what was read to what was written."""

    source: str
    target: str
    tone: str = ""


class Placed(Struct, frozen=True):
    """A node with its corner."""

    node: Node
    x: int
    y: int


class Arrow(Struct, frozen=True):
    """A drawn link."""

    path: str
    tone: str
    source: str
    target: str


class Drawing(Struct, frozen=True):
    """A whole layout in a box of `width` x `height`."""

    width: int
    height: int
    box_width: int
    box_height: int
    nodes: tuple[Placed, ...]
    arrows: tuple[Arrow, ...]


def columns(keys: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    """Give each node its column: one to the right of the farthest thing that it was made from."""
    before: dict[str, list[str]] = {key: [] for key in keys}
    for link in links:
        if link.source in before and link.target in before and link.source != link.target:
            before[link.target].append(link.source)
    column: dict[str, int] = {}
    open_: set[str] = set()
    for start in keys:
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            key, index = stack.pop()
            if key in column:
                continue
            open_.add(key)
            if index < len(before[key]):
                stack.append((key, index + 1))
                above = before[key][index]
                if above not in column and above not in open_:
                    stack.append((above, 0))
                continue
            open_.discard(key)
            column[key] = max((column[a] + 1 for a in before[key] if a in column), default=0)
    return column


def layout(
    nodes: Sequence[Node],
    links: Sequence[Link],
    *,
    box_width: int = 160,
    box_height: int = 40,
    gap_x: int = 40,
    gap_y: int = 12,
) -> Drawing:
    """Place nodes in columns from left (sources) to right (what was made of them) and draw the arrows between."""
    known = {node.key: node for node in nodes}
    column = columns(list(known), links)
    shelves: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for key in known:
        shelves[column[key]].append(key)
    near: dict[str, list[str]] = {key: [] for key in known}
    for link in links:
        if link.source in known and link.target in known:
            near[link.source].append(link.target)
            near[link.target].append(link.source)
    for order in (range(len(shelves)), range(len(shelves) - 1, -1, -1), range(len(shelves))):
        row = {key: float(i) for shelf in shelves for i, key in enumerate(shelf)}
        for index in order:
            weight = {
                key: sum(row[n] for n in near[key]) / len(near[key]) if near[key] else row[key]
                for key in shelves[index]
            }
            shelves[index].sort(key=lambda key: (weight[key], row[key]))
            row.update({key: float(i) for i, key in enumerate(shelves[index])})
    tallest = max((len(shelf) for shelf in shelves), default=0)
    height = max(box_height, tallest * (box_height + gap_y) - gap_y) + 8
    spot: dict[str, tuple[int, int]] = {}
    for index, shelf in enumerate(shelves):
        top = (height - (len(shelf) * (box_height + gap_y) - gap_y)) // 2
        for place, key in enumerate(shelf):
            spot[key] = (4 + index * (box_width + gap_x), top + place * (box_height + gap_y))
    arrows = tuple(
        Arrow(
            _curve(spot[link.source], spot[link.target], box_width, box_height, gap_x),
            link.tone,
            link.source,
            link.target,
        )
        for link in links
        if link.source in spot and link.target in spot
    )
    width = max(1, len(shelves)) * (box_width + gap_x) - gap_x + 8
    return Drawing(width, height, box_width, box_height, tuple(Placed(known[k], *spot[k]) for k in spot), arrows)


def _curve(start: tuple[int, int], end: tuple[int, int], wide: int, tall: int, gap: int) -> str:
    x1, y1, x2, y2 = start[0] + wide, start[1] + tall // 2, end[0], end[1] + tall // 2
    bend = max(gap // 2, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
