"""Features, furnished: sources from the lake, online rows in the home or on a server."""

from __future__ import annotations

from typing import cast

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.features.api import Features
from modelyard.features.service import FeaturesService
from modelyard.features.store import MIGRATIONS
from modelyard.lake.api import Files, Lake


def _build(engines: Engines) -> FeaturesService:
    lake = engines.service(Lake)
    return FeaturesService(
        lake=lake, files=cast("Files", lake), queries=lambda: engines.queries, online=lambda: engines.online
    )


ROOM = Room(name="features", apis=(Features,), build=_build, migrations=MIGRATIONS)
