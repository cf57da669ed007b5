"""The operations on sinks; what a delivery does stands beside."""

from __future__ import annotations

from functools import partial

from modelyard.kernel.errors import NotFound
from modelyard.kernel.pages import Limit, Page, encode_cursor, page_of, place_of
from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import SINK, Delivery, Sink, SinkDeclared, SinkOperations, SinkRemoved, Way
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import sinks
from modelyard.ports import calls
from modelyard.ports import sinks as port
from modelyard.ports.secrets import Secret


class SinkService(SinkOperations):
    """The sink operations."""

    _desk: Desk

    def declare_sink(
        self,
        name: Name,
        table: Name,
        address: str,
        *,
        target: str = "",
        way: Way = Way.MERGE,
        secret: str | None = None,
        options: dict[str, str] | None = None,
    ) -> Sink:
        """Say where a table is delivered."""
        from modelyard.lake.service import delivering

        call = calls.current()
        sink = Sink(
            id=SINK.new(call.clock), name=name, ref=ref("sink", name), table=table, address=address,
            target=target or table, way=way, position=0, has_secret=secret is not None, author=call.actor.id,
            at_ms=call.now_ms, options=options or {},
        )  # fmt: skip
        outside = self._desk.outside
        outside.sinks().check(address, port.Way(way.value), sink.options, sealed=sink.has_secret)
        delivering.check_table(sink)
        if secret is not None:
            outside.secrets().put(_secret_name(sink), Secret(secret))
        before = sinks.get(call.tx, name)

        def note() -> None:
            now = calls.current()
            sinks.put(now.tx, sink)
            now.emit(SinkDeclared(sink=name, table=table, way=way.value), writes=(sink.ref,))

        call.unit(note)
        self._forget_secret(before)
        return sink

    def sinks(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[Sink]:
        """List sinks, by name."""
        found = sinks.listed(calls.current().tx, after=place_of(cursor, ""), most=limit + 1)
        return page_of(found, limit, lambda each: (each.name,))

    def remove_sink(self, name: Name) -> None:
        """Forget a sink and its secret."""
        sink = _sink(name)

        def note() -> None:
            sinks.remove(calls.current().tx, name)
            calls.current().emit(SinkRemoved(sink=name), writes=(sink.ref,))

        calls.current().unit(note)
        self._forget_secret(sink)

    def deliver(self, name: Name) -> Delivery:
        """Bring what changed to the sink."""
        from modelyard.lake.service import delivering

        sink = _sink(name)
        outside = self._desk.outside
        secret = outside.secrets().get(_secret_name(sink)) if sink.has_secret else None
        return delivering.deliver(
            self._desk,
            sink,
            partial(
                outside.sinks().open, sink.address, way=port.Way(sink.way.value), secret=secret, options=sink.options
            ),
        )

    def deliveries(self, name: Name, *, cursor: str | None = None, limit: Limit = 50) -> Page[Delivery]:
        """List a sink's deliveries, newest first."""
        found = sinks.deliveries_of(
            calls.current().tx, name, before=place_of(cursor, 1 << 62), most=limit + 1
        )  # fmt: skip
        more = encode_cursor(found[limit - 1][0]) if len(found) > limit else None
        return Page([each for _, each in found[:limit]], more)

    def _forget_secret(self, sink: Sink | None) -> None:
        if sink is not None and sink.has_secret:
            self._desk.outside.secrets().delete(_secret_name(sink))


def _sink(name: str) -> Sink:
    if (found := sinks.get(calls.current().tx, name)) is None:
        raise NotFound(f"there is no sink {name}; list them: yard lake sinks")
    return found


def _secret_name(sink: Sink) -> str:
    return f"lake.{sink.id}"
