"""Quality, furnished; the lake asks it at every load."""

from __future__ import annotations

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.kernel.errors import Internal
from modelyard.lake.api import Files, HeldRows, Lake
from modelyard.quality.api import Quality
from modelyard.quality.reactions import reactions
from modelyard.quality.service import QualityService
from modelyard.quality.store import MIGRATIONS


def _build(engines: Engines) -> QualityService:
    lake = engines.service(Lake)
    if not (isinstance(lake, Files) and isinstance(lake, HeldRows)):
        raise Internal("the lake gives neither files nor held rows; mend app.rooms.lake")
    return QualityService(lake=lake, files=lake, held=lake, queries=lambda: engines.queries)


ROOM = Room(name="quality", apis=(Quality,), build=_build, migrations=MIGRATIONS, reactions=reactions)
