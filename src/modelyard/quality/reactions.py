"""What quality does at news: after an erasure, or with a table, what came from its rows goes."""

from __future__ import annotations

from modelyard.kernel.events import Event
from modelyard.lake.api import TableDropped, TableErased
from modelyard.ports.duties import Reaction
from modelyard.quality.service import QualityService


def reactions(service: QualityService) -> tuple[Reaction, ...]:
    """The reactions of this slice."""

    def erased(event: Event) -> None:
        service.forget_values(event.decode(TableErased).table)

    def dropped(event: Event) -> None:
        service.forget_values(event.decode(TableDropped).table)

    return (
        Reaction(name="quality.forget_samples", kind=TableErased.kind, react=erased),
        Reaction(name="quality.forget_dropped", kind=TableDropped.kind, react=dropped),
    )
