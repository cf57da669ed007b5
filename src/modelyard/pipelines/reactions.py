"""What pipelines do unasked: look after runs, start what schedules say."""

from __future__ import annotations

from modelyard.pipelines.service import PipelinesService
from modelyard.ports.duties import Duty


def duties(service: PipelinesService) -> tuple[Duty, ...]:
    """The rounds of the dispatcher and of the schedules."""
    return (
        Duty("pipelines.tend_runs", 0.25, service.dispatcher.tend),
        Duty("pipelines.start_scheduled", 1.0, service.start_due),
    )


def recover(service: PipelinesService) -> list[str]:
    """Sweep what a killed yard left; a sentence for each thing."""
    return service.dispatcher.sweep()
