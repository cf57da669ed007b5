"""Whether a span, or what was said of a trace, names somebody: the rule for texts, at every place where they lie."""

from __future__ import annotations

from modelyard.kernel import mentions
from modelyard.tracking.api.traces import Assessment, Span


class SoughtInTraces(mentions.Sought):
    """A value, sought in the records of traces too."""

    def is_in_span(self, span: Span) -> bool:
        """True if a span names it."""
        pairs = [span.attributes, *(e.attributes for e in span.events), *(link.attributes for link in span.links)]
        texts = (span.name, span.message, *(event.name for event in span.events))
        return any(map(self.is_told, texts)) or any(map(self.is_under, pairs))

    def is_said_in(self, one: Assessment) -> bool:
        """True if what was said of a trace names it, or it said so itself."""
        texts = (one.name, one.value, one.rationale, one.error_message, one.stack_trace, one.source_id)
        return one.source_id == self.value or any(map(self.is_told, texts)) or self.is_under(one.metadata)
