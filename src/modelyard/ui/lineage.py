"""The screen of lineage: what a thing was made from and what was made from it; for a prediction, the way back."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from modelyard.governance.api import LineageGraph, WalkStep
from modelyard.kernel import refs
from modelyard.kernel.clock import from_ms
from modelyard.kernel.refs import Ref
from modelyard.ui.happenings import happenings
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.graphs import Link, Node
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Page, Screens
from modelyard.ui.kit.refs import shown, walk_url
from modelyard.ui.kit.tables import NONE, ActorCell, Column, Kind, RefCell, Row, Table, TimeCell
from modelyard.ui.needs import allowed

_COLUMNS = (
    Column("step", "Step", Kind.NUMBER), Column("what", "Thing"), Column("by", "Made by", Kind.CODE),
    Column("who", "Who"), Column("at", "When", Kind.TIME),
)  # fmt: skip
_BY_ID = {"flow_run", "load", "prediction", "receipt", "report", "run", "verdict"}
"""Kinds whose name is a long id: a box shows its end."""
_BEGIN = 40
"""Happenings whose things are offered as beginnings."""


class LineageData(Struct, frozen=True):
    """A part of the graph, drawn and as a table, or the steps back from a prediction.

    `ref` empty asks for a thing; `begin` are some that changed of late.
    """

    ref: str
    sentence: str
    things: Table
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    steps: tuple[WalkStep, ...] = ()
    here: str = ""
    depth: int = 0
    begin: tuple[str, ...] = ()


def screens() -> Screens:
    """The page of lineage."""
    mine = Screens("lineage")
    mine.page("/lineage", template="pages/lineage.html", nav="lineage")(_lineage)
    return mine


def _lineage(calls: PageCalls, ask: Ask) -> Page:
    text = ask.text("ref").strip()
    if not text:
        late = dict.fromkeys(ref for event in happenings(calls, _BEGIN) for ref in event.refs)
        data = LineageData(
            "", "Name a thing to see where it came from, and what came of it.", Table("things", "Things", _COLUMNS, ()),
            begin=tuple(late),
        )  # fmt: skip
        return Page("Lineage", data, (Crumb("Lineage"),), Foot("GET /v1/lineage/graph", "yard governance upstream REF"))
    kind, name, _ = refs.parts(text)
    crumbs = (Crumb("Lineage", "/lineage"), Crumb(text))
    if kind == "prediction":
        return Page(text, _walk(calls, name), crumbs, _walk_foot(name))
    depth = ask.number("depth", 3, low=1, high=50)
    graph = slices(calls).governance.graph(Ref(text), depth=depth)
    foot = Foot(
        f"GET /v1/lineage/graph?ref={text}&depth={depth}", f"yard governance upstream {text}",
        f"yard.governance.graph({text!r}, depth={depth})",
    )  # fmt: skip
    return Page(text, _graph(graph, text, depth), crumbs, foot)


def _graph(graph: LineageGraph, text: str, depth: int) -> LineageData:
    made, reached = sum(n.depth < 0 for n in graph.nodes), sum(n.depth > 0 for n in graph.nodes)
    sentence = f"Made from {plural(made, 'thing')}; {plural(reached, 'thing')} came of it."
    if graph.cut:
        sentence += " There is more; ask for more steps, or walk from a nearer thing."
    if not made and not reached:
        sentence = "Nothing is known to lie before or after it."
    nodes, links = drawn(graph, walk_url)
    rows = tuple(
        Row(
            (
                n.depth, RefCell(str(n.ref)), n.operation or NONE, ActorCell(n.actor_name) if n.actor_name else NONE,
                NONE if n.at_ms is None else TimeCell(from_ms(n.at_ms)),
            ),
            key=str(n.ref), ref=str(n.ref),
        )
        for n in sorted(graph.nodes, key=lambda n: (n.depth, n.ref))
    )  # fmt: skip
    table = Table("things", "Things", _COLUMNS, rows)
    return LineageData(text, sentence, table, nodes, links, here=str(graph.root), depth=depth)


def drawn(graph: LineageGraph, road: Callable[[str], str] | None = None) -> tuple[tuple[Node, ...], tuple[Link, ...]]:
    """A part of the graph as boxes and arrows; `road` says where a box leads, else to its own page."""
    nodes = []
    for n in graph.nodes:
        look = shown(str(n.ref))
        label = f"{look.brief}@{look.version}" if look.version else look.brief
        if look.kind in _BY_ID:
            label = f"{look.kind.replace('_', ' ')} {look.name[-6:]}"
        said = n.operation.partition(".")[2].replace("_", " ")
        href = "" if n.ref == graph.root or road is None else road(str(n.ref))
        nodes.append(Node(str(n.ref), label, n.kind, said or n.kind, href=href))
    return tuple(nodes), tuple(Link(str(e.source), str(e.target)) for e in graph.edges)


def _walk(calls: PageCalls, name: str) -> LineageData:
    walk = slices(calls).governance.walk(name)
    rows = tuple(
        Row(
            (
                i, RefCell(str(s.ref)) if s.ref else s.text, s.stage.value.replace("_", " "),
                ActorCell(s.actor_name) if s.actor_name else NONE,
                NONE if s.at_ms is None else TimeCell(from_ms(s.at_ms)),
            ),
            key=str(i),
        )
        for i, s in enumerate(walk.steps, 1)
    )  # fmt: skip
    sentence = f"{plural(len(walk.steps), 'step')} back, nearest first." + (" There is more." if walk.cut else "")
    columns = (_COLUMNS[0], _COLUMNS[1], Column("stage", "Stage"), *_COLUMNS[3:])
    table = Table("things", "Steps", columns, rows)
    return LineageData(f"prediction:{name}", sentence, table, steps=tuple(walk.steps))


def _walk_foot(name: str) -> Foot:
    return Foot(
        f"GET /v1/lineage/predictions/{name}", f"yard governance walk {name}", f"yard.governance.walk({name!r})"
    )


def near(hub: Slices, ref: str) -> tuple[tuple[Node, ...], tuple[Link, ...]]:
    """What a thing was made from and what was made of it, one step each way; nothing for whoever may not look."""
    graph = allowed(lambda: hub.governance.graph(Ref(ref), depth=1, limit=12))
    return drawn(graph) if graph else ((), ())
