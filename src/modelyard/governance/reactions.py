"""What governance does unasked: it keeps the coarse times at which credentials were last used."""

from __future__ import annotations

from modelyard.governance.service import GovernanceService
from modelyard.ports.duties import Duty


def duties(service: GovernanceService) -> tuple[Duty, ...]:
    """What comes round."""
    return (Duty(name="governance.write_uses", every_s=60.0, run=service.write_uses),)
