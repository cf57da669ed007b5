"""What pipelines do unasked: look after runs, start what schedules say, let go of what is old."""

from __future__ import annotations

from modelyard.pipelines.service import PipelinesService
from modelyard.ports.duties import Duty


def duties(service: PipelinesService) -> tuple[Duty, ...]:
    """The rounds of the dispatcher, of the schedules and of expiry."""
    return (
        Duty("pipelines.tend_runs", 0.25, service.dispatcher.tend),
        Duty("pipelines.start_scheduled", 1.0, service.start_due),
        Duty("pipelines.expire", 3600.0, service.expiry.round),
    )


def recover(service: PipelinesService) -> list[str]:
    """Sweep what a killed yard left; a sentence for each thing."""
    return service.dispatcher.sweep()
