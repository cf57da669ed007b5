"""Rows of the graph: edges between refs, and which event met which ref. Projected from the journal; can be made anew.

An edge stands once for each pair and operation and keeps the event that spanned it last; the log keeps the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from modelyard.governance.api import LineageEdge
from modelyard.governance.model.lineage import Span, Touch, bare
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Migration, Row, Statement, Transaction

LINEAGE_MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="governance",
        number=2,
        name="lineage",
        ddl=(
            (
                "CREATE TABLE governance_edge (target {text} NOT NULL, source {text} NOT NULL,"
                " operation {text} NOT NULL, seq {int} NOT NULL, at_ms {int} NOT NULL, actor {text} NOT NULL,"
                " PRIMARY KEY (target, source, operation))"
            ),
            "CREATE INDEX governance_edge_source ON governance_edge (source, target)",
            (
                "CREATE TABLE governance_touch (ref {text} NOT NULL, seq {int} NOT NULL, wrote {int} NOT NULL,"
                " bare {text} NOT NULL, at_ms {int} NOT NULL, actor {text} NOT NULL, operation {text} NOT NULL,"
                " PRIMARY KEY (ref, seq))"
            ),
            "CREATE INDEX governance_touch_bare ON governance_touch (bare, seq)",
        ),
    ),
)

_EDGE_COLUMNS = ("target", "source", "operation", "seq", "at_ms", "actor")
_edge = sa.table("governance_edge", *map(sa.column, _EDGE_COLUMNS))
_TOUCH_COLUMNS = ("ref", "seq", "wrote", "bare", "at_ms", "actor", "operation")
_touch = sa.table("governance_touch", *map(sa.column, _TOUCH_COLUMNS))
p = sa.bindparam

_add_edge = insert(_edge).values({name: p(name) for name in _EDGE_COLUMNS})
_ADD_EDGE = Statement(
    _add_edge.on_conflict_do_update(
        index_elements=["target", "source", "operation"],
        set_={name: _add_edge.excluded[name] for name in ("seq", "at_ms", "actor")},
    )
)
_ADD_TOUCH = Statement(
    insert(_touch)
    .values({name: p(name) for name in _TOUCH_COLUMNS})
    .on_conflict_do_nothing(index_elements=["ref", "seq"])
)
_SOURCES = Statement(sa.select(_edge).where(_edge.c.target == p("ref_")).order_by(_edge.c.seq.desc()))
_TARGETS = Statement(sa.select(_edge).where(_edge.c.source == p("ref_")).order_by(_edge.c.seq.desc()))
_by_ref = (
    sa.select(_touch.c.seq)
    .where(_touch.c.ref == p("ref_"), _touch.c.seq < p("before"))
    .order_by(_touch.c.seq.desc())
    .limit(p("limit_"))
)
_HISTORY = Statement(_by_ref)
_HISTORY_BARE = Statement(
    sa.select(_touch.c.seq)
    .distinct()
    .where(_touch.c.bare == p("ref_"), _touch.c.seq < p("before"))
    .order_by(_touch.c.seq.desc())
    .limit(p("limit_"))
)
_LATEST = Statement(
    sa.select(_touch.c.ref, _touch.c.wrote)
    .where(_touch.c.bare == p("bare_"), _touch.c.ref != p("bare_"))
    .order_by(_touch.c.wrote.desc(), _touch.c.seq.desc())
    .limit(1)
)
_VERSIONS = Statement(
    sa.select(_touch.c.ref).distinct().where(_touch.c.bare == p("bare_")).order_by(_touch.c.ref).limit(p("limit_"))
)
_MADE = Statement(
    sa.select(_touch.c.ref, _touch.c.seq, _touch.c.at_ms, _touch.c.actor, _touch.c.operation)
    .where(_touch.c.ref == p("ref_"), _touch.c.wrote == 1)
    .order_by(_touch.c.seq.desc())
    .limit(1)
)


def _as_edge(row: Row) -> LineageEdge:
    return LineageEdge(
        target=Ref(row[0]), source=Ref(row[1]), operation=row[2], seq=row[3], at_ms=row[4], actor=ActorId(row[5])
    )


def add(tx: Transaction, spans: Iterable[Span]) -> None:
    """Keep what some events add; doing it again changes nothing."""
    edges: dict[tuple[Ref, Ref, str], LineageEdge] = {}
    touches: list[dict[str, str | int]] = []
    for each in spans:
        edges |= {(e.target, e.source, e.operation): e for e in each.edges}
        touches += [
            {
                "ref": t.ref,
                "seq": t.seq,
                "wrote": int(t.wrote),
                "bare": bare(t.ref),
                "at_ms": t.at_ms,
                "actor": t.actor,
                "operation": t.operation,
            }
            for t in each.touches
        ]
    tx.many(_ADD_EDGE, [{name: getattr(e, name) for name in _EDGE_COLUMNS} for e in edges.values()])
    tx.many(_ADD_TOUCH, touches)


def sources(tx: Transaction, target: Ref) -> list[LineageEdge]:
    """Edges that end in a ref, newest first."""
    return [_as_edge(row) for row in tx.all(_SOURCES, {"ref_": target})]


def targets(tx: Transaction, source: Ref) -> list[LineageEdge]:
    """Edges that begin in a ref, newest first."""
    return [_as_edge(row) for row in tx.all(_TARGETS, {"ref_": source})]


def latest(tx: Transaction, unversioned: Ref) -> tuple[Ref, bool] | None:
    """The version of a thing that was written last, else the one that was read last (False); None if it has none."""
    row = tx.one(_LATEST, {"bare_": unversioned})
    return None if row is None else (Ref(row[0]), bool(row[1]))


def versions(tx: Transaction, unversioned: Ref, *, limit: int) -> list[Ref]:
    """Every version of a thing that an event ever met, and the thing itself if one met it so."""
    return [Ref(row[0]) for row in tx.all(_VERSIONS, {"bare_": unversioned, "limit_": limit})]


def made(tx: Transaction, about: Ref) -> Touch | None:
    """How a ref was written last."""
    row = tx.one(_MADE, {"ref_": about})
    if row is None:
        return None
    return Touch(Ref(row[0]), row[1], at_ms=row[2], actor=ActorId(row[3]), operation=row[4], wrote=True)


def history(tx: Transaction, about: Ref, *, before: int, limit: int) -> list[int]:
    """Numbers of the events below `before` that met a ref, newest first; without a version, all of its versions."""
    statement = _HISTORY if "@" in about else _HISTORY_BARE
    return [int(row[0]) for row in tx.all(statement, {"ref_": about, "before": before, "limit_": limit})]
