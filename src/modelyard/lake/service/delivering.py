"""Deliveries: what changed in a table since its sink's position, brought there, then noted.

The other side is written first and the position moves after it, so a crash between the two repeats the delivery; the
sink's own note, or writing by key, makes the repetition come to the same rows. A sink that takes a delivery in parts
is gone on with behind those that arrived: at the version and in the order in which they were cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pyarrow as pa

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.kernel.refs import ref
from modelyard.lake.api import LOAD, Delivery, Sink, SinkDelivered, Way
from modelyard.lake.model.columns import arrow_schema
from modelyard.lake.model.filesets import thing
from modelyard.lake.service import differences, reading
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.store import catalogue, sinks
from modelyard.ports import calls
from modelyard.ports import sinks as port
from modelyard.ports.queries import Session
from modelyard.ports.sinks import Parcel, Target

_PUTS, _GONE = "puts", "gone"


def deliver(desk: Desk, sink: Sink, opened: Callable[[], Target]) -> Delivery:
    """Carry out a delivery; see `Lake.deliver`. What was cut off is finished first, as a delivery of its own."""
    with desk.tables().locked(f"sink.{sink.id}"):
        while True:
            done, goes_on = _next(desk, _now(sink), opened)
            if not goes_on:
                return done


def _now(sink: Sink) -> Sink:
    """The sink as it stands by now."""
    found = calls.current().unit(lambda: sinks.get(calls.current().tx, sink.name))
    if found is None or found.id != sink.id:
        raise Conflict(f"sink {sink.name} was declared anew or removed meanwhile; deliver again")
    return found


def _next(desk: Desk, sink: Sink, opened: Callable[[], Target]) -> tuple[Delivery, bool]:
    """One delivery, and whether the table is further by now than what it brought."""
    call = calls.current()
    began = call.clock.monotonic()
    newest = resolve(sink.table, None)
    if newest.version < sink.position:
        raise Conflict(f"table {sink.table} was made anew since; declare the sink again: yard lake declare-sink")
    if newest.version == sink.position:
        return _done(sink, newest.version, (0, 0), arrived=True, took_ms=0), False
    target = opened()
    try:
        begun = call.unit(lambda: sinks.begun(calls.current().tx, sink.id))
        upto = max(begun.upto if begun else 0, target.reached(sink.id, sink.target))
        entry = _at(sink, upto) if upto > sink.position else newest
        with desk.bench(LOAD.new(call.clock)) as folder:
            _spool(desk, sink, entry, folder / "feed")
            with desk.queries().session() as session:
                written, removed = (
                    _laid(session, folder, name, *each)
                    for name, each in _wanted(sink, entry, ordered=target.by_parts).items()
                )
            sent = begun.parts if begun is not None and begun.upto == entry.version else 0
            arrived = _hand_over(sink, entry, folder, target, sent=sent)
    finally:
        target.close()
    took_ms = int((call.clock.monotonic() - began) * 1000)
    done = _done(sink, entry.version, (written, removed), arrived=arrived, took_ms=took_ms)
    call.unit(partial(_note, sink, done))
    return done, entry.version != newest.version


def _done(sink: Sink, version: int, rows: tuple[int, int], *, arrived: bool, took_ms: int) -> Delivery:
    return Delivery(
        sink=sink.name, table=sink.table, since=sink.position, version=version, written=rows[0], removed=rows[1],
        arrived=arrived, at_ms=calls.current().now_ms, took_ms=took_ms,
    )  # fmt: skip


def _at(sink: Sink, version: int) -> catalogue.Entry:
    """The table as it was when a delivery began that was cut off."""
    try:
        return resolve(sink.table, str(version))
    except NotFound as err:
        raise _let_go(sink, version) from err


def _let_go(sink: Sink, version: int) -> Conflict:
    return Conflict(f"version {version} of {sink.table} was let go; declare the sink again")


def _note(sink: Sink, done: Delivery) -> None:
    call = calls.current()
    if not sinks.delivered(call.tx, sink.id, done):
        raise Conflict(f"another delivery of sink {sink.name} was quicker, or it was declared anew; deliver again")
    call.emit(
        SinkDelivered(
            sink=done.sink, table=done.table, since=done.since, version=done.version, written=done.written,
            removed=done.removed,
        ),
        reads=(thing(done.table, done.version),), writes=(ref("sink", done.sink, done.version),),
    )  # fmt: skip


def _spool(desk: Desk, sink: Sink, entry: catalogue.Entry, path: Path) -> None:
    """Lay down what is to be delivered: the feed since the position, or all rows where each delivery is whole."""
    content: Iterable[bytes]
    if sink.way is Way.OVERWRITE:
        content = reading.stream(desk, entry, columns=(), where=None, limit=None, provenance=False)
    else:
        try:
            steps = differences.steps(entry, sink.position)
        except NotFound as err:
            raise _let_go(sink, sink.position) from err
        content = differences.changes(desk, entry, steps, ())
    with path.open("wb") as file:
        for chunk in content:
            file.write(chunk)


def _wanted(sink: Sink, entry: catalogue.Entry, *, ordered: bool) -> dict[str, tuple[str, pa.Schema]]:
    """What is taken out of the feed: the rows to write, and the keys of those to remove, each by a query.

    Args:
        ordered: gives them in the same order every time.
    """
    schema = arrow_schema(entry.columns, provenance=False)
    keys = entry.keys if sink.way is Way.MERGE else ()
    puts = sinks.whole(schema.names) if sink.way is Way.OVERWRITE else sinks.puts(schema.names, keys)
    keyed = pa.schema([schema.field(key) for key in keys])
    found = {_PUTS: (puts, schema), _GONE: (sinks.gone(keys) if keys else "", keyed)}
    if not ordered:
        return found
    return {name: (sinks.in_order(query, keys) if query else "", told) for name, (query, told) in found.items()}


def _laid(session: Session, folder: Path, name: str, query: str, schema: pa.Schema) -> int:
    """Lay the answer of a query over the feed down as a file; its rows."""
    rows = 0
    with pa.OSFile(str(folder / name), "wb") as made, pa.ipc.new_stream(made, schema) as writer:
        if query:
            with pa.OSFile(str(folder / "feed")) as file, pa.ipc.open_stream(file) as feed:
                session.offer("feed", feed)
                for batch in session.reader(query):
                    writer.write_batch(batch.cast(schema))
                    rows += batch.num_rows
    return rows


def _hand_over(sink: Sink, entry: catalogue.Entry, folder: Path, target: Target, *, sent: int) -> bool:
    def reader(name: str) -> pa.RecordBatchReader:
        return pa.ipc.open_stream(pa.memory_map(str(folder / name)))

    def note(parts: int) -> None:
        fresh = sinks.Begun(sink=sink.id, upto=entry.version, parts=parts)
        calls.current().unit(lambda: sinks.begin(calls.current().tx, fresh))

    return target.take(
        Parcel(
            sink=sink.id, since=sink.position, upto=entry.version, target=sink.target, way=port.Way(sink.way.value),
            keys=tuple(entry.keys) if sink.way is Way.MERGE else (),
            schema=arrow_schema(entry.columns, provenance=False), types=[column.type for column in entry.columns],
            puts=lambda: reader(_PUTS), gone=lambda: reader(_GONE), sent=sent, arrived=note,
        )
    )  # fmt: skip


def check_table(sink: Sink) -> None:
    """Refuse a sink that its table cannot feed.

    Raises:
        NotFound: no such table.
        InvalidInput: it has no keys to merge by.
    """
    entry = resolve(sink.table, None)
    if sink.way is Way.MERGE and not entry.keys:
        raise InvalidInput(f"table {sink.table} has no keys to merge by; append or overwrite, or declare keys")
