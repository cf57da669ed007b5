"""Governance, furnished; it also answers who a credential belongs to and what they may do."""

from __future__ import annotations

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.features.api import Features
from modelyard.governance.api import Governance
from modelyard.governance.reactions import duties
from modelyard.governance.service import (
    Erasing,
    FeatureKeys,
    FeaturesEraser,
    GovernanceService,
    LakeEraser,
    LakeRows,
    Recognition,
)
from modelyard.governance.store import MIGRATIONS
from modelyard.lake.api import Lake


def _build(engines: Engines) -> GovernanceService:
    engines.recognition = Recognition(database=engines.database, clock=engines.clock)
    lake, features = engines.service(Lake), engines.service(Features)
    keys = FeatureKeys(features)
    erasing = Erasing(
        home=engines.home, secrets=engines.secrets, scrubs=(engines.database.scrub,),
        participants=(FeaturesEraser(features), LakeEraser(lake, keys)), elsewhere=_elsewhere(engines),
    )  # fmt: skip
    return GovernanceService(
        recognition=engines.recognition, database=engines.database, journal=engines.journal, erasing=erasing,
        rows=LakeRows(lake, keys),
    )  # fmt: skip


def _elsewhere(engines: Engines) -> tuple[str, ...]:
    """What this yard keeps outside its home, where no byte scan reaches."""
    settings = engines.settings
    kept = {"the database": settings.database, "objects": settings.objects, "online rows": settings.online}
    outside = [f"{what} on {address.partition('://')[0]}" for what, address in kept.items() if address]
    return (*outside, "backups made before, wherever they are kept")


ROOM = Room(name="governance", apis=(Governance,), build=_build, migrations=MIGRATIONS, duties=duties)
