"""The graph of events: which edges an event spans, how far a question reaches, and what each thing stands for.

Breadth first, so that what is cut is what lies farthest. It asks for neighbours through a function and never knows
where they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from modelyard.governance.api import LineageEdge, Stage
from modelyard.kernel.events import Event
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref, ref

_FAN = 400
"""Reads times writes above which an event becomes a node of its own: n + m edges in place of n * m."""

STAGES: dict[str, Stage] = {
    "prediction": Stage.PREDICTION,
    "endpoint": Stage.ENDPOINT,
    "revision": Stage.ENDPOINT,
    "model": Stage.MODEL,
    "logged_model": Stage.MODEL,
    "proposal": Stage.APPROVAL,
    "run": Stage.RUN,
    "flow_run": Stage.RUN,
    "step_run": Stage.RUN,
    "code": Stage.CODE,
    "training_set": Stage.TRAINING_SET,
    "dataset": Stage.TRAINING_SET,
    "view": Stage.FEATURES,
    "feature_view": Stage.FEATURES,
    "service": Stage.FEATURES,
    "feature_service": Stage.FEATURES,
    "table": Stage.TABLE,
    "source": Stage.SOURCE,
    "file": Stage.SOURCE,
    "fileset": Stage.SOURCE,
    "row": Stage.ROW,
}
"""What a ref of each kind stands for on a walk."""


class Touch(Struct, frozen=True):
    """An event met a ref; `wrote` is False if it only read it."""

    ref: Ref
    seq: int
    at_ms: int
    actor: ActorId
    operation: str
    wrote: bool


class Span(Struct, frozen=True, kw_only=True):
    """What one event adds to the graph."""

    edges: tuple[LineageEdge, ...]
    touches: tuple[Touch, ...]


def kind_of(about: Ref) -> str:
    """The kind in front of a ref."""
    return about.partition(":")[0]


def bare(about: Ref) -> Ref:
    """A ref without its version."""
    return Ref(about.partition("@")[0])


def stage_of(about: Ref) -> Stage:
    """What a ref stands for on a walk."""
    return STAGES.get(kind_of(about), Stage.OTHER)


def span(event: Event) -> Span:
    """The edges and touches of an event; a thing that an event reads and writes makes no circle with itself."""
    reads, writes = dict.fromkeys(event.reads), dict.fromkeys(event.writes)

    def edge(source: Ref, target: Ref) -> LineageEdge:
        return LineageEdge(
            source=source, target=target, operation=event.kind, seq=event.seq, at_ms=event.at_ms, actor=event.actor
        )

    if len(reads) * len(writes) > _FAN:
        middle = ref("event", event.id)
        edges = [*(edge(r, middle) for r in reads), *(edge(middle, w) for w in writes)]
    else:
        edges = [edge(r, w) for r in reads for w in writes if r != w]
    touched = [(w, True) for w in writes] + [(r, False) for r in reads if r not in writes]
    touches = [
        Touch(about, event.seq, at_ms=event.at_ms, actor=event.actor, operation=event.kind, wrote=wrote)
        for about, wrote in touched
    ]
    return Span(edges=tuple(edges), touches=tuple(touches))


class Spread(Struct, frozen=True, kw_only=True):
    """How far a question reached: each ref with its distance, the edges between, and whether it was cut."""

    depth: dict[Ref, int]
    edges: list[LineageEdge]
    cut: bool


def spread(
    roots: Sequence[Ref], neighbours: Callable[[Ref], Iterable[LineageEdge]], *, up: bool, depth: int, limit: int
) -> Spread:
    """Walk from `roots` breadth first; at most `depth` steps and `limit` refs beside the roots."""
    found = dict.fromkeys(roots, 0)
    edges: dict[tuple[Ref, Ref, str], LineageEdge] = {}
    ring, cut = list(found), False
    for distance in range(1, depth + 1):
        following: list[Ref] = []
        for here in ring:
            for edge in neighbours(here):
                there = edge.source if up else edge.target
                if there not in found:
                    if len(found) - len(roots) >= limit:
                        cut = True
                        continue
                    found[there] = distance
                    following.append(there)
                edges.setdefault((edge.source, edge.target, edge.operation), edge)
        ring = following
        if not ring:
            break
    else:
        cut = cut or any(True for here in ring for _ in neighbours(here))
    return Spread(depth=found, edges=list(edges.values()), cut=cut)
