"""The registry, furnished: models and versions over the database, their files over the objects and tracking."""

from __future__ import annotations

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.ports.wires import WireRoute
from modelyard.protocols.mlflow.versions import registry_routes
from modelyard.registry.api import Registry
from modelyard.registry.reactions import reactions
from modelyard.registry.service import RegistryService
from modelyard.registry.store import MIGRATIONS
from modelyard.tracking.api import Tracking


def _build(engines: Engines) -> RegistryService:
    return RegistryService(objects=engines.objects, tracking=engines.service(Tracking))


def _wires(engines: Engines) -> tuple[WireRoute, ...]:
    return registry_routes(engines.service(RegistryService))


ROOM = Room(name="registry", apis=(Registry,), build=_build, migrations=MIGRATIONS, reactions=reactions, wires=_wires)
