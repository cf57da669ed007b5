"""The service of the slice: every operation of pipelines, each part in its own file, and the dispatcher."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import YardError
from modelyard.pipelines.api import Allowance, Pipelines, Schedule
from modelyard.pipelines.model.planning import following
from modelyard.pipelines.service.dispatch import Dispatcher, Workshop
from modelyard.pipelines.service.expiry import Expiry
from modelyard.pipelines.service.flows import FlowOperations, known_flow
from modelyard.pipelines.service.reports import Reports
from modelyard.pipelines.service.runs import RunOperations
from modelyard.pipelines.store import flows as rows
from modelyard.pipelines.store import holdings
from modelyard.ports import calls
from modelyard.ports.objects import Objects
from modelyard.ports.queue import Queue


class PipelinesService(FlowOperations, RunOperations, Reports, Pipelines):
    """Flows of typed steps: planned before they run, cached by what they are made from, resumed where they broke."""

    def __init__(
        self, *, objects: Objects, queue: Queue, workshop: Workshop, allowance: Allowance, clock: Clock
    ) -> None:
        FlowOperations.__init__(self, objects=objects, queue=queue)
        RunOperations.__init__(self, queue=queue, logs=workshop.logs, allowance=allowance)
        Reports.__init__(self, objects=objects)
        self.expiry = Expiry(workshop.logs, workshop.keep_days)
        self.dispatcher = Dispatcher(queue=queue, workshop=workshop, clock=clock)

    def objects_held(self, digests: Collection[str]) -> set[str]:
        """Those of the digests that a flow or a step names."""
        return holdings.held(calls.current().tx, list(digests))

    def start_due(self) -> None:
        """Queue what schedules say; a start that is refused is noted on its schedule."""
        call = calls.current()
        for schedule in rows.due(call.tx, call.now_ms):
            error = ""
            try:
                call.unit(partial(self._start, schedule))
            except YardError as err:
                error = err.detail
            if error:
                call.unit(partial(self._postpone, schedule, error))

    def _start(self, schedule: Schedule) -> None:
        call = calls.current()
        flow = known_flow(call.tx, schedule.flow)
        run = self.begin(flow, schedule.params, cause=f"schedule:{schedule.name}", by=schedule.by)
        rows.put_schedule(call.tx, _moved(schedule, call.now_ms, last_run=run.id))

    def _postpone(self, schedule: Schedule, error: str) -> None:
        call = calls.current()
        rows.put_schedule(call.tx, _moved(schedule, call.now_ms, last_run=schedule.last_run, error=error))


def _moved(schedule: Schedule, now_ms: int, *, last_run: str, error: str = "") -> Schedule:
    return Schedule(
        name=schedule.name, flow=schedule.flow, params=schedule.params, every_s=schedule.every_s,
        next_ms=following(schedule.next_ms, schedule.every_s, now_ms), by=schedule.by, last_run=last_run,
        last_error=error[:500],
    )  # fmt: skip
