"""Serving, furnished: forms compiled in child processes, a model server beside the control process."""

from __future__ import annotations

from modelyard.adapters.children import FileChildren
from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.governance.service import ServingCredentials
from modelyard.lake.api import Lake
from modelyard.registry.api import Registry
from modelyard.serving.api import Serving
from modelyard.serving.reactions import duties, recover
from modelyard.serving.service import ServingService
from modelyard.serving.store import MIGRATIONS
from modelyard.settings import Settings

LOOPBACK = "127.0.0.1"


def _listen(settings: Settings) -> tuple[str, int]:
    """Where the model server listens: it has no TLS of its own, so beyond loopback only if nobody minds."""
    host = settings.host if settings.insecure else LOOPBACK
    return host, settings.serving_port


def _build(engines: Engines) -> ServingService:
    who = ServingCredentials(engines.database)
    return ServingService(
        home=engines.home, registry=engines.service(Registry), lake=engines.service(Lake), objects=engines.objects,
        compute=lambda: engines.compute, children=FileChildren(engines.home / "run" / "children"),
        credentials=lambda: who, listen=_listen(engines.settings),
    )  # fmt: skip


ROOM = Room(name="serving", apis=(Serving,), build=_build, migrations=MIGRATIONS, duties=duties, recover=recover)
