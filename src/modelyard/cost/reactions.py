"""What cost does at news: notes what steps, workers and endpoints used; and by the clock: what the home stores.

News of serving is known by its kind and its fields, so that whatever serves models can tell what it used.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from modelyard.cost.api import Amounts, UsageKind, UsedBy, model_of
from modelyard.cost.model import energy_wh, gib_seconds
from modelyard.cost.service import CostService
from modelyard.kernel.events import Event
from modelyard.pipelines.api import AttemptEnded, StepFinished, StepStatus, Used
from modelyard.ports import calls
from modelyard.ports.duties import Duty, Reaction

SERVING = "serving.usage_measured"


class _ServingUsage(Struct, frozen=True, kw_only=True):
    """What an endpoint used since it was measured before."""

    endpoint: str
    model_version: str
    cpu_seconds: float
    predictions: int
    wall_seconds: float = 0.0


def reactions(service: CostService) -> tuple[Reaction, ...]:
    """Usage from below."""

    def note(event: Event, kind: UsageKind, whose: UsedBy, amounts: Amounts) -> None:
        calls.current().unit(lambda: service.record_usage(event.id, kind, whose, amounts))

    def note_step(event: Event) -> None:
        news = event.decode(StepFinished)
        if news.status is not StepStatus.CACHED:
            whose = UsedBy(flow=news.flow, run=news.run, step=news.id, model=model_of(event.writes))
            note(event, UsageKind.STEP, whose, _amounts(news.used))

    def note_worker(event: Event) -> None:
        news = event.decode(AttemptEnded)
        note(event, UsageKind.WORKER, UsedBy(flow=news.flow, run=news.run), _amounts(news.used))

    def note_serving(event: Event) -> None:
        news = msgspec.json.decode(event.body, type=_ServingUsage)
        amounts = Amounts(
            wall_s=news.wall_seconds, cpu_s=news.cpu_seconds, predictions=news.predictions,
            energy_wh=energy_wh(news.cpu_seconds, 0.0),
        )  # fmt: skip
        note(event, UsageKind.SERVING, UsedBy(model=news.model_version, endpoint=news.endpoint), amounts)

    return (
        Reaction("cost.note_step", StepFinished.kind, note_step),
        Reaction("cost.note_worker", AttemptEnded.kind, note_worker),
        Reaction("cost.note_serving", SERVING, note_serving),
    )


def duties(service: CostService) -> tuple[Duty, ...]:
    """What the home stores, once an hour."""
    return (Duty("cost.note_storage", 3600.0, service.note_storage),)


def _amounts(used: Used) -> Amounts:
    return Amounts(
        wall_s=used.wall_s, cpu_s=used.cpu_s, gpu_s=used.gpu_s,
        gib_s=gib_seconds(used.peak_memory_bytes, used.wall_s), energy_wh=energy_wh(used.cpu_s, used.gpu_s),
    )  # fmt: skip
