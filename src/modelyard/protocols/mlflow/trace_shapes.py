"""Traces and assessments in the shapes of MLflow's messages: version 3 (`TraceInfoV3`) and the older `TraceInfo`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput
from modelyard.protocols.mlflow import wire
from modelyard.protocols.mlflow.wire import KeyValue, as_pairs
from modelyard.tracking.api.traces import Assessment, AssessmentKind, NewTrace, Trace, TraceState


class Place(Struct, kw_only=True):
    """`MlflowExperimentLocation`."""

    experiment_id: str = ""


class Location(Struct, kw_only=True):
    """`TraceLocation`."""

    type: str = "MLFLOW_EXPERIMENT"
    mlflow_experiment: Place | UnsetType = UNSET


class ErrorShape(Struct, kw_only=True, omit_defaults=True):
    """`AssessmentError`."""

    error_code: str = ""
    error_message: str = ""
    stack_trace: str = ""


class Serialized(Struct, kw_only=True):
    """`SerializedValue`: what protobuf's JSON values cannot hold."""

    serialization_format: str = "JSON_FORMAT"
    value: str = "null"


class Said(Struct, kw_only=True):
    """`Feedback`, `Expectation` and `IssueReference`."""

    value: msgspec.Raw | UnsetType = UNSET
    serialized_value: Serialized | UnsetType = UNSET
    error: ErrorShape | UnsetType = UNSET
    issue_name: str | UnsetType = UNSET


class Source(Struct, kw_only=True):
    """`AssessmentSource`."""

    source_type: str | int = ""
    source_id: str = ""


class AssessmentShape(Struct, kw_only=True):
    """`Assessment`."""

    assessment_id: str | UnsetType = UNSET
    assessment_name: str | UnsetType = UNSET
    trace_id: str | UnsetType = UNSET
    span_id: str | UnsetType = UNSET
    source: Source | UnsetType = UNSET
    create_time: str | UnsetType = UNSET
    last_update_time: str | UnsetType = UNSET
    feedback: Said | UnsetType = UNSET
    expectation: Said | UnsetType = UNSET
    issue: Said | UnsetType = UNSET
    rationale: str | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    overrides: str | UnsetType = UNSET
    valid: bool | UnsetType = UNSET


class InfoShape(Struct, kw_only=True):
    """`TraceInfoV3`."""

    trace_id: str | None = None
    client_request_id: str | UnsetType = UNSET
    trace_location: Location | None = None
    request_preview: str | UnsetType = UNSET
    response_preview: str | UnsetType = UNSET
    request_time: str | None = None
    execution_duration: str | UnsetType = UNSET
    state: str | int = "STATE_UNSPECIFIED"
    trace_metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    assessments: list[AssessmentShape] = []


class OldShape(Struct, kw_only=True):
    """`TraceInfo`, as clients before 3.0 have it."""

    request_id: str
    experiment_id: str
    timestamp_ms: int
    status: str = ""
    request_metadata: list[KeyValue] = []
    tags: list[KeyValue] = []
    execution_time_ms: int | UnsetType = UNSET


def info(one: Trace) -> InfoShape:
    """A trace."""
    return InfoShape(
        trace_id=one.id, client_request_id=one.client_request or UNSET,
        trace_location=Location(mlflow_experiment=Place(experiment_id=one.experiment)),
        request_preview=one.request_preview or UNSET, response_preview=one.response_preview or UNSET,
        request_time=stamp(one.at_ms),
        execution_duration=UNSET if one.duration_ms is None else lasting(one.duration_ms),
        state=one.state.value, trace_metadata=one.metadata, tags=one.tags,
        assessments=[assessment(a) for a in one.assessments],
    )  # fmt: skip


def old(one: Trace) -> OldShape:
    """A trace in the older shape."""
    return OldShape(
        request_id=one.id, experiment_id=one.experiment, timestamp_ms=one.at_ms,
        status="TRACE_STATUS_UNSPECIFIED" if one.state is TraceState.UNKNOWN else one.state.value,
        request_metadata=as_pairs(one.metadata), tags=as_pairs(one.tags),
        execution_time_ms=UNSET if one.duration_ms is None else one.duration_ms,
    )  # fmt: skip


def assessment(one: Assessment) -> AssessmentShape:
    """An assessment."""
    shape = AssessmentShape(
        assessment_id=one.id, assessment_name=one.name, trace_id=one.trace, span_id=one.span or UNSET,
        source=Source(source_type=one.source_type, source_id=one.source_id), create_time=stamp(one.created_ms),
        last_update_time=stamp(one.updated_ms), rationale=one.rationale or UNSET, metadata=one.metadata or UNSET,
        overrides=one.overrides or UNSET, valid=one.valid,
    )  # fmt: skip
    value = msgspec.Raw(one.value.encode())
    if one.kind is AssessmentKind.FEEDBACK:
        shape.feedback = Said(value=value)
        if one.error_code or one.error_message:
            shape.feedback.error = ErrorShape(
                error_code=one.error_code, error_message=one.error_message, stack_trace=one.stack_trace
            )
    elif one.kind is AssessmentKind.EXPECTATION:
        shape.expectation = (
            Said(serialized_value=Serialized(value=one.value)) if one.value[:1] in "[{" else Said(value=value)
        )
    else:
        shape.issue = Said(issue_name=json.loads(one.value))
    return shape


