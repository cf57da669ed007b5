"""The service of the slice: every operation of governance, each part in its own file."""

from __future__ import annotations

from modelyard.governance.api import Governance, PredictionSource, RowSource
from modelyard.governance.service.audit import AuditService
from modelyard.governance.service.erasure import Erasing, ErasureService
from modelyard.governance.service.identity import IdentityService
from modelyard.governance.service.lineage import LineageService
from modelyard.governance.service.recognition import Recognition
from modelyard.governance.service.signing import Signing
from modelyard.ports.database import Database
from modelyard.ports.journal import Journal


class GovernanceService(IdentityService, Signing, AuditService, ErasureService, LineageService, Governance):
    """Who may do what here, who did, where things come from, and how somebody is forgotten.

    Args:
        erasing: who takes part in forgetting somebody, and where to look afterwards.
        predictions, rows: who holds them; without them a walk from a prediction or a row finds nothing.
    """

    def __init__(
        self,
        *,
        recognition: Recognition,
        database: Database,
        journal: Journal,
        erasing: Erasing,
        predictions: PredictionSource | None = None,
        rows: RowSource | None = None,
    ) -> None:
        IdentityService.__init__(self, recognition)
        Signing.__init__(self, recognition)
        AuditService.__init__(self, database, journal)
        LineageService.__init__(self, journal, predictions=predictions, rows=rows)
        ErasureService.__init__(self, erasing, self.models_from)
