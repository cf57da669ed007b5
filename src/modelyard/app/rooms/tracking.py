"""Tracking, furnished: runs and metrics over the database, artifacts over the objects."""

from __future__ import annotations

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.ports.wires import WireRoute
from modelyard.protocols.mlflow.routes import routes
from modelyard.tracking.api import Tracking
from modelyard.tracking.reactions import duties
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS


def _build(engines: Engines) -> TrackingService:
    return TrackingService(objects=engines.objects)


def _wires(engines: Engines) -> tuple[WireRoute, ...]:
    service = engines.service(TrackingService)
    return routes(service, service.hot_log)


ROOM = Room(name="tracking", apis=(Tracking,), build=_build, migrations=MIGRATIONS, duties=duties, wires=_wires)
