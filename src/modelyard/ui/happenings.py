"""What happened, in words: the event log told as who did what to which thing."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.events import Event
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.needs import allowed
from modelyard.ui.people import names

SAID = {
    "cost.budget_exhausted": "used up", "cost.budget_warned": "came close to",
    "features.entity_defined": "defined", "features.materialised": "materialised", "features.view_defined": "defined",
    "features.training_set_built": "built", "governance.subject_forgotten": "forgot somebody, with",
    "lake.load_refused": "was refused",
    "lake.quarantine_dropped": "gave up rows of", "lake.rows_quarantined": "held back rows of",
    "lake.table_committed": "committed", "lake.table_dropped": "dropped", "lake.table_erased": "erased rows of",
    "monitoring.alert_opened": "raised", "monitoring.alert_resolved": "resolved",
    "monitoring.drift_found": "found drift",
    "monitoring.monitor_defined": "defined", "monitoring.verdict_reached": "judged",
    "monitoring.labels_attached": "told truths to", "monitoring.errand_ended": "answered",
    "pipelines.attempt_ended": "ended an attempt at", "pipelines.flow_finished": "finished",
    "pipelines.flow_queued": "queued", "pipelines.flow_registered": "registered",
    "quality.checks_ran": "checked", "quality.contract_declared": "declared",
    "registry.alias_moved": "moved an alias of", "registry.card_written": "wrote the card of",
    "registry.gate_waived": "waived a gate of", "registry.gates_declared": "declared gates of",
    "registry.gates_run": "ran the gates of", "registry.model_registered": "made",
    "registry.proposal_approved": "approved", "registry.proposal_declined": "declined",
    "registry.proposal_merged": "merged", "registry.proposal_opened": "opened",
    "registry.proposal_withdrawn": "withdrew",
    "registry.version_evaluated": "evaluated", "registry.version_registered": "registered",
    "serving.endpoint_created": "made",
    "serving.revision_deployed": "deployed", "serving.route_moved": "moved the route of",
    "teamwork.comment_added": "commented on", "tracking.artifacts_deleted": "deleted files of",
    "tracking.experiment_created": "made", "tracking.inputs_logged": "named inputs of",
    "tracking.model_logged": "logged", "tracking.run_finished": "finished", "tracking.run_started": "started",
}  # fmt: skip
"""The verb that stands before the thing. What has none is not for home: sign-ins, usage, each single step."""
_LOOK = 8
"""Events that are looked through for each that is shown."""


class Happening(Struct, frozen=True):
    """Something that happened: `does` is a verb, `refs` what it wrote, or else what it read."""

    at: datetime
    kind: str
    who: str
    machine: bool
    does: str
    refs: tuple[str, ...]


def happenings(calls: PageCalls, limit: int = 15) -> tuple[Happening, ...]:
    """The newest events that people look out for, newest first; none for whoever may not look."""
    found = allowed(lambda: slices(calls).governance.events(limit=limit * _LOOK).items) or []
    called = names(calls)
    told = [event for event in found if event.kind in SAID and (event.writes or event.reads)]
    return tuple(_told(event, called.get(str(event.actor), "")) for event in told[:limit])


def _told(event: Event, who: str) -> Happening:
    slice_ = event.kind.partition(".")[0]
    refs = event.writes or event.reads
    shown = tuple(str(r) for r in refs[:1])
    return Happening(from_ms(event.at_ms), event.kind, who or slice_, not who, SAID[event.kind], shown)
