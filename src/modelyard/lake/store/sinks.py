"""Sinks and their deliveries, and the SQL that folds a feed of changes into the last state of each key."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.lake.api import Delivery, Sink, SinkId, Way
from modelyard.lake.store.casts import quoted
from modelyard.ports.database import Migration, Row, Statement, Transaction

SINKS = Migration(
    slice="lake",
    number=8,
    name="sinks",
    ddl=(
        (
            "CREATE TABLE lake_sink (name {text} PRIMARY KEY, id {text} NOT NULL, table_name {text} NOT NULL,"
            " address {text} NOT NULL, target {text} NOT NULL, way {text} NOT NULL, position {int} NOT NULL,"
            " has_secret {int} NOT NULL, author {text} NOT NULL, at_ms {int} NOT NULL)"
        ),
        (
            "CREATE TABLE lake_delivery (seq {serial}, sink {text} NOT NULL, table_name {text} NOT NULL,"
            " since {int} NOT NULL, version {int} NOT NULL, written {int} NOT NULL, removed {int} NOT NULL,"
            " arrived {int} NOT NULL, at_ms {int} NOT NULL, took_ms {int} NOT NULL)"
        ),
        "CREATE INDEX lake_delivery_by_sink ON lake_delivery (sink, seq)",
    ),
)

RESUMING = Migration(
    slice="lake",
    number=15,
    name="resuming",
    ddl=(
        "ALTER TABLE lake_sink ADD COLUMN options {text} NOT NULL DEFAULT ''",
        "CREATE TABLE lake_sink_begun (sink {text} PRIMARY KEY, upto {int} NOT NULL, parts {int} NOT NULL)",
    ),
)


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that goes by parts and is not through: the version that it brings, and how many parts arrived."""

    sink: SinkId
    upto: int
    parts: int


_FIELDS = (
    "name",
    "id",
    "table_name",
    "address",
    "target",
    "way",
    "position",
    "has_secret",
    "author",
    "at_ms",
    "options",
)
_NOTED = ("sink", "table_name", "since", "version", "written", "removed", "arrived", "at_ms", "took_ms")
begun_ones = sa.table("lake_sink_begun", *map(sa.column, ("sink", "upto", "parts")))
sinks = sa.table("lake_sink", *map(sa.column, _FIELDS))
deliveries = sa.table("lake_delivery", *map(sa.column, ("seq", *_NOTED)))

_ADD = Statement(sa.insert(sinks).values(**{name: sa.bindparam(name) for name in _FIELDS}))
_GET = Statement(sa.select(*sinks.c).where(sinks.c.name == sa.bindparam("named")))
_LISTED = Statement(
    sa.select(*sinks.c).where(sinks.c.name > sa.bindparam("after")).order_by(sinks.c.name).limit(sa.bindparam("most"))
)
_REMOVE = Statement(sa.delete(sinks).where(sinks.c.name == sa.bindparam("named")))
_MOVE = Statement(
    sa.update(sinks)
    .where(sinks.c.id == sa.bindparam("which"), sinks.c.position == sa.bindparam("was"))
    .values(position=sa.bindparam("fresh"))
)
_BEGUN = Statement(sa.select(*begun_ones.c).where(begun_ones.c.sink == sa.bindparam("which")))
_END = Statement(sa.delete(begun_ones).where(begun_ones.c.sink == sa.bindparam("which")))
_BEGIN = Statement(
    sa.insert(begun_ones).values(**{name: sa.bindparam(name) for name in ("sink", "upto", "parts")})
)  # fmt: skip
_NOTE = Statement(sa.insert(deliveries).values(**{name: sa.bindparam(name) for name in _NOTED}))
_NOTES = Statement(
    sa.select(*deliveries.c)
    .where(deliveries.c.sink == sa.bindparam("named"), deliveries.c.seq < sa.bindparam("before"))
    .order_by(deliveries.c.seq.desc())
    .limit(sa.bindparam("most"))
)


def put(tx: Transaction, sink: Sink) -> None:
    """Declare a sink, in place of one of that name."""
    remove(tx, sink.name)
    tx.run(
        _ADD,
        {
            "name": sink.name, "id": sink.id, "table_name": sink.table, "address": sink.address,
            "target": sink.target, "way": sink.way.value, "position": sink.position,
            "has_secret": int(sink.has_secret), "author": sink.author, "at_ms": sink.at_ms,
            "options": msgspec.json.encode(sink.options).decode() if sink.options else "",
        },
    )  # fmt: skip


