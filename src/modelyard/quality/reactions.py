"""What quality does at news: after an erasure, no report shows a sample of the table any more."""

from __future__ import annotations

from modelyard.kernel.events import Event
from modelyard.lake.api import TableErased
from modelyard.ports.duties import Reaction
from modelyard.quality.service import QualityService


def reactions(service: QualityService) -> tuple[Reaction, ...]:
    """The reactions of this slice."""

    def forget(event: Event) -> None:
        service.forget_samples(event.decode(TableErased).table)

    return (Reaction(name="quality.forget_samples", kind=TableErased.kind, react=forget),)
