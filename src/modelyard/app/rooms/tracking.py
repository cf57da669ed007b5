"""Tracking, furnished: runs and metrics over the database, artifacts over the objects."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.ports.objects import Keeper
from modelyard.ports.wires import WireRoute
from modelyard.protocols.mlflow.routes import routes
from modelyard.protocols.mlflow.version_files import VersionFiles
from modelyard.registry.api import Registry
from modelyard.tracking.api import Tracking
from modelyard.tracking.reactions import duties
from modelyard.tracking.service import TrackingService
from modelyard.tracking.store import MIGRATIONS


def _build(engines: Engines) -> TrackingService:
    def keepers() -> Sequence[Keeper]:
        return [service for service in engines.services.values() if isinstance(service, Keeper)]

    return TrackingService(objects=engines.objects, keepers=keepers, gives_links=engines.settings.bucket_links)


def _wires(engines: Engines) -> tuple[WireRoute, ...]:
    service = engines.service(TrackingService)
    registry = engines.services.get("registry")
    return routes(service, service.hot_log, VersionFiles(registry) if isinstance(registry, Registry) else None)


ROOM = Room(name="tracking", apis=(Tracking,), build=_build, migrations=MIGRATIONS, duties=duties, wires=_wires)
