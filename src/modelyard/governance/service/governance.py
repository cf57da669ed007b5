"""The service of the slice: every operation of governance, each part in its own file."""

from __future__ import annotations

from modelyard.governance.api import Governance
from modelyard.governance.service.identity import IdentityService
from modelyard.governance.service.recognition import Recognition
from modelyard.governance.service.signing import Signing


class GovernanceService(IdentityService, Signing, Governance):
    """Who may do what here, who did, where things come from, and how somebody is forgotten."""

    def __init__(self, *, recognition: Recognition) -> None:
        IdentityService.__init__(self, recognition)
        Signing.__init__(self, recognition)
