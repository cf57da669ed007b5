"""Rows of flows, schedules and queues."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.pipelines.api import Flow, FlowSpec, Json, Schedule, WorkQueue
from modelyard.pipelines.store.tables import insert, p, table
from modelyard.ports.database import Row, Statement, Transaction, upsert

_FLOW = ("name", "version", "spec", "bundle", "size_bytes", "created_ms", "created_by")
_SCHEDULE = ("name", "flow", "params", "every_s", "next_ms", "created_by", "last_run", "last_error")
_flow = table("pipelines_flow", (*_FLOW, "newest"))
_schedule = table("pipelines_schedule", _SCHEDULE)
_queue = table("pipelines_queue", ("name", "slots"))
_shown = [_flow.c[name] for name in _FLOW]
_one: sa.ColumnClause[int] = sa.literal_column("1")

_ADD = insert(_flow)
_OUTDATE = Statement(
    sa.update(_flow).where(_flow.c.name == p("name_"), _flow.c.newest == _one).values(newest=sa.literal_column("0"))
)
_NEWEST = Statement(sa.select(*_shown).where(_flow.c.name == p("name_"), _flow.c.newest == _one))
_ONE = Statement(sa.select(*_shown).where(_flow.c.name == p("name_"), _flow.c.version == p("version_")))
_ALL = Statement(
    sa.select(*_shown)
    .where(_flow.c.newest == _one, _flow.c.name > p("after"))
    .order_by(_flow.c.name)
    .limit(p("limit_"))
)
_replacing = upsert(_schedule).values({name: p(name) for name in _SCHEDULE})
_PUT_SCHEDULE = Statement(
    _replacing.on_conflict_do_update(
        index_elements=[_schedule.c.name],
        set_={name: _replacing.excluded[name] for name in _SCHEDULE if name != "name"},
    )
)
_SCHEDULES = Statement(sa.select(_schedule).order_by(_schedule.c.name))
_DUE = Statement(sa.select(_schedule).where(_schedule.c.next_ms <= p("now")).order_by(_schedule.c.next_ms))
_DROP_SCHEDULE = Statement(sa.delete(_schedule).where(_schedule.c.name == p("name_")))
_filling = upsert(_queue).values(name=p("name"), slots=p("slots"))
_PUT_QUEUE = Statement(
    _filling.on_conflict_do_update(index_elements=[_queue.c.name], set_={"slots": _filling.excluded["slots"]})
)
_ADD_QUEUE = Statement(_filling.on_conflict_do_nothing())
_QUEUES = Statement(sa.select(_queue).order_by(_queue.c.name))

_decode_spec = msgspec.json.Decoder(FlowSpec).decode


def add(tx: Transaction, flow: Flow) -> None:
    """Add a version, which is then the newest."""
    tx.run(_OUTDATE, {"name_": flow.name})
    tx.run(
        _ADD,
        {
            "name": flow.name, "version": flow.version, "spec": msgspec.json.encode(flow.spec), "bundle": flow.bundle,
            "size_bytes": flow.size_bytes, "created_ms": flow.created_ms, "created_by": flow.by, "newest": 1,
        },
    )  # fmt: skip


def flow(tx: Transaction, name: str, version: int | None = None) -> Flow | None:
    """A version of a flow, by default the newest."""
    given = {"name_": name}
    row = tx.one(_NEWEST, given) if version is None else tx.one(_ONE, {**given, "version_": version})
    return None if row is None else _to_flow(row)


def newest(tx: Transaction, *, after: str, limit: int) -> list[Flow]:
    """Flows by name, each in its newest version."""
    return [_to_flow(row) for row in tx.all(_ALL, {"after": after, "limit_": limit})]


def put_schedule(tx: Transaction, schedule: Schedule) -> None:
    """Add a schedule or replace the one of its name."""
    tx.run(
        _PUT_SCHEDULE,
        {
            "name": schedule.name, "flow": schedule.flow, "params": msgspec.json.encode(schedule.params),
            "every_s": schedule.every_s, "next_ms": schedule.next_ms, "created_by": schedule.by,
            "last_run": schedule.last_run, "last_error": schedule.last_error,
        },
    )  # fmt: skip


def schedules(tx: Transaction) -> list[Schedule]:
    """Schedules by name."""
    return [_to_schedule(row) for row in tx.all(_SCHEDULES)]


def due(tx: Transaction, now_ms: int) -> list[Schedule]:
    """Schedules that are due, the longest overdue first."""
    return [_to_schedule(row) for row in tx.all(_DUE, {"now": now_ms})]


def drop_schedule(tx: Transaction, name: str) -> bool:
    """False if there was none."""
    return bool(tx.run(_DROP_SCHEDULE, {"name_": name}))


def queues(tx: Transaction) -> list[WorkQueue]:
    """Queues by name, without what waits in them."""
    return [WorkQueue(name=row[0], slots=row[1]) for row in tx.all(_QUEUES)]


def put_queue(tx: Transaction, name: str, slots: int) -> None:
    """Add a queue, or change its slots."""
    tx.run(_PUT_QUEUE, {"name": name, "slots": slots})


def add_queue(tx: Transaction, name: str, slots: int) -> None:
    """Add a queue if there is none of that name."""
    tx.run(_ADD_QUEUE, {"name": name, "slots": slots})


def _to_flow(row: Row) -> Flow:
    name, version, spec, bundle, size_bytes, created_ms, by = row
    return Flow(
        name=name, version=version, spec=_decode_spec(spec), bundle=bundle, size_bytes=size_bytes,
        created_ms=created_ms, by=ActorId(by),
    )  # fmt: skip


def _to_schedule(row: Row) -> Schedule:
    name, flow_, params, every_s, next_ms, by, last_run, last_error = row
    decoded: dict[str, Json] = msgspec.json.decode(params)
    return Schedule(
        name=name, flow=flow_, params=decoded, every_s=every_s, next_ms=next_ms, by=ActorId(by), last_run=last_run,
        last_error=last_error,
    )  # fmt: skip
