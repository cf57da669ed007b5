"""Monitoring, furnished; flows and endpoints are reached through whoever answers for them by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import Files, Lake
from modelyard.monitoring.api import Monitoring
from modelyard.monitoring.reactions import duties, reactions
from modelyard.monitoring.service import MonitoringService
from modelyard.monitoring.store import MIGRATIONS
from modelyard.pipelines.api import Pipelines


@dataclass(frozen=True, slots=True)
class _Flows:
    """Starts flows through pipelines."""

    engines: Engines

    def retrain(self, flow: str, params: Mapping[str, str | int | float | bool], *, because: Ref) -> Ref:
        pipelines = self.engines.services.get("pipelines")
        if not isinstance(pipelines, Pipelines):
            raise InvalidInput("this yard runs no flows, so nothing was retrained")
        return ref("flow_run", pipelines.run(flow, dict(params), cause=because).id)


def _build(engines: Engines) -> MonitoringService:
    lake = engines.service(Lake)
    return MonitoringService(
        lake=lake, files=cast("Files", lake), queue=engines.queue, secrets=lambda: engines.secrets,
        webhooks=lambda: engines.webhooks, trainer=_Flows(engines),
    )  # fmt: skip


ROOM = Room(
    name="monitoring", apis=(Monitoring,), build=_build, migrations=MIGRATIONS, reactions=reactions, duties=duties
)
