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
from modelyard.serving.api import Serving


@dataclass(frozen=True, slots=True)
class _Flows:
    """Starts flows through pipelines."""

    engines: Engines

    def retrain(self, flow: str, params: Mapping[str, str | int | float | bool], *, because: Ref) -> Ref:
        pipelines = self.engines.services.get("pipelines")
        if not isinstance(pipelines, Pipelines):
            raise InvalidInput("this yard runs no flows, so nothing was retrained")
        return ref("flow_run", pipelines.run(flow, dict(params), cause=because).id)


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """Puts endpoints back through serving, and asks it for labels."""

    engines: Engines

    def roll_back(self, endpoint: str, *, because: Ref) -> Ref:
        serving = self._serving()
        if serving is None:
            raise InvalidInput("this yard serves no endpoints, so nothing was rolled back")
        if all(change.comment != because for change in serving.routes(endpoint, limit=50).items):
            serving.rollback(endpoint, comment=because)
        return ref("endpoint", endpoint)

    def labels(self) -> Mapping[str, float]:
        serving, found, cursor = self._serving(), dict[str, float](), None
        while serving is not None:
            page = serving.feedback(cursor=cursor, limit=1000)
            found |= {f.prediction: float(f.label) for f in page.items if isinstance(f.label, bool | int | float)}
            if (cursor := page.next) is None:
                break
        return found

    def _serving(self) -> Serving | None:
        serving = self.engines.services.get("serving")
        return serving if isinstance(serving, Serving) else None


def _build(engines: Engines) -> MonitoringService:
    lake = engines.service(Lake)
    return MonitoringService(
        lake=lake, files=cast("Files", lake), queue=engines.queue, secrets=lambda: engines.secrets,
        webhooks=lambda: engines.webhooks, trainer=_Flows(engines), reverter=_Endpoints(engines),
        feedback=_Endpoints(engines),
    )  # fmt: skip


ROOM = Room(
    name="monitoring", apis=(Monitoring,), build=_build, migrations=MIGRATIONS, reactions=reactions, duties=duties
)
