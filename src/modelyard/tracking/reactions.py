"""What tracking does unasked: it folds metric points, and removes what is deleted or unfinished for long enough."""

from __future__ import annotations

from modelyard.ports.duties import Duty, Reaction
from modelyard.tracking.service import TrackingService

_HOUR_S = 3600.0


def reactions(service: TrackingService) -> tuple[Reaction, ...]:
    """Tracking listens to nobody: nothing below it has news."""
    del service
    return ()


def duties(service: TrackingService) -> tuple[Duty, ...]:
    """Folding, four times a second; what retention lets go, and parts of uploads that ended, every hour."""

    def fold() -> None:
        service.folding.round()

    def sweep() -> None:
        service.sweep_uploads()

    return (
        Duty(name="tracking.fold", every_s=0.25, run=fold),
        Duty(name="tracking.collect", every_s=_HOUR_S, run=service.collect_due),
        Duty(name="tracking.sweep_uploads", every_s=_HOUR_S, run=sweep),
    )
