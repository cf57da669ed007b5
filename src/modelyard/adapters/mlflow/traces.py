"""Traces in a database of MLflow's: their rows, their spans as JSON, and assessments."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from modelyard.adapters.mlflow.store import Traced, said
from modelyard.adapters.mlflow.tables import Tables
from modelyard.kernel.errors import Damaged
from modelyard.tracking.api import Assessment, AssessmentKind, NewTrace, Span, SpanEvent, SpanLink, TraceState

_PLACES = ("mlflow.artifactLocation", "mlflow.trace.spansLocation")
"""Tags that say where a trace lies there."""
_CODES = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}


class _Status(Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Event(Struct, frozen=True):
    name: str
    time_unix_nano: int = 0
    attributes: dict[str, msgspec.Raw] = {}


class _Link(Struct, frozen=True):
    trace_id: str
    span_id: str
    attributes: dict[str, msgspec.Raw] | None = None


class _Span(Struct, frozen=True):
    """A span as MLflow writes it; ids in base64, values of attributes as texts of JSON."""

    trace_id: str
    span_id: str
    name: str
    start_time_unix_nano: int
    parent_span_id: str | None = None
    end_time_unix_nano: int | None = None
    status: _Status = _Status()
    attributes: dict[str, str] = {}
    events: list[_Event] = []
    links: list[_Link] = []


class _Error(Struct, frozen=True):
    error_code: str | None = None
    error_message: str | None = None
    stack_trace: str | None = None


_spans = msgspec.json.Decoder(_Span)
_errors = msgspec.json.Decoder(_Error)
_metadata = msgspec.json.Decoder(dict[str, str])


def traces_of(tables: Tables, experiment: str) -> Iterator[Traced]:
    """The traces of an experiment, by time.

    Raises:
        Damaged: a span or an assessment cannot be read.
    """
    columns = "request_id timestamp_ms execution_time_ms status client_request_id request_preview response_preview"
    rows = sorted(
        tables.rows("trace_info", columns, "experiment_id = ?", [int(experiment)]), key=lambda r: (r[1], r[0])
    )
    for trace, at_ms, took_ms, status, client, asked, answered in rows:
        tags = tables.rows("trace_tags", "key value", "request_id = ?", [trace])
        metadata = tables.rows("trace_request_metadata", "key value", "request_id = ?", [trace])
        told = NewTrace(
            id=trace, experiment=experiment, at_ms=at_ms, duration_ms=took_ms,
            state=said(TraceState, status, TraceState.UNKNOWN), client_request=client or "",
            request_preview=asked or "", response_preview=answered or "",
            metadata={k: v or "" for k, v in metadata}, tags={k: v or "" for k, v in tags if k not in _PLACES},
            assessments=[*_assessments(tables, trace)],
        )  # fmt: skip
        contents = tables.rows("spans", "start_time_unix_nano span_id content", "trace_id = ?", [trace])
        yield Traced(trace=told, spans=[_span(content) for _, _, content in sorted(contents)])


def _span(content: str) -> Span:
    try:
        one = _spans.decode(content)
        return Span(
            trace=_hex(one.trace_id), id=_hex(one.span_id), name=one.name, start_ns=one.start_time_unix_nano,
            parent=_hex(one.parent_span_id) if one.parent_span_id else None, end_ns=one.end_time_unix_nano,
            status=_CODES.get(one.status.code, 0), message=one.status.message, attributes=one.attributes,
            events=[
                SpanEvent(name=each.name, at_ns=each.time_unix_nano, attributes=_texts(each.attributes))
                for each in one.events
            ],
            links=[
                SpanLink(trace=_hex(each.trace_id), span=_hex(each.span_id), attributes=_texts(each.attributes or {}))
                for each in one.links
            ],
        )  # fmt: skip
    except (msgspec.MsgspecError, binascii.Error) as err:
        raise Damaged(f"a span of the store cannot be read: {err}") from err


def _hex(text: str) -> str:
    return base64.b64decode(text, validate=True).hex()


def _texts(values: dict[str, msgspec.Raw]) -> dict[str, str]:
    return {name: bytes(value).decode() for name, value in values.items()}


def _assessments(tables: Tables, trace: str) -> Iterator[Assessment]:
    columns = (
        "assessment_id name assessment_type value error created_timestamp last_updated_timestamp source_type source_id "
        "span_id rationale overrides valid assessment_metadata"
    )
    for one, name, kind, value, error, created, updated, source, who, span, why, overrides, valid, more in tables.rows(
        "assessments", columns, "trace_id = ?", [trace]
    ):
        try:
            failed = _errors.decode(error) if error else _Error()
            metadata = _metadata.decode(more) if more else {}
        except msgspec.MsgspecError as err:
            raise Damaged(f"assessment {one} of the store cannot be read: {err}") from err
        yield Assessment(
            id=one, trace=trace, name=name, kind=said(AssessmentKind, kind, AssessmentKind.FEEDBACK),
            value=value or "null", span=span, source_type=source or "", source_id=who or "", rationale=why or "",
            error_code=failed.error_code or "", error_message=failed.error_message or "",
            stack_trace=failed.stack_trace or "", metadata=metadata, overrides=overrides, valid=bool(valid),
            created_ms=created or 0, updated_ms=updated or 0,
        )  # fmt: skip
