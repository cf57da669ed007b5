"""Traces: what a call to an application or a language model did, as spans, with what people and judges say of it.

A trace belongs to an experiment. Its spans come as OpenTelemetry's do; what is known of the trace as a whole (when, how
long, inputs and outputs in short, tags) comes with them or in a record of its own. Values of attributes are JSON text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page

TraceId = NewType("TraceId", str)
TraceIdText = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,63}$", description="a trace's id, e.g. `tr-` and 32 hex digits")
]
JsonText = str
"""A JSON value as text."""

NAME_TAG = "mlflow.traceName"
SPANS_TAG = "mlflow.trace.spansLocation"
FILES_TAG = "mlflow.artifactLocation"
PROMPTS_TAG = "mlflow.linkedPrompts"
RUN_METADATA = "mlflow.sourceRun"


class TraceState(StrEnum):
    """How a trace stands."""

    UNKNOWN = "STATE_UNSPECIFIED"
    OK = "OK"
    ERROR = "ERROR"
    IN_PROGRESS = "IN_PROGRESS"


class SpanEvent(Struct, frozen=True, kw_only=True):
    """Something that happened within a span."""

    name: str
    at_ns: int = 0
    attributes: dict[str, JsonText] = {}


class SpanLink(Struct, frozen=True, kw_only=True):
    """A span of another trace that this one has to do with; ids in hex."""

    trace: str
    span: str
    attributes: dict[str, JsonText] = {}


class Span(Struct, frozen=True, kw_only=True):
    """One step of a trace.

    Attributes:
        trace: 32 hex digits, as OpenTelemetry names the trace; `tr-` stands before them in the trace's id.
        id, parent: 16 hex digits.
        kind: OpenTelemetry's number, 0 to 5.
        status: 0 unset, 1 good, 2 failed.
        end_ns: None while it goes on.
    """

    trace: str
    id: str
    name: str
    start_ns: int
    parent: str | None = None
    end_ns: int | None = None
    kind: int = 0
    status: int = 0
    message: str = ""
    attributes: dict[str, JsonText] = {}
    events: list[SpanEvent] = []
    links: list[SpanLink] = []


class AssessmentKind(StrEnum):
    """What somebody says of a trace."""

    FEEDBACK = "feedback"
    EXPECTATION = "expectation"
    ISSUE = "issue"


class Assessment(Struct, frozen=True, kw_only=True):
    """What a person, a judge or a program says of a trace or one of its spans.

    Attributes:
        value: JSON; "null" where there is none.
        source_type: HUMAN, LLM_JUDGE or CODE; `source_id` says who.
        overrides: the assessment that this one stands in place of.
        valid: False once another one stands in its place.
    """

    id: str
    trace: str
    name: str
    kind: AssessmentKind
    value: JsonText = "null"
    span: str | None = None
    source_type: str = ""
    source_id: str = ""
    rationale: str = ""
    error_code: str = ""
    error_message: str = ""
    stack_trace: str = ""
    metadata: dict[str, str] = {}
    overrides: str | None = None
    valid: bool = True
    created_ms: int = 0
    updated_ms: int = 0


class NewTrace(Struct, frozen=True, kw_only=True):
    """What is told of a trace as a whole; its id is drawn where none is given."""

    id: TraceIdText | None = None
    experiment: str = "0"
    at_ms: int = 0
    duration_ms: int | None = None
    state: TraceState = TraceState.UNKNOWN
    client_request: str = ""
    request_preview: str = ""
    response_preview: str = ""
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    assessments: list[Assessment] = []


class Trace(Struct, frozen=True, kw_only=True):
    """A trace without its spans."""

    id: TraceId
    experiment: str
    at_ms: int
    duration_ms: int | None = None
    state: TraceState = TraceState.UNKNOWN
    client_request: str = ""
    request_preview: str = ""
    response_preview: str = ""
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    assessments: list[Assessment] = []


class Spans(Struct, frozen=True, kw_only=True):
    """A trace with its spans, by start."""

    trace: Trace
    spans: list[Span]


class PromptVersion(Struct, frozen=True, kw_only=True):
    """A version of a prompt in the registry."""

    name: str
    version: str


class TraceOperations(ABC):
    """What can be done with traces."""

    @operation("POST", "/trace-records", scope="tracking:write", private=("trace", "return"))
    @abstractmethod
    def note_trace(self, trace: NewTrace) -> Trace:
        """Note what is known of a trace as a whole; it may come before its spans or after them.

        Args:
            trace: its id and the rest. What stands here counts more than what spans say.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: the experiment is deleted, or a name breaks a rule.
        """

    @operation("POST", "/trace-spans", scope="tracking:write", private=("spans",))
    @abstractmethod
    def note_spans(self, experiment: str, spans: list[Span], run: str | None = None) -> list[TraceId]:
        """Note spans, of one trace or several; a span that is there already is replaced.

        Args:
            experiment: where a trace goes that is not there yet.
            spans: at most 10,000.
            run: the run that the traces belong to.

        Raises:
            NotFound: there is no such experiment or run.
            InvalidInput: too many spans, or an id that is none.
        """

    @operation("GET", "/traces/{trace}", scope="tracking:read", about="trace:{trace}")
    @abstractmethod
    def trace(self, trace: str) -> Trace:
        """Show a trace without its spans.

        Raises:
            NotFound: there is no such trace.

        Example:
            yard tracking trace tr-0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/traces/{trace}/spans", scope="tracking:read", effect=Effect.SCAN, about="trace:{trace}")
    @abstractmethod
    def spans(self, trace: str) -> Spans:
        """Show a trace with its spans, by their start.

        Raises:
            NotFound: there is no such trace.

        Example:
            yard tracking spans tr-0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/traces", scope="tracking:read", effect=Effect.SCAN)
    @abstractmethod
    def traces(
        self,
        experiments: list[str],
        where: str = "",
        order_by: list[str] | None = None,
        *,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> Page[Trace]:
        """Find traces, newest first unless told otherwise.

        Args:
            experiments: numbers of experiments.
            where: MLflow's filter language, e.g. `attributes.status = 'ERROR' AND span.name LIKE 'fetch%'`.
            order_by: attributes, tags or metadata, e.g. `execution_time_ms DESC`.
            limit: rows in one page.
            cursor: where the page before ended.

        Raises:
            InvalidInput: the filter or the order cannot be read.

        Example:
            yard tracking traces --experiments 1 --where "feedback.correct = 'false'"
        """

    @operation("PUT", "/traces/{trace}/tags", scope="tracking:write", about="trace:{trace}", private=("tags", "return"))
    @abstractmethod
    def tag_trace(self, trace: str, tags: dict[str, str]) -> Trace:
        """Set tags of a trace.

        Raises:
            NotFound: there is no such trace.
            InvalidInput: a key is empty or too long.
        """

    @operation("DELETE", "/traces/{trace}/tags/{key*}", scope="tracking:write", about="trace:{trace}")
    @abstractmethod
    def untag_trace(self, trace: str, key: str) -> None:
        """Remove a tag of a trace.

        Raises:
            NotFound: there is no such trace, or it has no such tag.
        """

    @operation("POST", "/trace-deletions", scope="tracking:write")
    @abstractmethod
    def delete_traces(
        self,
        experiment: str,
        traces: list[str] | None = None,
        *,
        before_ms: int | None = None,
        limit: Limit = 1000,
    ) -> int:
        """Delete traces for good, with spans, files and what was said of them; how many.

        Args:
            experiment: theirs.
            traces: which ones.
            before_ms: or those that began up to this moment, the oldest first.
            limit: at most so many of the latter.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: neither or both are said.

        Example:
            yard tracking delete-traces 1 --before-ms 1764000000000
        """

    @operation("POST", "/runs/{run}/trace-links", scope="tracking:write", about="run:{run}")
    @abstractmethod
    def link_traces(self, run: str, traces: list[str]) -> None:
        """Say that traces belong to a run; at most 100 in one call.

        Raises:
            NotFound: there is no such run or trace.
            InvalidInput: there are too many.
        """

    @operation("POST", "/traces/{trace}/prompts", scope="tracking:write", about="trace:{trace}")
    @abstractmethod
    def link_prompts(self, trace: str, prompts: list[PromptVersion]) -> Trace:
        """Say which versions of prompts a trace used.

        Raises:
            NotFound: there is no such trace.
            InvalidInput: there are too many.
        """
