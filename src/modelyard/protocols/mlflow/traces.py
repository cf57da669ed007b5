"""MLflow's calls on traces, in both generations, and OpenTelemetry's export at `/v1/traces`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from modelyard.kernel.errors import InvalidInput, NotFound, UnsupportedMedia
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.ports import calls
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import errors, otlp, wire
from modelyard.protocols.mlflow import trace_shapes as shapes
from modelyard.protocols.mlflow.wire import (
    EMPTY,
    KeyValue,
    answer,
    body_decoder,
    either_decoder,
    query_decoder,
    required,
)
from modelyard.tracking.api import Tracking
from modelyard.tracking.api.traces import NewTrace, PromptVersion, Spans, TraceState

T = TypeVar("T")
EXPERIMENT_HEADER, RUN_HEADER = "x-mlflow-experiment-id", "x-mlflow-run-id"
PROTOBUF = "application/x-protobuf"
_MOST = 500
_MOST_AT_ONCE = 100


class Given(Struct, kw_only=True):
    """`Trace`, as a client tells it."""

    trace_info: shapes.InfoShape | None = None


class StartNew(Struct, kw_only=True):
    """`StartTraceV3`."""

    trace: Given | None = None


class StartOld(Struct, kw_only=True):
    """`StartTrace` and `EndTrace` of clients before 3.0."""

    experiment_id: str | None = None
    timestamp_ms: int | None = None
    status: str | int | None = None
    request_metadata: list[KeyValue] | None = None
    tags: list[KeyValue] | None = None


class One(Struct, kw_only=True):
    """A call on one trace."""

    trace_id: str | None = None
    key: str | None = None
    value: str | None = None


class Many(Struct, kw_only=True):
    """`BatchGetTraces` and `BatchGetTraceInfos`."""

    trace_ids: list[str] | None = None
    experiment_ids: list[str] | None = None


class Search(Struct, kw_only=True):
    """`SearchTracesV3` and `SearchTraces`."""

    locations: list[shapes.Location] | None = None
    experiment_ids: list[str] | None = None
    filter: str | None = None
    max_results: int | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


class Delete(Struct, kw_only=True):
    """`DeleteTraces`."""

    experiment_id: str | None = None
    max_timestamp_millis: int | None = None
    max_traces: int | None = None
    request_ids: list[str] | None = None


class Prompt(Struct, kw_only=True):
    """`PromptVersionRef`."""

    name: str = ""
    version: str = ""


class Link(Struct, kw_only=True):
    """`LinkTracesToRun` and `LinkPromptsToTrace`."""

    run_id: str | None = None
    trace_ids: list[str] | None = None
    trace_id: str | None = None
    prompt_versions: list[Prompt] | None = None


class Whole(Struct, kw_only=True):
    """`Trace`, with or without its spans."""

    trace_info: shapes.InfoShape
    spans: list[dict[str, object]] | UnsetType = UNSET


class WholeAnswer(Struct, kw_only=True):
    """One trace."""

    trace: Whole


class WholesAnswer(Struct, kw_only=True):
    """Traces with their spans."""

    traces: list[Whole]


class InfosAnswer(Struct, kw_only=True):
    """Traces by their ids."""

    trace_infos: list[shapes.InfoShape]


class OldAnswer(Struct, kw_only=True):
    """One trace in the older shape."""

    trace_info: shapes.OldShape


class PageAnswer(Struct, kw_only=True):
    """A page of traces."""

    traces: list[shapes.InfoShape] | list[shapes.OldShape]
    next_page_token: str | UnsetType = UNSET


class DeletedAnswer(Struct, kw_only=True):
    """How many are gone."""

    traces_deleted: int


class At(Struct, kw_only=True):
    """What a call names in its path, and what it says beside it."""

    trace: str
    one: One | StartOld | None = None


class Export(Struct, kw_only=True):
    """Spans for an experiment."""

    experiment: str
    run: str | None
    body: bytes
    media: str


def at(decode: Callable[[WireRequest], One | StartOld] | None = None) -> Callable[[WireRequest], At]:
    """How a call on one trace is read."""

    def read(request: WireRequest) -> At:
        return At(trace=request.path_params["trace"], one=decode(request) if decode else None)

    return read


def decode_export(request: WireRequest) -> Export:
    """An export of OpenTelemetry's."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in (PROTOBUF, "application/json"):
        raise UnsupportedMedia(f"Invalid Content-Type: {media[:80]}. Expected: {PROTOBUF} or application/json")
    experiment = request.headers.get(EXPERIMENT_HEADER, "")
    if not experiment:
        raise InvalidInput(f"the header {EXPERIMENT_HEADER} is missing: say which experiment the spans belong to")
    run = request.headers.get(RUN_HEADER) or None
    return Export(experiment=experiment, run=run, body=request.body, media=media)


