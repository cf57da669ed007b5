"""What governance does unasked: it projects events into the graph, and keeps when credentials were last used.

The graph follows the journal in batches, each in one commit with its place in the log: exactly once, and about a
hundred times cheaper than a reaction for each event. Questions read past it (see `service.lineage`).
"""

from __future__ import annotations

from modelyard.governance.service import GovernanceService
from modelyard.ports.duties import Duty


def duties(service: GovernanceService) -> tuple[Duty, ...]:
    """What comes round."""
    return (
        Duty(name="governance.project", every_s=0.5, run=service.project),
        Duty(name="governance.write_uses", every_s=60.0, run=service.write_uses),
    )