def get(tx: Transaction, name: str) -> Sink | None:
    """One sink."""
    row = tx.one(_GET, {"named": name})
    return None if row is None else _sink(row)


def listed(tx: Transaction, *, after: str, most: int) -> list[Sink]:
    """Sinks, by name."""
    return [_sink(row) for row in tx.all(_LISTED, {"after": after, "most": most})]


def remove(tx: Transaction, name: str) -> None:
    """Forget a sink; its deliveries stay noted."""
    if (known := get(tx, name)) is not None:
        tx.run(_END, {"which": known.id})
    tx.run(_REMOVE, {"named": name})


def delivered(tx: Transaction, sink: SinkId, delivery: Delivery) -> bool:
    """Note a delivery and move the sink to its version; False if another delivery was quicker."""
    if tx.run(_MOVE, {"which": sink, "was": delivery.since, "fresh": delivery.version}) != 1:
        return False
    tx.run(_END, {"which": sink})
    tx.run(
        _NOTE,
        {
            "sink": delivery.sink, "table_name": delivery.table, "since": delivery.since,
            "version": delivery.version, "written": delivery.written, "removed": delivery.removed,
            "arrived": int(delivery.arrived), "at_ms": delivery.at_ms, "took_ms": delivery.took_ms,
        },
    )  # fmt: skip
    return True


def begun(tx: Transaction, sink: SinkId) -> Begun | None:
    """The delivery of a sink that is not through."""
    row = tx.one(_BEGUN, {"which": sink})
    return None if row is None else Begun(sink=SinkId(row[0]), upto=row[1], parts=row[2])


def begin(tx: Transaction, fresh: Begun) -> None:
    """Note how far a delivery has come."""
    tx.run(_END, {"which": fresh.sink})
    tx.run(_BEGIN, {"sink": fresh.sink, "upto": fresh.upto, "parts": fresh.parts})


def deliveries_of(tx: Transaction, name: str, *, before: int, most: int) -> list[tuple[int, Delivery]]:
    """A sink's deliveries with their numbers, newest first."""
    found = []
    for row in tx.all(_NOTES, {"named": name, "before": before, "most": most}):
        seq, sink, table, since, version, written, removed, arrived, at_ms, took_ms = row
        found.append(
            (
                seq,
                Delivery(
                    sink=sink, table=table, since=since, version=version, written=written, removed=removed,
                    arrived=bool(arrived), at_ms=at_ms, took_ms=took_ms,
                ),
            )
        )  # fmt: skip
    return found


def _sink(row: Row) -> Sink:
    name, id_, table, address, target, way, position, has_secret, author, at_ms, options = row
    return Sink(
        id=SinkId(id_), name=name, ref=ref("sink", name), table=table, address=address, target=target, way=Way(way),
        position=position, has_secret=bool(has_secret), author=ActorId(author), at_ms=at_ms,
        options=_options.decode(options) if options else {},
    )  # fmt: skip


_options = msgspec.json.Decoder(dict[str, str])
_PRESENT = "_change IN ('insert', 'update_after')"


def _last(keys: Sequence[str], chosen: str, condition: str) -> str:
    by = ", ".join(map(quoted, keys))
    latest = f"row_number() OVER (PARTITION BY {by} ORDER BY _version DESC, {_PRESENT} DESC) = 1"
    return f"SELECT {chosen} FROM (SELECT *, {_PRESENT} AS _present FROM feed QUALIFY {latest}) WHERE {condition}"


def puts(columns: Sequence[str], keys: Sequence[str]) -> str:
    """The rows that a feed leaves: the last state of each key, or without keys every row that was added."""
    chosen = ", ".join(map(quoted, columns))
    return _last(keys, chosen, "_present") if keys else f"SELECT {chosen} FROM feed WHERE {_PRESENT}"


def gone(keys: Sequence[str]) -> str:
    """The keys that a feed leaves without a row."""
    return _last(keys, ", ".join(map(quoted, keys)), "NOT _present")


def in_order(query: str, keys: Sequence[str]) -> str:
    """The rows of a query in the same order every time; those that are equal may change places."""
    return f"SELECT * FROM ({query}) ORDER BY {', '.join(map(quoted, keys)) or 'ALL'}"


def whole(columns: Sequence[str]) -> str:
    """All rows of what is delivered whole."""
    return f"SELECT {', '.join(map(quoted, columns))} FROM feed"
