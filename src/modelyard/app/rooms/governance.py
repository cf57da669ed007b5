"""Governance, furnished; it also answers who a credential belongs to and what they may do."""

from __future__ import annotations

from modelyard.adapters.secrets import open_secrets
from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.governance.api import Governance
from modelyard.governance.reactions import duties
from modelyard.governance.service import Erasing, GovernanceService, Recognition
from modelyard.governance.store import MIGRATIONS


def _build(engines: Engines) -> GovernanceService:
    engines.recognition = Recognition(database=engines.database, clock=engines.clock)
    erasing = Erasing(
        home=engines.home, secrets=open_secrets(engines.home / "state"), scrubs=(engines.database.scrub,)
    )  # fmt: skip
    return GovernanceService(
        recognition=engines.recognition, database=engines.database, journal=engines.journal, erasing=erasing
    )


ROOM = Room(name="governance", apis=(Governance,), build=_build, migrations=MIGRATIONS, duties=duties)
