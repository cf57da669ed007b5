"""Flows, schedules and queues: registering, listing, changing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import ref
from modelyard.pipelines.api import Flow, FlowRegistered, Flows, FlowSpec, Json, Schedule, WorkQueue
from modelyard.pipelines.model.planning import bound_params
from modelyard.pipelines.service import bundles
from modelyard.pipelines.store import flows as rows
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.objects import Objects, check_stand, parse_digest
from modelyard.ports.queue import Queue

DEFAULT_SLOTS = 2
encode = msgspec.json.encode
JOBS = "flows."


def known_flow(tx: Transaction, name: str, version: int | None = None) -> Flow:
    """A version of a flow, by default the newest.

    Raises:
        NotFound: no such flow or version.
    """
    found = rows.flow(tx, name, version)
    if found is None:
        which = name if version is None else f"{name}@{version}"
        raise NotFound(f"there is no flow {which}; list them: yard pipelines flows")
    return found


class FlowOperations(Flows):
    """What is registered here, and what is run again and again."""

    def __init__(self, *, objects: Objects, queue: Queue) -> None:
        self._objects = objects
        self._jobs = queue

    def register(self, name: str, spec: FlowSpec, content: Iterable[bytes]) -> Flow:
        """Keep the sources, then add the version if it is new."""
        if len({p.name for p in spec.parameters}) < len(spec.parameters):
            raise InvalidInput(f"flow {name} names a parameter twice")
        sources = bundles.read_whole(content)
        bundles.check(sources, spec.entry)
        stored = self._objects.put([sources])
        call = calls.current()

        def note() -> Flow:
            newest = rows.flow(call.tx, name)
            same = newest is not None and newest.bundle == stored.digest and encode(newest.spec) == encode(spec)
            if newest is not None and same:
                return newest
            check_stand(self._objects, [stored.digest])
            made = Flow(
                name=name, version=1 if newest is None else newest.version + 1, spec=spec, bundle=stored.digest,
                size_bytes=stored.size_bytes, created_ms=call.now_ms, by=call.actor.id,
            )  # fmt: skip
            rows.add(call.tx, made)
            rows.add_queue(call.tx, spec.queue, DEFAULT_SLOTS)
            call.emit(FlowRegistered(flow=name, version=made.version), writes=[ref("flow", name, made.version)])
            return made

        return call.unit(note)

    def flows(self, limit: int = 100, cursor: str | None = None) -> Page[Flow]:
        """Flows by name."""
        after = place_of(cursor, "")
        return page_of(rows.newest(calls.current().tx, after=after, limit=limit + 1), limit, lambda f: (f.name,))

    def flow(self, name: str, version: int | None = None) -> Flow:
        """One flow."""
        return known_flow(calls.current().tx, name, version)

    def bundle(self, name: str, version: int | None = None) -> Iterator[bytes]:
        """The sources of a flow."""
        return self._objects.read(parse_digest(known_flow(calls.current().tx, name, version).bundle))

    def schedule(self, name: str, flow: str, every_s: int, *, params: dict[str, Json] | None = None) -> Schedule:
        """Add or replace a schedule."""
        call = calls.current()
        bound_params(flow, known_flow(call.tx, flow).spec, params or {})
        made = Schedule(
            name=name, flow=flow, params=params or {}, every_s=every_s, next_ms=call.now_ms + every_s * 1000,
            by=call.actor.id,
        )  # fmt: skip
        rows.put_schedule(call.tx, made)
        return made

    def schedules(self) -> list[Schedule]:
        """Schedules by name."""
        return rows.schedules(calls.current().tx)

    def unschedule(self, name: str) -> None:
        """End a schedule."""
        if not rows.drop_schedule(calls.current().tx, name):
            raise NotFound(f"there is no schedule {name}; list them: yard pipelines schedules")

    def queues(self) -> list[WorkQueue]:
        """Queues, with what the jobs say of them."""
        tx = calls.current().tx
        counted = {c.queue.removeprefix(JOBS): c for c in self._jobs.counts(tx) if c.queue.startswith(JOBS)}
        found = []
        for queue in rows.queues(tx):
            count = counted.get(queue.name)
            waiting, running = (0, 0) if count is None else (count.ready, count.running)
            found.append(WorkQueue(name=queue.name, slots=queue.slots, waiting=waiting, running=running))
        return found

    def set_slots(self, name: str, slots: int) -> WorkQueue:
        """Change how much of a queue is worked on at a time."""
        rows.put_queue(calls.current().tx, name, slots)
        return next(q for q in self.queues() if q.name == name)
