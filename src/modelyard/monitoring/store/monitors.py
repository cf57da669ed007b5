"""Rows of monitors, of what is kept of their references, and of labels."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.monitoring.api import Monitor, Truth, VerdictId, Watch
from modelyard.monitoring.store.schema import table
from modelyard.ports.database import Row, Statement, Transaction, upsert

_COLUMNS = ("name", "watched", "body", "seen", "last_verdict", "last_ms", "drifted")
_monitor = table("monitor", *_COLUMNS)
_profile = table("profile", "monitor", "body")
_label = table("label", "monitor", "of_key", "label", "at_ms")
p = sa.bindparam


class _Body(Struct, frozen=True):
    watch: Watch
    description: str
    author: ActorId
    created_ms: int


_bodies = msgspec.json.Decoder(_Body)

_PUT = Statement(
    upsert(_monitor)
    .values({c: p(c) for c in _COLUMNS})
    .on_conflict_do_update(index_elements=["name"], set_={c: p(c) for c in ("watched", "body", "seen")})
)
_all = sa.select(*_monitor.c)
_LIST = Statement(_all.where(_monitor.c.name > p("after")).order_by(_monitor.c.name).limit(p("most")))
_GET = Statement(_all.where(_monitor.c.name == p("name_")))
_WATCHING = Statement(_all.where(_monitor.c.watched == p("table_")).order_by(_monitor.c.name))
_EVERY = Statement(_all.order_by(_monitor.c.name))
_ADVANCE = Statement(
    sa.update(_monitor).where(_monitor.c.name == p("name_"), _monitor.c.seen == p("from_")).values(seen=p("to_"))
)
_JUDGED = Statement(
    sa.update(_monitor)
    .where(_monitor.c.name == p("name_"))
    .values(last_verdict=p("verdict_"), last_ms=p("at_"), drifted=p("drifted_"))
)
_DROP = Statement(sa.delete(_monitor).where(_monitor.c.name == p("name_")))

_PUT_PROFILE = Statement(
    upsert(_profile)
    .values(monitor=p("monitor"), body=p("body"))
    .on_conflict_do_update(index_elements=["monitor"], set_={"body": p("body")})
)
_GET_PROFILE = Statement(sa.select(_profile.c.body).where(_profile.c.monitor == p("name_")))
_DROP_PROFILE = Statement(sa.delete(_profile).where(_profile.c.monitor == p("name_")))

_PUT_LABEL = Statement(
    upsert(_label)
    .values({c.name: p(c.name) for c in _label.c})
    .on_conflict_do_update(index_elements=["monitor", "of_key"], set_={"label": p("label"), "at_ms": p("at_ms")})
)
_LABELS = Statement(sa.select(_label.c.of_key, _label.c.label).where(_label.c.monitor == p("name_")))
_COUNT_LABELS = Statement(sa.select(sa.func.count()).where(_label.c.monitor == p("name_")))
_DROP_LABELS = Statement(sa.delete(_label).where(_label.c.monitor == p("name_")))


def _as_monitor(row: Row) -> Monitor:
    name, _, body, seen, last, last_ms, drifted = row
    kept = _bodies.decode(body)
    return Monitor(
        name=name, ref=ref("monitor", name), watch=kept.watch, description=kept.description, author=kept.author,
        created_ms=kept.created_ms, seen=seen, last=None if last is None else VerdictId(last), last_ms=last_ms,
        drifted=None if drifted is None else bool(drifted),
    )  # fmt: skip


def put(tx: Transaction, monitor: Monitor) -> None:
    """Keep a monitor, in place of one of its name."""
    body = _Body(monitor.watch, monitor.description, monitor.author, monitor.created_ms)
    tx.run(
        _PUT,
        {
            "name": monitor.name, "watched": monitor.watch.table, "body": msgspec.json.encode(body),
            "seen": monitor.seen, "last_verdict": monitor.last, "last_ms": monitor.last_ms, "drifted": None,
        },
    )  # fmt: skip


def get(tx: Transaction, name: str) -> Monitor | None:
    """The monitor of a name."""
    row = tx.one(_GET, {"name_": name})
    return None if row is None else _as_monitor(row)


def listed(tx: Transaction, *, after: str, most: int) -> list[Monitor]:
    """Monitors by name."""
    return [_as_monitor(row) for row in tx.all(_LIST, {"after": after, "most": most})]


def watching(tx: Transaction, table_name: str) -> list[Monitor]:
    """The monitors over a table."""
    return [_as_monitor(row) for row in tx.all(_WATCHING, {"table_": table_name})]


def every(tx: Transaction) -> list[Monitor]:
    """All monitors."""
    return [_as_monitor(row) for row in tx.all(_EVERY)]


def advance(tx: Transaction, name: str, *, start: int, end: int) -> bool:
    """Note that windows up to `end` are judged; False if somebody was faster."""
    return tx.run(_ADVANCE, {"name_": name, "from_": start, "to_": end}) == 1


def judged(tx: Transaction, name: str, verdict: VerdictId, *, at_ms: int, drifted: bool) -> None:
    """Note the newest verdict."""
    tx.run(_JUDGED, {"name_": name, "verdict_": verdict, "at_": at_ms, "drifted_": int(drifted)})


def drop(tx: Transaction, name: str) -> None:
    """Forget a monitor, its profile and its labels."""
    for statement in (_DROP_LABELS, _DROP_PROFILE, _DROP):
        tx.run(statement, {"name_": name})


def put_profile(tx: Transaction, name: str, body: bytes) -> None:
    """Keep what is kept of a reference."""
    tx.run(_PUT_PROFILE, {"monitor": name, "body": body})


def profile(tx: Transaction, name: str) -> bytes | None:
    """What is kept of a reference."""
    row = tx.one(_GET_PROFILE, {"name_": name})
    return None if row is None else bytes(row[0])


def put_labels(tx: Transaction, name: str, truths: Iterable[Truth], *, at_ms: int) -> None:
    """Keep labels; one that is there already is replaced."""
    rows = [{"monitor": name, "of_key": t.key, "label": t.label, "at_ms": at_ms} for t in truths]
    tx.many(_PUT_LABEL, rows)


def labels(tx: Transaction, name: str) -> dict[str, float]:
    """All labels of a monitor by key."""
    return dict(tx.all(_LABELS, {"name_": name}))


def count_labels(tx: Transaction, name: str) -> int:
    """How many labels a monitor has."""
    row = tx.one(_COUNT_LABELS, {"name_": name})
    return 0 if row is None else int(row[0])
