"""Pipelines, furnished: flows in the objects, runs in the queue, workers as children of this machine."""

from __future__ import annotations

import sys

from modelyard.app.engines import Engines
from modelyard.app.passes import WorkerPasses
from modelyard.app.rooms.room import Room
from modelyard.pipelines.api import Pipelines
from modelyard.pipelines.reactions import duties, recover
from modelyard.pipelines.service import PipelinesService, Workshop
from modelyard.pipelines.store import MIGRATIONS

WORKER = (sys.executable, "-m", "modelyard.app.worker")


class Unlimited:
    """Lets every flow spend."""

    def check(self, flow: str) -> None:
        """Return."""


def _build(engines: Engines) -> PipelinesService:
    workshop = Workshop(
        compute=engines.compute, passes=WorkerPasses(engines), command=WORKER,
        folder=engines.home / "run" / "flows", logs=engines.home / "logs" / "flows",
    )  # fmt: skip
    return PipelinesService(
        objects=engines.objects, queue=engines.queue, workshop=workshop, allowance=Unlimited(), clock=engines.clock
    )


ROOM = Room(
    name="pipelines", apis=(Pipelines,), build=_build, migrations=MIGRATIONS, duties=duties, recover=recover
)  # fmt: skip
