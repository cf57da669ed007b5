"""Answers from the graph, and its projection from events.

The projection runs a little behind; a question reads what is not projected yet from the log itself, so whoever made a
change sees it in the graph at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec import MsgspecError

from modelyard.governance.api import (
    LineageEdge,
    LineageGraph,
    LineageNode,
    LineageOperations,
    PredictionSource,
    PredictionTrace,
    Reach,
    Reached,
    RowSource,
    Stage,
    Walk,
    WalkStep,
)
from modelyard.governance.model.lineage import Spread, Touch, bare, kind_of, span, spread, stage_of
from modelyard.governance.store import identity
from modelyard.governance.store import lineage as rows_of
from modelyard.kernel.errors import NotFound
from modelyard.kernel.events import Event, News
from modelyard.kernel.ids import ActorId
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref, parts, ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.journal import Journal

CONSUMER = "governance.project"
_BATCH = 500
_TAIL = 2000
_FAR = 5000
_MANY = 2000
_ALL = 100_000
_ENDLESS = 2**62
APPROVALS = frozenset({"registry.proposal_approved", "registry.version_approved"})


POINTING = frozenset({"registry.alias_moved"})
"""What such an event writes is a pointer: only its newest move says what it was made from, its history the others."""
STAGE_OF_EVENT = {"features.training_set_built": Stage.TRAINING_SET}
"""A table that such an event wrote stands for more than a table."""


class _Approved(News, frozen=True, kw_only=True):
    """What an event about a model may say of who approved it."""

    kind = "governance.approved"
    approvers: tuple[ActorId, ...] = ()


class _Code(News, frozen=True, kw_only=True):
    """What an event about a run may say of its code."""

    kind = "governance.code"
    commit: str | None = None


class _View:
    """The graph as of now: what is projected, and the tail of the log that is not."""

    def __init__(self, tx: Transaction, journal: Journal) -> None:
        self._tx = tx
        self._journal = journal
        self._into: dict[Ref, list[LineageEdge]] = defaultdict(list)
        self._out_of: dict[Ref, list[LineageEdge]] = defaultdict(list)
        self._met: dict[Ref, list[Touch]] = defaultdict(list)
        for event in reversed(journal.events(tx, after=journal.cursor(tx, CONSUMER), limit=_TAIL)):
            added = span(event)
            for edge in added.edges:
                self._into[edge.target].append(edge)
                self._out_of[edge.source].append(edge)
            for touch in added.touches:
                self._met[bare(touch.ref)].append(touch)

    def sources(self, target: Ref) -> list[LineageEdge]:
        """Edges that end in a ref and stand."""
        return self._standing(self._into.get(target, []) + rows_of.sources(self._tx, target))

    def targets(self, source: Ref) -> list[LineageEdge]:
        """Edges that begin in a ref and stand."""
        return self._standing(self._out_of.get(source, []) + rows_of.targets(self._tx, source))

    def _standing(self, edges: list[LineageEdge]) -> list[LineageEdge]:
        """Edges without those of a pointer that points elsewhere by now."""
        return [e for e in edges if e.operation not in POINTING or self._written_last(e.target) <= e.seq]

    def _written_last(self, about: Ref) -> int:
        made = self.made(about)
        return 0 if made is None else made.seq

    def resolved(self, about: Ref) -> Ref:
        """A ref with the version that was written last, if it has versions and names none; a source is only read."""
        if parts(about).version is not None:
            return about
        recent = [t for t in self._met.get(about, ()) if t.ref != about]
        known = rows_of.latest(self._tx, about)
        found = [(t.ref, t.wrote) for t in recent] + ([] if known is None else [known])
        return next((at for at, wrote in found if wrote), found[0][0] if found else about)

    def made(self, about: Ref) -> Touch | None:
        """How a ref was written last."""
        recent = (t for t in self._met.get(bare(about), ()) if t.wrote and t.ref == about)
        return next(recent, None) or rows_of.made(self._tx, about)

    def versions(self, about: Ref) -> list[Ref]:
        """Every version of a thing, if it names none; else itself."""
        if "@" in about:
            return [about]
        tail = [t.ref for t in self._met.get(about, ())]
        return list(dict.fromkeys([about, *rows_of.versions(self._tx, about, limit=_MANY), *tail]))

    def history(self, about: Ref, *, before: int, limit: int) -> list[Event]:
        """Events that met a ref, newest first; without a version, any of its versions."""
        whole = "@" in about
        recent = {t.seq for t in self._met.get(bare(about), ()) if t.seq < before and (not whole or t.ref == about)}
        kept = rows_of.history(self._tx, about, before=before, limit=limit)
        places = sorted(recent.union(kept), reverse=True)[:limit]
        return [e for place in places for e in self._journal.events(self._tx, after=place - 1, limit=1)]

    def graph(self, root: Ref, spreads: Sequence[tuple[Spread, int]]) -> LineageGraph:
        """A graph for an answer; each spread with the sign of its depths."""
        depth: dict[Ref, int] = {}
        edges: dict[tuple[Ref, Ref, str], LineageEdge] = {}
        for found, sign in spreads:
            depth |= {about: sign * steps for about, steps in found.depth.items() if about not in depth}
            edges |= {(e.source, e.target, e.operation): e for e in found.edges}
        made = {about: self.made(about) for about in depth}
        names = identity.names(self._tx, {m.actor for m in made.values() if m is not None})
        nodes = [self._node(about, steps, made[about], names) for about, steps in depth.items()]
        return LineageGraph(root=root, nodes=nodes, edges=list(edges.values()), cut=any(s.cut for s, _ in spreads))

    def name(self, actor: ActorId) -> str:
        """What an actor is called."""
        return identity.names(self._tx, {actor}).get(actor, actor)

    def _node(self, about: Ref, depth: int, made: Touch | None, names: dict[ActorId, str]) -> LineageNode:
        if made is None:
            return LineageNode(ref=about, kind=kind_of(about), depth=depth)
        return LineageNode(
            ref=about, kind=kind_of(about), depth=depth, at_ms=made.at_ms, actor=made.actor,
            actor_name=names.get(made.actor, made.actor), operation=made.operation,
        )  # fmt: skip


class LineageService(LineageOperations):
    """Where from, and where to."""

    def __init__(
        self, journal: Journal, *, predictions: PredictionSource | None, rows: RowSource | None
    ) -> None:  # fmt: skip
        self._journal = journal
        self._predictions = predictions
        self._rows = rows

    def upstream(self, ref: Ref, depth: int = 20, limit: int = 500) -> LineageGraph:
        """What a thing was made from."""
        view = self._view()
        root = view.resolved(ref)
        return view.graph(root, [(spread([root], view.sources, up=True, depth=depth, limit=limit), -1)])

    def downstream(self, ref: Ref, depth: int = 20, limit: int = 500) -> LineageGraph:
        """What was made from a thing."""
        view = self._view()
        root = view.resolved(ref)
        return view.graph(root, [(spread([root], view.targets, up=False, depth=depth, limit=limit), 1)])

    def graph(self, ref: Ref, depth: int = 3, limit: int = 200) -> LineageGraph:
        """The graph around a thing."""
        view = self._view()
        root = view.resolved(ref)
        back = spread([root], view.sources, up=True, depth=depth, limit=limit)
        forth = spread([root], view.targets, up=False, depth=depth, limit=limit)
        return view.graph(root, [(back, -1), (forth, 1)])

    def history(self, ref: Ref, limit: int = 50, cursor: str | None = None) -> Page[Event]:
        """What happened to a thing."""
        parts(ref)
        before = place_of(cursor, _ENDLESS)
        events = self._view().history(ref, before=before, limit=limit + 1)
        return page_of(events, limit, lambda e: (e.seq,))

    def walk(self, prediction: str) -> Walk:
        """Back from a prediction."""
        traced = None if self._predictions is None else self._predictions.trace(prediction)
        if traced is None:
            raise NotFound(f"there is no logged prediction {prediction[:60]}; look at an endpoint's predictions")
        view = self._view()
        found = spread(list(traced.made_from), view.sources, up=True, depth=_FAR, limit=_MANY)
        graph = view.graph(traced.ref, [(found, -1)])
        steps = [WalkStep(stage=Stage.PREDICTION, ref=traced.ref, text=traced.output, at_ms=traced.at_ms)]
        steps.append(WalkStep(stage=Stage.ENDPOINT, ref=traced.endpoint))  # its other revisions had no part in it
        steps += [_step(node) for node in graph.nodes if node.kind != "event" and node.ref != traced.endpoint]
        steps += self._spoken(view, [node.ref for node in graph.nodes])
        steps += self._row_steps(traced, graph)
        order = list(Stage)
        steps.sort(key=lambda s: order.index(s.stage))  # stable: nearest first within a stage
        return Walk(prediction=traced, steps=steps, cut=graph.cut)

    def reach(self, row: Ref, limit: int = 100) -> Reach:
        """Forward from a row."""
        traced = None if self._rows is None else self._rows.row(row)
        if traced is None:
            raise NotFound(f"there is no row {row[:80]}; a row is named row:LOAD/NUMBER as the lake shows it")
        view = self._view()
        found = spread(list(traced.tables), view.targets, up=False, depth=_FAR, limit=_MANY)
        graph = view.graph(traced.ref, [(found, 1)])
        models = tuple(n.ref for n in graph.nodes if stage_of(n.ref) is Stage.MODEL)
        endpoints = tuple(n.ref for n in graph.nodes if stage_of(n.ref) is Stage.ENDPOINT)
        predictions = Reached(total=0, about=0, some=())
        if self._predictions is not None:
            predictions = self._predictions.reached([*endpoints, *models], traced.keys, limit=limit)
        return Reach(row=traced, graph=graph, models=models, endpoints=endpoints, predictions=predictions)

    def models_from(self, things: Sequence[Ref]) -> tuple[Ref, ...]:
        """Model versions made, over whatever steps, from any of the things; all versions of one that names none."""
        view = self._view()
        roots = [version for about in things for version in view.versions(about)]
        found = spread(list(dict.fromkeys(roots)), view.targets, up=False, depth=_FAR, limit=_ALL)
        return tuple(sorted(about for about in found.depth if stage_of(about) is Stage.MODEL))

    def project(self) -> None:
        """Bring the graph to the end of the log, in batches, each in one commit with its place; for a duty."""
        while calls.current().unit(self._project_some) == _BATCH:
            pass

    def _project_some(self) -> int:
        tx = calls.current().tx
        events = self._journal.events(tx, after=self._journal.cursor(tx, CONSUMER), limit=_BATCH)
        if events:
            rows_of.add(tx, map(span, events))
            self._journal.advance(tx, CONSUMER, events[-1].seq)
        return len(events)

    def _view(self) -> _View:
        return _View(calls.current().tx, self._journal)

    def _spoken(self, view: _View, about: Sequence[Ref]) -> list[WalkStep]:
        """What events say beside their edges: who approved a model, and which code a run ran."""
        steps: dict[tuple[Ref | None, str, ActorId | None], WalkStep] = {}
        for each in about:
            stage = stage_of(each)
            events = view.history(each, before=_ENDLESS, limit=50) if stage in (Stage.MODEL, Stage.RUN) else []
            for event in events:
                said = _approvals(event, each, view) if stage is Stage.MODEL else _code(event)
                for step in said:
                    steps.setdefault((step.ref, step.text, step.actor), step)
        return list(steps.values())

    def _row_steps(self, traced: PredictionTrace, graph: LineageGraph) -> list[WalkStep]:
        """The rows about the prediction's entity in the tables that it came from."""
        if self._rows is None or not traced.keys:
            return []
        steps: list[WalkStep] = []
        tables: dict[Ref, Ref] = {}
        for node in graph.nodes:
            if stage_of(node.ref) is Stage.TABLE:
                tables.setdefault(bare(node.ref), node.ref)
        for table in tables.values():
            for row in self._rows.about(table, traced.keys, limit=20):
                place = "" if row.line is None else f", line {row.line}"
                text = f"{row.source}{place}" if row.source is not None else str(table)
                steps.append(WalkStep(stage=Stage.ROW, ref=row.ref, text=text))
        return steps


def _step(node: LineageNode) -> WalkStep:
    stage = STAGE_OF_EVENT.get(node.operation) or stage_of(node.ref)
    return WalkStep(
        stage=stage, ref=node.ref, text=node.operation, at_ms=node.at_ms, actor=node.actor, actor_name=node.actor_name
    )


def _code(event: Event) -> list[WalkStep]:
    """The commit that an event about a run names."""
    try:
        commit = event.decode(_Code).commit
    except MsgspecError:
        return []
    return [WalkStep(stage=Stage.CODE, ref=ref("code", commit), text=commit, at_ms=event.at_ms)] if commit else []


def _approvals(event: Event, model: Ref, view: _View) -> list[WalkStep]:
    """Who approved, as an event about a model says: its own actor, or those whom it names."""
    if not event.kind.startswith("registry."):
        return []
    try:
        approvers = event.decode(_Approved).approvers
    except MsgspecError:
        approvers = ()
    if event.kind in APPROVALS:
        approvers = (event.actor, *approvers)
    return [
        WalkStep(
            stage=Stage.APPROVAL, ref=model, text=f"{model} approved", at_ms=event.at_ms, actor=each,
            actor_name=view.name(each),
        )
        for each in approvers
    ]  # fmt: skip
