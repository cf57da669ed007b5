"""Traces: noted with their spans, found, tagged, linked, deleted for good."""

from __future__ import annotations

import json
import re
from itertools import groupby

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import Page
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.api import limits as rules
from modelyard.tracking.api.news import TracesDeleted
from modelyard.tracking.api.traces import (
    FILES_TAG,
    NAME_TAG,
    PROMPTS_TAG,
    SPANS_TAG,
    NewTrace,
    PromptVersion,
    Span,
    Spans,
    Trace,
    TraceId,
    TraceOperations,
    TraceState,
)
from modelyard.tracking.model import names, trace_filters, tracing
from modelyard.tracking.model.pages import offset_of, page_from
from modelyard.tracking.service import experiments as homes
from modelyard.tracking.service.assessments import entered
from modelyard.tracking.store import assessments as said
from modelyard.tracking.store import collection, runs, trace_search
from modelyard.tracking.store import traces as store

MAX_SPANS = 10_000
MAX_TRACE_SPANS = 50_000
MAX_LINKS = 100
MAX_PREVIEW = 10_000
_STORED_HERE = "TRACKING_STORE"
_TRACE = re.compile(r"[0-9a-f]{32}")
_SPAN = re.compile(r"[0-9a-f]{16}")
_OPEN = (TraceState.IN_PROGRESS, TraceState.UNKNOWN)


class Traces(TraceOperations):
    """The operations on traces."""

    def note_trace(self, trace: NewTrace) -> Trace:
        """Note what is known of a trace as a whole."""
        call = calls.current()
        home = homes.active(call.tx, trace.experiment)
        given = _checked(trace, home.id)
        head = store.head(call.tx, given.id)
        if head is None:
            number = store.add(call.tx, given, is_told=True)
            store.put_tags(call.tx, number, {FILES_TAG: _files(home.artifact_location, given.id)})
        else:
            number = head.id
            store.update(call.tx, number, given, is_told=True)
        store.put_tags(call.tx, number, given.tags)
        store.put_metadata(call.tx, number, given.metadata)
        for one in given.assessments:
            said.put(call.tx, number, entered(call.tx, number, given.id, one, now_ms=call.now_ms))
        call.touch(ref("trace", given.id))
        return _found(call.tx, given.id)[1]

    def note_spans(self, experiment: str, spans: list[Span], run: str | None = None) -> list[TraceId]:
        """Note spans, of one trace or several."""
        call = calls.current()
        home = homes.active(call.tx, experiment)
        if len(spans) > MAX_SPANS:
            raise InvalidInput(f"at most {MAX_SPANS} spans in one call, not {len(spans)}; send them in parts")
        for span in spans:
            _check_ids(span)
        if run is not None and runs.head(call.tx, run) is None:
            raise NotFound(f"Run with id={run[:80]} not found")
        found: list[TraceId] = []
        numbers: list[int] = []
        for key, some in groupby(sorted(spans, key=lambda s: s.trace), key=lambda s: s.trace):
            trace = TraceId(f"tr-{key}")
            numbers.append(_note(call.tx, trace, list(some), home.id, _files(home.artifact_location, trace)))
            found.append(trace)
        if run is not None:
            store.link(call.tx, run, numbers)
        if found:
            call.touch(ref("trace", found[0]))
        return found

    def trace(self, trace: str) -> Trace:
        """Show a trace without its spans."""
        return _found(calls.current().tx, trace)[1]

    def spans(self, trace: str) -> Spans:
        """Show a trace with its spans."""
        tx = calls.current().tx
        number, one = _found(tx, trace)
        return Spans(trace=one, spans=store.spans(tx, number))

    def traces(
        self,
        experiments: list[str],
        where: str = "",
        order_by: list[str] | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Trace]:
        """Find traces."""
        tx = calls.current().tx
        offset = offset_of(cursor)
        search = trace_search.TraceSearch([homes.number_of(e) for e in experiments])
        for condition in trace_filters.parse(where):
            search.keep(condition)
        for order in trace_filters.parse_orders(order_by or ()):
            search.sort(order)
        rows = search.rows(tx, limit=limit + 1, offset=offset)
        return page_from(store.hydrate(tx, rows[:limit]), more=len(rows) > limit, offset=offset)

    def tag_trace(self, trace: str, tags: dict[str, str]) -> Trace:
        """Set tags of a trace."""
        tx = calls.current().tx
        number, _ = _found(tx, trace)
        store.put_tags(tx, number, rules.check_tags(tags))
        return _found(tx, trace)[1]

    def untag_trace(self, trace: str, key: str) -> None:
        """Remove a tag of a trace."""
        tx = calls.current().tx
        number, _ = _found(tx, trace)
        if not store.drop_tag(tx, number, key):
            raise NotFound(f"No trace tag with key {key[:80]!r} for trace {trace[:80]!r}")

    def delete_traces(
        self, experiment: str, traces: list[str] | None = None, *, before_ms: int | None = None, limit: int = 1000
    ) -> int:
        """Delete traces for good."""
        call = calls.current()
        home = homes.found(call.tx, experiment)
        if bool(traces) == (before_ms is not None):
            raise InvalidInput("say either which traces to delete, or up to which moment")
        if traces:
            heads = [(store.head(call.tx, trace), trace) for trace in dict.fromkeys(traces)]
            doomed = [(h.id, trace) for h, trace in heads if h is not None and str(h.experiment) == home.id]
        else:
            doomed = store.oldest(call.tx, int(home.id), before_ms=before_ms or 0, limit=limit)
        collection.drop_files(call.tx, [trace for _, trace in doomed], call.now_ms)
        for number, _ in doomed:
            store.drop(call.tx, number)
        about = ref("experiment", home.id)
        call.touch(about)
        if doomed:
            call.emit(TracesDeleted(experiment=home.id, traces=len(doomed)), writes=[about])
        return len(doomed)

    def link_traces(self, run: str, traces: list[str]) -> None:
        """Say that traces belong to a run."""
        tx = calls.current().tx
        if len(traces) > MAX_LINKS:
            raise InvalidInput(f"Cannot link more than {MAX_LINKS} traces to a run in one call. Got {len(traces)}.")
        if runs.head(tx, run) is None:
            raise NotFound(f"Run with id={run[:80]} not found")
        store.link(tx, run, [_found(tx, trace)[0] for trace in traces])

    def link_prompts(self, trace: str, prompts: list[PromptVersion]) -> Trace:
        """Say which versions of prompts a trace used."""
        tx = calls.current().tx
        number, one = _found(tx, trace)
        noted = json.loads(one.tags.get(PROMPTS_TAG, "[]"))
        for prompt in prompts[: MAX_LINKS + 1]:
            entry = {"name": rules.check_length(prompt.name, 250, "name"), "version": prompt.version[:20]}
            if entry not in noted:
                noted.append(entry)
        if len(noted) > MAX_LINKS:
            raise InvalidInput(f"a trace names at most {MAX_LINKS} versions of prompts")
        store.put_tags(tx, number, {PROMPTS_TAG: json.dumps(noted)})
        return _found(tx, trace)[1]


