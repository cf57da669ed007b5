"""The traces' part in forgetting a subject: what users typed into applications, and what was said of the answers.

It asks tracking as any slice above does. A trace that names the subject goes whole, since what is left of it would
tell of the subject by what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelyard.governance.api import EntityKeys, Held, Left, Subject
from modelyard.kernel.refs import ref
from modelyard.tracking.api import TraceErasure, Tracking


class TracesEraser:
    """Forgets a subject in traces; an `Eraser`."""

    name = "traces"

    def __init__(self, tracking: Tracking, keys: EntityKeys) -> None:
        self._tracking = tracking
        self._keys = keys

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Traces that name the subject, and what was said of others and does."""
        return list(_held(self._asked(subject, apply=False)))

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Remove them, with spans, tags, files and assessments."""
        return list(_held(self._asked(subject, apply=True)))

    def remains(self, subject: Subject) -> Left:
        """Experiments in whose traces the subject is still read back, and longer words in other traces."""
        found = self._asked(subject, apply=False)
        return Left(places=tuple(str(held.ref) for held in _held(found)), namesakes=found.longer)

    def _asked(self, subject: Subject, *, apply: bool) -> TraceErasure:
        return self._tracking.erase_traces(subject.key, tuple(self._keys.columns(subject.entity)), apply=apply)


def _held(found: TraceErasure) -> Iterator[Held]:
    for one in found.found:
        home = ref("experiment", one.experiment)
        for what, count in (("traces", one.traces), ("assessments", one.assessments)):
            if count:
                yield Held(by=TracesEraser.name, ref=home, what=what, count=count)
