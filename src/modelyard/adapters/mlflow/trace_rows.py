"""Traces as rows of MLflow's tables, with the columns that its newer versions derive from the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite

from modelyard.adapters.mlflow.store import Traced
from modelyard.adapters.mlflow.traces import COST, COST_COLUMNS, SESSION, TOKEN_COLUMNS, TOKENS, content_of
from modelyard.tracking.api import Assessment, Span

_LONGEST_PREVIEW = 1000
_STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}
Rows = Iterator[tuple[str, list[dict[str, object]]]]


def rows_of(one: Traced, home: str, location: str) -> Rows:
    """By table, in the order in which they are written; `location` is where the trace's files lie."""
    told, name, number = one.trace, str(one.trace.id), int(home)
    tags = {**told.tags, "mlflow.artifactLocation": location}
    if one.spans:
        tags["mlflow.trace.spansLocation"] = "TRACKING_STORE"
    row: dict[str, object] = {
        "request_id": name, "experiment_id": number, "timestamp_ms": told.at_ms,
        "execution_time_ms": told.duration_ms, "status": told.state.value,
        "client_request_id": told.client_request or None, "request_preview": _short(told.request_preview),
        "response_preview": _short(told.response_preview), "trace_name": tags.get("mlflow.traceName"),
        "session_id": told.metadata.get(SESSION),
    }  # fmt: skip
    used, paid = (_numbers(told.metadata.get(key, "{}")) for key in (TOKENS, COST))
    row |= {column: used.get(column) for column in TOKEN_COLUMNS} | {
        column: paid.get(column) for column in COST_COLUMNS
    }
    yield "trace_info", [row]
    yield "trace_tags", [{"request_id": name, "key": k, "value": v} for k, v in tags.items()]
    yield "trace_request_metadata", [{"request_id": name, "key": k, "value": v} for k, v in told.metadata.items()]
    yield "trace_metrics", [{"request_id": name, "key": k, "value": v} for k, v in used.items()]
    yield "spans", [_span(span, name, number) for span in one.spans]
    yield "assessments", [_assessment(each, name, number, told.at_ms) for each in told.assessments]


def _span(one: Span, trace: str, home: int) -> dict[str, object]:
    kind = one.attributes.get("mlflow.spanType", '"UNKNOWN"')
    return {
        "trace_id": trace, "experiment_id": home, "span_id": one.id, "parent_span_id": one.parent, "name": one.name,
        "type": kind.strip('"'), "status": _STATUS.get(one.status, "UNSET"), "start_time_unix_nano": one.start_ns,
        "end_time_unix_nano": one.end_ns, "content": content_of(one),
    }  # fmt: skip


def _assessment(one: Assessment, trace: str, home: int, at_ms: int) -> dict[str, object]:
    error = {"error_code": one.error_code, "error_message": one.error_message, "stack_trace": one.stack_trace}
    value = json.loads(one.value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return {
        "assessment_id": one.id, "trace_id": trace, "name": one.name, "assessment_type": one.kind.value,
        "value": one.value, "error": json.dumps(error) if one.error_code or one.error_message else None,
        "created_timestamp": one.created_ms, "last_updated_timestamp": one.updated_ms, "experiment_id": home,
        "trace_timestamp_ms": at_ms, "aggregate_value": float(value) if isinstance(value, bool) or is_number else None,
        "is_numeric_value": is_number, "source_type": one.source_type, "source_id": one.source_id, "span_id": one.span,
        "rationale": one.rationale or None, "overrides": one.overrides, "valid": one.valid,
        "assessment_metadata": json.dumps(one.metadata) if one.metadata else None,
    }  # fmt: skip


def _short(preview: str) -> str | None:
    """A preview, as long as MLflow's columns are."""
    return (preview if len(preview) <= _LONGEST_PREVIEW else preview[: _LONGEST_PREVIEW - 3] + "...") or None


def _numbers(text: str) -> dict[str, float]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {k: v for k, v in found.items() if isinstance(v, int | float)} if isinstance(found, dict) else {}