def trace_of(given: InfoShape) -> NewTrace:
    """What a client tells of a trace.

    Raises:
        InvalidInput: its id or its experiment is missing, or a value is none.
    """
    place = given.trace_location.mlflow_experiment if given.trace_location else UNSET
    if place is UNSET or not place.experiment_id:
        raise InvalidInput("traces are kept in experiments: trace_location.mlflow_experiment.experiment_id is missing")
    return NewTrace(
        id=wire.required(given.trace_id, "trace.trace_info.trace_id"), experiment=place.experiment_id,
        at_ms=moment(given.request_time), duration_ms=duration(given.execution_duration), state=state(given.state),
        client_request=given.client_request_id or "", request_preview=given.request_preview or "",
        response_preview=given.response_preview or "", metadata=given.trace_metadata, tags=given.tags,
        assessments=[assessment_of(a) for a in given.assessments],
    )  # fmt: skip


def trace_of_old(given: OldShape) -> NewTrace:
    """What a server before 3.0 tells of a trace."""
    return NewTrace(
        id=given.request_id, experiment=given.experiment_id, at_ms=given.timestamp_ms,
        duration_ms=given.execution_time_ms or None, state=state(given.status),
        metadata=wire.as_dict(given.request_metadata, "request_metadata"), tags=wire.as_dict(given.tags, "tags"),
    )  # fmt: skip


def assessment_of(given: AssessmentShape) -> Assessment:
    """What a client says of a trace.

    Raises:
        InvalidInput: it is neither feedback nor expectation nor issue, or a value is none.
    """
    kind, value = value_of(given)
    if kind is None:
        raise InvalidInput("an assessment is a feedback, an expectation or an issue; none is given")
    error = given.feedback.error if given.feedback is not UNSET else UNSET
    source = given.source or Source()
    shown = error or ErrorShape()
    return Assessment(
        id=given.assessment_id or "", trace=given.trace_id or "", name=given.assessment_name or "", kind=kind,
        value=value, span=given.span_id or None, source_type=source_type(source.source_type),
        source_id=source.source_id, rationale=given.rationale or "", error_code=shown.error_code,
        error_message=shown.error_message, stack_trace=shown.stack_trace, metadata=given.metadata or {},
        overrides=given.overrides or None, valid=given.valid is not False, created_ms=moment(given.create_time or None),
        updated_ms=moment(given.last_update_time or None),
    )  # fmt: skip


def value_of(given: AssessmentShape) -> tuple[AssessmentKind | None, str]:
    """Of what kind an assessment is, and its value as JSON."""
    if given.feedback is not UNSET:
        return AssessmentKind.FEEDBACK, _raw(given.feedback.value)
    if given.expectation is not UNSET:
        serialized = given.expectation.serialized_value
        value = serialized.value if serialized is not UNSET else _raw(given.expectation.value)
        try:
            return AssessmentKind.EXPECTATION, json.dumps(json.loads(value), ensure_ascii=False)
        except ValueError as err:
            raise InvalidInput("the serialized value of an expectation is no JSON") from err
    if given.issue is not UNSET:
        return AssessmentKind.ISSUE, json.dumps(given.issue.issue_name or "")
    return None, "null"


def _raw(value: msgspec.Raw | UnsetType) -> str:
    return "null" if value is UNSET else json.dumps(json.loads(bytes(value)), ensure_ascii=False)


def source_type(given: str | int) -> str:
    """Who says something, by name or by the number that stands for it."""
    names = {"0": "SOURCE_TYPE_UNSPECIFIED", "1": "HUMAN", "2": "LLM_JUDGE", "3": "CODE"}
    return names.get(str(given), str(given))


def state(given: str | int | None) -> TraceState:
    """A state by its name or number; anything else is unknown."""
    numbers = {"1": TraceState.OK, "2": TraceState.ERROR, "3": TraceState.IN_PROGRESS}
    text = str(given or "")
    return numbers.get(text) or (TraceState(text) if text in set(TraceState) else TraceState.UNKNOWN)


def stamp(at_ms: int) -> str:
    """A moment as RFC 3339 writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(given: str | None) -> int:
    """A moment in milliseconds; 0 where none is given.

    Raises:
        InvalidInput: it is no moment.
    """
    if not given:
        return 0
    try:
        found = datetime.fromisoformat(given)
    except ValueError as err:
        raise InvalidInput(f"{given[:40]!r} is no time as RFC 3339 writes it") from err
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def lasting(duration_ms: int) -> str:
    """How long, as protobuf writes it: seconds with an `s`."""
    return f"{duration_ms / 1000:.3f}s"


def duration(given: str | UnsetType) -> int | None:
    """How long, in milliseconds.

    Raises:
        InvalidInput: it is no duration.
    """
    if given is UNSET or not given:
        return None
    try:
        return round(float(given.removesuffix("s")) * 1000)
    except (ValueError, OverflowError) as err:
        raise InvalidInput(f"{given[:40]!r} is no duration; write it as 1.5s") from err