def _note(tx: Transaction, trace: TraceId, spans: list[Span], experiment: str, files: str) -> int:
    """Store spans of one trace and what they tell of it, unless its own record has told already."""
    told = tracing.told(spans)
    head = store.head(tx, trace)
    if head is None:
        number = store.add(
            tx, Trace(id=trace, experiment=experiment, at_ms=told.first_ms, state=TraceState.IN_PROGRESS), is_told=False
        )
        store.put_tags(tx, number, {FILES_TAG: files})
    else:
        number = head.id
        if store.count_spans(tx, number) + len(spans) > MAX_TRACE_SPANS:
            raise InvalidInput(f"a trace has at most {MAX_TRACE_SPANS} spans")
    one = _found(tx, trace)[1]
    store.put_spans(tx, number, spans)
    store.put_tags(tx, number, {SPANS_TAG: _STORED_HERE, **told.tags})
    if told.name and NAME_TAG not in one.tags:
        store.put_tags(tx, number, {NAME_TAG: told.name[:8000]})
    known = {k: v for k, v in told.metadata.items() if k not in one.metadata or not (head and head.is_told)}
    if head is not None and not head.is_told and "mlflow.trace.tokenUsage" in known:
        known["mlflow.trace.tokenUsage"] = json.dumps(tracing.usage(store.spans(tx, number)))
    store.put_metadata(tx, number, known)
    if head is None or not head.is_told:
        store.update(tx, number, _grown(one, told), is_told=False)
    return number


def _grown(one: Trace, told: tracing.Told) -> Trace:
    first = min(one.at_ms, told.first_ms)
    last = max((t for t in (told.last_ms, one.at_ms + one.duration_ms if one.duration_ms else None) if t), default=None)
    state = told.state if told.state is not None and one.state in _OPEN else one.state
    return Trace(
        id=one.id, experiment=one.experiment, at_ms=first, duration_ms=None if last is None else last - first,
        state=state, client_request=one.client_request, request_preview=told.request_preview or one.request_preview,
        response_preview=told.response_preview or one.response_preview,
    )  # fmt: skip


def _checked(trace: NewTrace, experiment: str) -> Trace:
    identity = names.new_trace_id(calls.current().clock) if trace.id is None else trace.id
    if not names.is_trace_id(identity):
        raise InvalidInput(f"{identity[:80]!r} is no trace id; one looks like tr- and 32 hex digits")
    rules.check_time(trace.at_ms, "request_time")
    metadata = {
        rules.check_length(k, rules.MAX_KEY, "trace_metadata.key"): rules.cut(v, rules.MAX_TAG_VALUE, "trace_metadata")
        for k, v in trace.metadata.items()
    }
    return Trace(
        id=TraceId(identity), experiment=experiment, at_ms=trace.at_ms, duration_ms=trace.duration_ms,
        state=trace.state, client_request=rules.check_length(trace.client_request, 250, "client_request_id"),
        request_preview=rules.cut(trace.request_preview, MAX_PREVIEW, "request_preview"),
        response_preview=rules.cut(trace.response_preview, MAX_PREVIEW, "response_preview"),
        metadata=metadata, tags=rules.check_tags(trace.tags), assessments=trace.assessments,
    )  # fmt: skip


def _check_ids(span: Span) -> None:
    if not _TRACE.fullmatch(span.trace):
        raise InvalidInput(f"{span.trace[:80]!r} is no trace id: 32 lower-case hex digits")
    for given in (span.id, span.parent):
        if given is not None and not _SPAN.fullmatch(given):
            raise InvalidInput(f"{given[:80]!r} is no span id: 16 lower-case hex digits")
    for number in (span.start_ns, span.end_ns or 0):
        rules.check_time(number, "start_time_unix_nano")
    if "\x00" in span.name:
        raise InvalidInput("the name of a span holds a NUL character; remove it")


def _files(location: str, trace: str) -> str:
    return f"{location.rstrip('/')}/traces/{trace}/artifacts"


def _found(tx: Transaction, trace: str) -> tuple[int, Trace]:
    one = store.one(tx, trace)
    if one is None:
        raise NotFound(f"Trace with ID '{trace[:80]}' not found.")
    return one
