"""Serving, furnished: forms compiled in child processes, a model server beside the control process."""

from __future__ import annotations

from pathlib import Path

from modelyard.adapters.children import FileChildren
from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.governance.service import ServingCredentials
from modelyard.lake.api import Lake
from modelyard.registry.api import Registry
from modelyard.serving.api import Serving
from modelyard.serving.reactions import duties, recover
from modelyard.serving.service import Listening, ServingService
from modelyard.serving.store import MIGRATIONS
from modelyard.settings import Settings


def _listen(settings: Settings) -> Listening:
    """Where the model server listens: as the yard does, under the same certificate."""
    if not settings.tls_cert:
        return Listening(settings.host, settings.serving_port)
    certificate, key = (str(Path(file).expanduser().absolute()) for file in (settings.tls_cert, settings.tls_key))
    return Listening(settings.host, settings.serving_port, (certificate, key))


def _build(engines: Engines) -> ServingService:
    who = ServingCredentials(engines.database)
    return ServingService(
        home=engines.home, registry=engines.service(Registry), lake=engines.service(Lake), objects=engines.objects,
        compute=lambda: engines.compute, children=FileChildren(engines.home / "run" / "children"),
        credentials=lambda: who, listen=_listen(engines.settings),
    )  # fmt: skip


ROOM = Room(name="serving", apis=(Serving,), build=_build, migrations=MIGRATIONS, duties=duties, recover=recover)
