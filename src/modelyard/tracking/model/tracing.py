"""What follows from spans for their trace: when, how long, how it went, and in short what went in and came out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from modelyard.kernel.mentions import plain
from modelyard.tracking.api.traces import NAME_TAG, Span, TraceState

MAX_PREVIEW = 1000
_INPUTS, _OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
_USAGE = "mlflow.chat.tokenUsage"
_TAG = "mlflow.traceTag."
_SESSION = ("session.id", "gen_ai.conversation.id")
_STATES = {1: TraceState.OK, 2: TraceState.ERROR}


class Told(Struct, frozen=True, kw_only=True):
    """What some spans tell of their trace.

    Attributes:
        state: None unless the root span is among them.
        name: that of the root span.
    """

    first_ms: int
    last_ms: int | None
    state: TraceState | None
    name: str
    request_preview: str
    response_preview: str
    tags: dict[str, str]
    metadata: dict[str, str]


def told(spans: Sequence[Span]) -> Told:
    """What these spans of one trace tell of it; at least one."""
    root = next((s for s in spans if s.parent is None), None)
    ends = [s.end_ns for s in spans if s.end_ns]
    tags = dict(_tags(root)) if root else {}
    return Told(
        first_ms=min(s.start_ns for s in spans) // 1_000_000,
        last_ms=max(ends) // 1_000_000 if ends else None,
        state=_state(root) if root else None,
        name=tags.get(NAME_TAG) or (root.name if root else ""),
        request_preview=_preview(root, _INPUTS),
        response_preview=_preview(root, _OUTPUTS),
        tags=tags,
        metadata=_metadata(spans),
    )


def usage(spans: Iterable[Span]) -> dict[str, int]:
    """Tokens used: a span that says how many speaks for all below it."""
    noted: dict[str, dict[str, int]] = {}
    parents: dict[str, str | None] = {}
    for span in spans:
        parents[span.id] = span.parent
        if (given := span.attributes.get(_USAGE)) is not None and (numbers := _numbers(given)):
            noted[span.id] = numbers
    total: dict[str, int] = {}
    for span_id, numbers in noted.items():
        above = parents.get(span_id)
        seen: set[str] = set()
        while above is not None and above not in noted and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above in noted:
            continue
        for key, count in numbers.items():
            total[key] = total.get(key, 0) + count
    return total


def _numbers(given: str) -> dict[str, int]:
    try:
        found = json.loads(given)
        found = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {str(k): v for k, v in found.items() if isinstance(v, int) and not isinstance(v, bool)}


def _state(root: Span) -> TraceState:
    if root.status in _STATES:
        return _STATES[root.status]
    return TraceState.OK if root.end_ns else TraceState.IN_PROGRESS


def _preview(root: Span | None, key: str) -> str:
    value = root.attributes.get(key) if root else None
    return "" if value is None else shortened(plain(value))


def shortened(text: str) -> str:
    """At most `MAX_PREVIEW` characters of a text."""
    return text if len(text) <= MAX_PREVIEW else text[: MAX_PREVIEW - 3] + "..."


def _tags(root: Span) -> Iterable[tuple[str, str]]:
    for key, value in root.attributes.items():
        if key.startswith(_TAG) and len(key) > len(_TAG):
            yield key[len(_TAG) :][:250], plain(value)[:8000]


def _metadata(spans: Sequence[Span]) -> dict[str, str]:
    found: dict[str, str] = {}
    for span in spans:
        for key in _SESSION:
            if (value := span.attributes.get(key)) is not None:
                found.setdefault("mlflow.trace.session", plain(value)[:250])
        if (value := span.attributes.get("user.id")) is not None:
            found.setdefault("mlflow.trace.user", plain(value)[:250])
    if spent := usage(spans):
        found["mlflow.trace.tokenUsage"] = json.dumps(spent)
    return found
