"""Traces in a database of MLflow's: their rows, their spans as JSON, and assessments."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from modelyard.adapters.mlflow.store import PLACES, File, Traced, said
from modelyard.adapters.mlflow.tables import Tables
from modelyard.kernel.errors import Damaged
from modelyard.tracking.api import Assessment, AssessmentKind, NewTrace, Span, SpanEvent, SpanLink, TraceState

SESSION, TOKENS, COST = "mlflow.trace.session", "mlflow.trace.tokenUsage", "mlflow.trace.cost"
"""Metadata that newer versions keep in columns of the trace's row instead."""
TOKEN_COLUMNS = (
    "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
)  # fmt: skip
COST_COLUMNS = ("input_cost", "output_cost", "total_cost")
_COLUMNS = (
    "request_id timestamp_ms execution_time_ms status client_request_id request_preview response_preview trace_name "
    "session_id"
)
_SPANS = "traces.json"
_MOST = 64 << 20
_ATTACHED = "mlflow-attachment://"
_CODES = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_NAMES = {0: "STATUS_CODE_UNSET", 1: "STATUS_CODE_OK", 2: "STATUS_CODE_ERROR"}


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


class _File(Struct, frozen=True):
    spans: list[_Span]


class _Error(Struct, frozen=True):
    error_code: str | None = None
    error_message: str | None = None
    stack_trace: str | None = None


_spans = msgspec.json.Decoder(_Span)
_file = msgspec.json.Decoder(_File)
_errors = msgspec.json.Decoder(_Error)
_metadata = msgspec.json.Decoder(dict[str, str])


def traces_of(tables: Tables, experiment: str, files: Callable[[str], Iterator[File]]) -> Iterator[Traced]:
    """The traces of an experiment, by time.

    Args:
        files: what lies at a location of the store.

    Raises:
        Damaged: a span or an assessment cannot be read.
    """
    columns = " ".join((_COLUMNS, *TOKEN_COLUMNS, *COST_COLUMNS))
    rows = sorted(
        tables.rows("trace_info", columns, "experiment_id = ?", [int(experiment)]), key=lambda r: (r[1], r[0])
    )
    for trace, at_ms, took_ms, status, client, asked, answered, name, session, *numbers in rows:
        tags = dict(tables.rows("trace_tags", "key value", "request_id = ?", [trace]))
        metadata = dict(tables.rows("trace_request_metadata", "key value", "request_id = ?", [trace]))
        if name is not None:
            tags["mlflow.traceName"] = name
        metadata |= _promoted(session, numbers)
        told = NewTrace(
            id=trace, experiment=experiment, at_ms=at_ms, duration_ms=took_ms,
            state=said(TraceState, status, TraceState.UNKNOWN), client_request=client or "",
            request_preview=asked or "", response_preview=answered or "",
            metadata={k: v or "" for k, v in metadata.items()},
            tags={k: v or "" for k, v in tags.items() if k not in PLACES},
            assessments=[*_assessments(tables, trace)],
        )  # fmt: skip
        contents = tables.rows("spans", "start_time_unix_nano span_id content", "trace_id = ?", [trace])
        spans, attached = laid(tags, [_span(content) for _, _, content in sorted(contents)], files)
        yield Traced(trace=told, spans=spans, files=attached)


def _promoted(session: str | None, numbers: Sequence[float | None]) -> dict[str, str]:
    """The metadata that newer versions keep in columns: the session, and what was used and paid."""
    used, paid = numbers[: len(TOKEN_COLUMNS)], numbers[len(TOKEN_COLUMNS) :]
    found = {} if session is None else {SESSION: session}
    for key, names, some in ((TOKENS, TOKEN_COLUMNS, used), (COST, COST_COLUMNS, paid)):
        if kept := {name: number for name, number in zip(names, some, strict=True) if number is not None}:
            found[key] = json.dumps(kept)
    return found


def laid(
    tags: Mapping[str, str | None], spans: Sequence[Span], files: Callable[[str], Iterator[File]]
) -> tuple[list[Span], list[File]]:
    """The spans and files of a trace: spans that are not among its rows are read from its file of them.

    A file of spans as clients before 3.0 write it stays a file, as all that a trace attaches does.

    Args:
        files: what lies at a location of the store.
    """
    location = tags.get("mlflow.artifactLocation")
    attaches = any(_ATTACHED in text for span in spans for text in span.attributes.values())
    if not location or (spans and not attaches):
        return [*spans], []
    found = [*files(location)]
    if spans:
        return [*spans], found
    told = next((file for file in found if file.path == _SPANS), None)
    read = [] if told is None else _read(told)
    return read, [file for file in found if file is not told or not read]


def _read(file: File) -> list[Span]:
    """The spans of a file; none where it is larger than 64 MiB, or was written before 3.0."""
    body = bytearray()
    for chunk in file.read():
        body += chunk
        if len(body) > _MOST:
            return []
    try:
        return [_span_of(one) for one in _file.decode(body).spans]
    except (msgspec.MsgspecError, binascii.Error):
        return []


def _span(content: str) -> Span:
    try:
        return _span_of(_spans.decode(content))
    except (msgspec.MsgspecError, binascii.Error) as err:
        raise Damaged(f"a span of the store cannot be read: {err}") from err


def _span_of(one: _Span) -> Span:
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


def content_of(span: Span) -> str:
    """A span as MLflow keeps it; its own id of the trace stands among the attributes there."""
    return json.dumps(
        {
            "trace_id": _base64(span.trace), "span_id": _base64(span.id),
            "parent_span_id": _base64(span.parent) if span.parent else None, "name": span.name,
            "start_time_unix_nano": span.start_ns, "end_time_unix_nano": span.end_ns,
            "events": [
                {"name": e.name, "time_unix_nano": e.at_ns, "attributes": _plain(e.attributes)} for e in span.events
            ],
            "status": {"code": _NAMES.get(span.status, _NAMES[0]), "message": span.message},
            "attributes": {**span.attributes, "mlflow.traceRequestId": json.dumps(f"tr-{span.trace}")},
            "links": [
                {"trace_id": _base64(k.trace), "span_id": _base64(k.span), "attributes": _plain(k.attributes)}
                for k in span.links
            ],
        }, ensure_ascii=False,
    )  # fmt: skip


def _plain(texts: Mapping[str, str]) -> dict[str, object]:
    return {name: json.loads(text) for name, text in texts.items()}


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


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
