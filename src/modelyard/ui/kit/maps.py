"""The map of the lifecycle: stages beside each other, real edges between them, and how trouble travels along these.

Geometry and arithmetic on the drawn graph only; which things there are and how they stand is for whoever draws it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

WIDTH, HEAD, BOX, GAP, REST = 1204, 48, 40, 8, 24
"""In pixels of a map at its full width: all of it, a stage's head, a thing, the space below, the line at the end."""
_RANK = {"bad": 2, "warn": 1}


class Place(Struct, frozen=True):
    """A thing on the map: `state` is one of ok warn bad run wait off, `note` a few words on how it stands."""

    key: str
    name: str
    version: str
    note: str
    state: str
    href: str


class Stage(Struct, frozen=True):
    """A stage: `count` is None where the actor may not look; `more`: no further were counted; `rest`: the undrawn."""

    name: str
    unit: str
    href: str
    count: int | None
    more: bool = False
    note: str = ""
    places: tuple[Place, ...] = ()
    rest: str = ""


class Strand(Struct, frozen=True):
    """`target` was made from `source`, or watches it; `tone` is warn or bad where trouble travels along it."""

    source: str
    target: str
    tone: str = ""


class Edge(Struct, frozen=True):
    """A drawn strand."""

    path: str
    tone: str


class MapDrawing(Struct, frozen=True):
    """The edges of a map, in a box of `WIDTH` x `height`; trouble is drawn last, on top."""

    width: int
    height: int
    edges: tuple[Edge, ...]


def spread(states: Mapping[str, str], strands: Sequence[Strand]) -> tuple[Strand, ...]:
    """Tone each strand that leads into a thing in trouble, and all that follow from there; the worst tone wins.

    >>> spread({"b": "bad"}, [Strand("a", "b"), Strand("b", "c"), Strand("x", "c")])[1].tone
    'bad'
    """
    reached = {key: state for key, state in states.items() if state in _RANK}
    for _ in range(len(strands)):
        changed = False
        for strand in strands:
            worse = _worst(reached.get(strand.source, ""), reached.get(strand.target, ""))
            if worse != reached.get(strand.target, "") and reached.get(strand.source):
                reached[strand.target], changed = worse, True
        if not changed:
            break
    return tuple(Strand(s.source, s.target, _worst(reached.get(s.source, ""), _own(states, s.target))) for s in strands)


def _own(states: Mapping[str, str], key: str) -> str:
    state = states.get(key, "")
    return state if state in _RANK else ""


def _worst(one: str, other: str) -> str:
    return max(one, other, key=lambda tone: _RANK.get(tone, 0))


def drawing(stages: Sequence[Stage], strands: Sequence[Strand]) -> MapDrawing:
    """Draw the strands between the things of the stages, in the places where the page's grid puts them."""
    step = WIDTH / max(1, len(stages))
    wide = step * 0.8173  # a stage is that part of its step; the rest is the gap that edges bend in
    gap = (WIDTH - wide * len(stages)) / max(1, len(stages) - 1)
    spot = {
        place.key: (index * (wide + gap), HEAD + row * (BOX + GAP) + BOX // 2)
        for index, stage in enumerate(stages)
        for row, place in enumerate(stage.places)
    }
    edges = []
    for strand in sorted(strands, key=lambda s: _RANK.get(s.tone, 0)):
        if strand.source not in spot or strand.target not in spot:
            continue
        (x, y1), (x2, y2) = spot[strand.source], spot[strand.target]
        x1, bend = x + wide, gap / 2
        edges.append(Edge(f"M{x1:.0f} {y1}C{x1 + bend:.0f} {y1} {x2 - bend:.0f} {y2} {x2:.0f} {y2}", strand.tone))
    tallest = max((len(stage.places) for stage in stages), default=0)
    return MapDrawing(WIDTH, HEAD + tallest * (BOX + GAP) + REST, tuple(edges))