class Traces:
    """Translates calls on traces."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        third, second = partial(wire.below, wire.THIRD), partial(wire.below, wire.SECOND)
        get, write, scan = Effect.READ, Effect.WRITE, Effect.SCAN
        tag = at(either_decoder(One))
        return [
            *third(wire.route("start_trace", "POST /traces", body_decoder(StartNew), self.start, effect=write)),
            *third(wire.route("get_trace_info", "GET /traces/{trace}", at(), self.info, effect=get, about=_about)),
            *third(wire.route("get_trace", "GET /traces/get", query_decoder(One), self.get, effect=scan)),
            *third(wire.route("batch_get_traces", "GET /traces/batchGet", query_decoder(Many), self.batch,
                 effect=scan)),
            *third(wire.route("batch_get_trace_infos", "POST /traces/batchGetInfos", body_decoder(Many),
                 self.infos, effect=scan)),
            *third(wire.route("search_traces", "POST /traces/search", body_decoder(Search), self.search,
                 effect=scan)),
            *second(wire.route("start_trace_v2", "POST /traces", body_decoder(StartOld), self.start_old,
                 effect=write)),
            *second(wire.route("end_trace_v2", "PATCH /traces/{trace}", at(body_decoder(StartOld)), self.end_old,
                 effect=write, about=_about)),
            *second(wire.route("get_trace_info_v2", "GET /traces/{trace}/info", at(), self.info_old, effect=get,
                 about=_about)),
            *second(wire.route("search_traces_v2", "GET /traces", query_decoder(Search), self.search_old,
                 effect=scan)),
            *wire.route("set_trace_tag", "PATCH /traces/{trace}/tags", at(body_decoder(One)), self.tag,
                 effect=write, about=_about),
            *wire.route("delete_trace_tag", "DELETE /traces/{trace}/tags", tag, self.untag, effect=write,
                 about=_about),
            *wire.route("delete_traces", "POST /traces/delete-traces", body_decoder(Delete), self.delete,
                 effect=write, about=lambda asked: wire.experiment_ref(asked.experiment_id)),
            *wire.route("link_traces_to_run", "POST /traces/link-to-run", body_decoder(Link), self.link_run,
                 effect=write, about=lambda asked: wire.run_ref(asked.run_id)),
            *wire.route("link_prompts_to_trace", "POST /traces/link-prompts", body_decoder(Link),
                 self.link_prompts, effect=write, about=lambda asked: _ref(asked.trace_id)),
            WireRoute("mlflow.export_spans", "POST", "/v1/traces", wire.WRITE, Effect.WORK, decode_export, self.export,
                      error=errors.answer, about=lambda asked: wire.experiment_ref(asked.experiment), audited=False),
        ]  # fmt: skip

    def export(self, asked: Export) -> WireResponse:
        """Note spans; they are read in a worker, and only their rows are the writer's business."""
        spans = otlp.from_protobuf(asked.body) if asked.media == PROTOBUF else otlp.from_json(asked.body)
        calls.current().unit(partial(self._tracking.note_spans, asked.experiment, spans, asked.run))
        return WireResponse(body=b"" if asked.media == PROTOBUF else b"{}", media=asked.media)

    def start(self, asked: StartNew) -> WireResponse:
        """Note a trace."""
        given = required(required(asked.trace, "trace").trace_info, "trace.trace_info")
        made = self._tracking.note_trace(shapes.trace_of(given))
        return answer(WholeAnswer(trace=Whole(trace_info=shapes.info(made))))

    def info(self, asked: At) -> WireResponse:
        """Show a trace without its spans."""
        return answer(WholeAnswer(trace=Whole(trace_info=shapes.info(self._tracking.trace(asked.trace)))))

    def get(self, asked: One) -> WireResponse:
        """Show a trace with its spans."""
        return answer(WholeAnswer(trace=_whole(self._tracking.spans(required(asked.trace_id, "trace_id")))))

    def batch(self, asked: Many) -> WireResponse:
        """Show traces with their spans; what is not there is left out."""
        return answer(WholesAnswer(traces=[_whole(s) for s in _each(asked, self._tracking.spans)
                                           if _within(asked, s.trace.experiment)]))  # fmt: skip

    def infos(self, asked: Many) -> WireResponse:
        """Show traces without their spans; what is not there is left out."""
        found = [t for t in _each(asked, self._tracking.trace) if _within(asked, t.experiment)]
        return answer(InfosAnswer(trace_infos=[shapes.info(t) for t in found]))

    def search(self, asked: Search) -> WireResponse:
        """Find traces."""
        places = [p.mlflow_experiment for p in required(asked.locations, "locations")]
        asked.experiment_ids = [p.experiment_id for p in places if p is not UNSET]
        page = self._tracking.traces(
            asked.experiment_ids,
            asked.filter or "",
            asked.order_by,
            limit=_limit(asked),
            cursor=asked.page_token or None,
        )
        return answer(PageAnswer(traces=[shapes.info(t) for t in page.items], next_page_token=page.next or UNSET))

    def search_old(self, asked: Search) -> WireResponse:
        """Find traces, for clients before 3.0."""
        page = self._tracking.traces(
            required(asked.experiment_ids, "experiment_ids"), asked.filter or "", asked.order_by, limit=_limit(asked),
            cursor=asked.page_token or None,
        )  # fmt: skip
        return answer(PageAnswer(traces=[shapes.old(t) for t in page.items], next_page_token=page.next or UNSET))

    def start_old(self, asked: StartOld) -> WireResponse:
        """Begin a trace, for clients before 3.0."""
        made = self._tracking.note_trace(
            NewTrace(
                experiment=required(asked.experiment_id, "experiment_id"), at_ms=asked.timestamp_ms or 0,
                state=TraceState.IN_PROGRESS, metadata=wire.as_dict(asked.request_metadata, "request_metadata"),
                tags=wire.as_dict(asked.tags, "tags"),
            )
        )  # fmt: skip
        return answer(OldAnswer(trace_info=shapes.old(made)))

    def end_old(self, asked: At) -> WireResponse:
        """End a trace, for clients before 3.0."""
        begun = self._tracking.trace(asked.trace)
        told = asked.one if isinstance(asked.one, StartOld) else StartOld()
        ended = self._tracking.note_trace(
            NewTrace(
                id=begun.id, experiment=begun.experiment, at_ms=begun.at_ms,
                duration_ms=max(0, (told.timestamp_ms or begun.at_ms) - begun.at_ms), state=shapes.state(told.status),
                metadata=wire.as_dict(told.request_metadata, "request_metadata"), tags=wire.as_dict(told.tags, "tags"),
            )
        )  # fmt: skip
        return answer(OldAnswer(trace_info=shapes.old(ended)))

    def info_old(self, asked: At) -> WireResponse:
        """Show a trace, for clients before 3.0."""
        return answer(OldAnswer(trace_info=shapes.old(self._tracking.trace(asked.trace))))

    def tag(self, asked: At) -> WireResponse:
        """Set a tag."""
        told = _one(asked)
        self._tracking.tag_trace(asked.trace, {required(told.key, "key"): told.value or ""})
        return EMPTY

    def untag(self, asked: At) -> WireResponse:
        """Remove a tag."""
        self._tracking.untag_trace(asked.trace, required(_one(asked).key, "key"))
        return EMPTY

    def delete(self, asked: Delete) -> WireResponse:
        """Delete traces."""
        experiment = required(asked.experiment_id, "experiment_id")
        if asked.request_ids and asked.max_traces:
            raise InvalidInput("max_traces goes with max_timestamp_millis, not with ids")
        gone = self._tracking.delete_traces(
            experiment,
            asked.request_ids,
            before_ms=asked.max_timestamp_millis,
            limit=min(asked.max_traces or 1000, 1000),
        )
        return answer(DeletedAnswer(traces_deleted=gone))

    def link_run(self, asked: Link) -> WireResponse:
        """Say that traces belong to a run."""
        self._tracking.link_traces(required(asked.run_id, "run_id"), required(asked.trace_ids, "trace_ids"))
        return EMPTY

    def link_prompts(self, asked: Link) -> WireResponse:
        """Say which prompts a trace used."""
        prompts = [PromptVersion(name=p.name, version=p.version) for p in asked.prompt_versions or ()]
        self._tracking.link_prompts(required(asked.trace_id, "trace_id"), prompts)
        return EMPTY


def _whole(found: Spans) -> Whole:
    return Whole(trace_info=shapes.info(found.trace), spans=[otlp.to_json(s) for s in found.spans])


def _each(asked: Many, show: Callable[[str], T]) -> list[T]:
    names = required(asked.trace_ids, "trace_ids")
    if len(names) > _MOST_AT_ONCE:
        raise InvalidInput(f"at most {_MOST_AT_ONCE} traces in one call, not {len(names)}")
    found = []
    for name in names:
        try:
            found.append(show(name))
        except NotFound:
            continue
    return found


def _within(asked: Many, experiment: str) -> bool:
    return asked.experiment_ids is None or experiment in asked.experiment_ids


def _limit(asked: Search) -> int:
    limit = 100 if asked.max_results is None else asked.max_results
    if not 1 <= limit <= _MOST:
        raise InvalidInput(f"Invalid value {limit} for parameter 'max_results' supplied. It must be at most {_MOST}.")
    return limit


def _one(asked: At) -> One:
    return asked.one if isinstance(asked.one, One) else One()


def _ref(trace: str | None) -> Ref | None:
    return ref("trace", trace) if trace else None


def _about(asked: At) -> Ref | None:
    return _ref(asked.trace)
