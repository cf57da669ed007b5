"""What tracking does unasked: it folds metric points into chunks."""

from __future__ import annotations

from modelyard.ports.duties import Duty, Reaction
from modelyard.tracking.service import TrackingService


def reactions(service: TrackingService) -> tuple[Reaction, ...]:
    """Tracking listens to nobody: nothing below it has news."""
    del service
    return ()


def duties(service: TrackingService) -> tuple[Duty, ...]:
    """Folding, every second."""

    def fold() -> None:
        service.folding.round()

    return (Duty(name="tracking.fold", every_s=1.0, run=fold),)
