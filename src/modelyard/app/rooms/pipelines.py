"""Pipelines, furnished: flows in the objects, runs in the queue, workers as children of this machine."""

from __future__ import annotations

import sys

from modelyard.app.engines import Engines
from modelyard.app.passes import WorkerPasses
from modelyard.app.rooms.room import Room
from modelyard.cost.service import CostService
from modelyard.pipelines.api import Pipelines
from modelyard.pipelines.reactions import duties, recover
from modelyard.pipelines.service import PipelinesService, Workshop
from modelyard.pipelines.store import MIGRATIONS

WORKER = (sys.executable, "-m", "modelyard.app.worker")


class BudgetAllowance:
    """Answers `pipelines.api.Allowance` with the budgets of cost, which stands above and is built later."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def check(self, flow: str) -> None:
        """Return if the flow may still spend."""
        cost = self._engines.services.get("cost")
        if isinstance(cost, CostService):
            cost.check(flow)


def _build(engines: Engines) -> PipelinesService:
    workshop = Workshop(
        compute=engines.compute, passes=WorkerPasses(engines), command=WORKER,
        folder=engines.home / "run" / "flows", logs=engines.home / "logs" / "flows",
        keep_days=engines.settings.keep_days,
    )  # fmt: skip
    return PipelinesService(
        objects=engines.objects,
        queue=engines.queue,
        workshop=workshop,
        allowance=BudgetAllowance(engines),
        clock=engines.clock,
    )


ROOM = Room(
    name="pipelines", apis=(Pipelines,), build=_build, migrations=MIGRATIONS, duties=duties, recover=recover
)  # fmt: skip
