"""Traces and their spans: rows for what searches ask, and each span whole as JSON text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from modelyard.ports.database import Migration, Row, Transaction
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.tracking.api.traces import Assessment, Span, Trace, TraceId, TraceState
from modelyard.tracking.store import assessments

TRACES = Migration(
    "tracking",
    8,
    "traces",
    (
        (
            "CREATE TABLE tracking_trace (id {serial}, trace {text} NOT NULL UNIQUE, "
            "experiment {int} NOT NULL REFERENCES tracking_experiment (id), at_ms {int} NOT NULL, duration_ms {int}, "
            "state {text} NOT NULL, client_request {text} NOT NULL, request_preview {text} NOT NULL, "
            "response_preview {text} NOT NULL, is_told {int} NOT NULL)"
        ),
        "CREATE INDEX tracking_trace_by_time ON tracking_trace (experiment, at_ms, trace)",
        (
            "CREATE TABLE tracking_trace_tag (trace {int} NOT NULL REFERENCES tracking_trace (id), "
            "key {text} NOT NULL, value {text} NOT NULL, PRIMARY KEY (trace, key))"
        ),
        "CREATE INDEX tracking_trace_tag_by_value ON tracking_trace_tag (key, substr(value, 1, 200), trace)",
        (
            "CREATE TABLE tracking_trace_metadata (trace {int} NOT NULL REFERENCES tracking_trace (id), "
            "key {text} NOT NULL, value {text} NOT NULL, PRIMARY KEY (trace, key))"
        ),
        "CREATE INDEX tracking_trace_metadata_by_value ON tracking_trace_metadata (key, substr(value, 1, 200), trace)",
        (
            "CREATE TABLE tracking_span (trace {int} NOT NULL REFERENCES tracking_trace (id), span {text} NOT NULL, "
            "name {text} NOT NULL, type {text} NOT NULL, status {text} NOT NULL, start_ns {int} NOT NULL, "
            "body {text} NOT NULL, PRIMARY KEY (trace, span))"
        ),
        (
            "CREATE TABLE tracking_trace_run (run {text} NOT NULL, "
            "trace {int} NOT NULL REFERENCES tracking_trace (id), PRIMARY KEY (run, trace))"
        ),
        "CREATE INDEX tracking_trace_run_by_trace ON tracking_trace_run (trace)",
        (
            "CREATE TABLE tracking_assessment (id {serial}, trace {int} NOT NULL REFERENCES tracking_trace (id), "
            "assessment {text} NOT NULL, kind {text} NOT NULL, name {text} NOT NULL, said {text} NOT NULL, "
            "number {real}, is_valid {int} NOT NULL, body {bytes} NOT NULL, UNIQUE (trace, assessment))"
        ),
        "CREATE INDEX tracking_assessment_by_name ON tracking_assessment (kind, name, trace)",
    ),
)
COLUMNS = (
    "r.id, r.trace, r.experiment, r.at_ms, r.duration_ms, r.state, r.client_request, r.request_preview, "
    "r.response_preview"
)
_HEAD = sql("SELECT id, experiment, at_ms, duration_ms, state, is_told FROM tracking_trace WHERE trace = :trace")
_ONE = sql(f"SELECT {COLUMNS} FROM tracking_trace r WHERE r.trace = :trace")
_ADD = sql(
    "INSERT INTO tracking_trace (trace, experiment, at_ms, duration_ms, state, client_request, request_preview, "
    "response_preview, is_told) VALUES (:trace, :experiment, :at, :duration, :state, :client, :request, :response, "
    ":told) RETURNING id"
)
_SET = sql(
    "UPDATE tracking_trace SET at_ms = :at, duration_ms = :duration, state = :state, client_request = :client, "
    "request_preview = :request, response_preview = :response, is_told = :told WHERE id = :id"
)
_PUT_TAG = sql(
    "INSERT INTO tracking_trace_tag (trace, key, value) VALUES (:trace, :key, :value) "
    "ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value"
)
_DROP_TAG = sql("DELETE FROM tracking_trace_tag WHERE trace = :trace AND key = :key")
_PUT_METADATA = sql(
    "INSERT INTO tracking_trace_metadata (trace, key, value) VALUES (:trace, :key, :value) "
    "ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value"
)
_PUT_SPAN = sql(
    "INSERT INTO tracking_span (trace, span, name, type, status, start_ns, body) VALUES "
    "(:trace, :span, :name, :type, :status, :start, :body) ON CONFLICT (trace, span) DO UPDATE SET "
    "name = excluded.name, type = excluded.type, status = excluded.status, start_ns = excluded.start_ns, "
    "body = excluded.body"
)
_SPANS = sql("SELECT body FROM tracking_span WHERE trace = :trace ORDER BY start_ns, span")
_COUNT = sql("SELECT count(*) FROM tracking_span WHERE trace = :trace")
_HAS_SPAN = sql("SELECT 1 FROM tracking_span WHERE trace = :trace AND span = :span")
_LINK = sql("INSERT INTO tracking_trace_run (run, trace) VALUES (:run, :trace) ON CONFLICT (run, trace) DO NOTHING")
_OLDEST = sql(
    "SELECT id, trace FROM tracking_trace WHERE experiment = :experiment AND at_ms <= :before "
    "ORDER BY at_ms, trace LIMIT :n"
)
_DROPS = [
    sql(f"DELETE FROM {table} WHERE trace = :trace")
    for table in (
        "tracking_span", "tracking_trace_tag", "tracking_trace_metadata", "tracking_trace_run", "tracking_assessment",
    )
]  # fmt: skip
_DROP = sql("DELETE FROM tracking_trace WHERE id = :trace")
_TYPE = "mlflow.spanType"
_STATUSES = {0: "UNSET", 1: "OK", 2: "ERROR"}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Span).decode


@dataclass(frozen=True, slots=True)
class Head:
    """What a change of a trace has to know of it; `is_told` where its own record has come."""

    id: int
    experiment: int
    at_ms: int
    duration_ms: int | None
    state: TraceState
    is_told: bool


def head(tx: Transaction, trace: str) -> Head | None:
    """What a change has to know."""
    row = tx.one(_HEAD, {"trace": trace})
    if row is None:
        return None
    number, experiment, at_ms, duration, state, is_told = row
    return Head(number, experiment, at_ms, duration, TraceState(state), bool(is_told))


def add(tx: Transaction, trace: Trace, *, is_told: bool) -> int:
    """Make a trace; its number."""
    row = tx.one(_ADD, {"trace": trace.id, "experiment": int(trace.experiment), **_values(trace, is_told=is_told)})
    return int(row[0]) if row else 0


def update(tx: Transaction, number: int, trace: Trace, *, is_told: bool) -> None:
    """Set what a trace's row says."""
    tx.run(_SET, {"id": number, **_values(trace, is_told=is_told)})


def _values(trace: Trace, *, is_told: bool) -> dict[str, str | int | None]:
    return {
        "at": trace.at_ms, "duration": trace.duration_ms, "state": trace.state.value, "client": trace.client_request,
        "request": trace.request_preview, "response": trace.response_preview, "told": int(is_told),
    }  # fmt: skip


def put_tags(tx: Transaction, number: int, tags: dict[str, str]) -> None:
    """Set tags."""
    if tags:
        tx.many(_PUT_TAG, [{"trace": number, "key": k, "value": v} for k, v in tags.items()])


def drop_tag(tx: Transaction, number: int, key: str) -> bool:
    """Remove a tag; False if there was none."""
    return tx.run(_DROP_TAG, {"trace": number, "key": key}) > 0


def put_metadata(tx: Transaction, number: int, metadata: dict[str, str]) -> None:
    """Set metadata."""
    if metadata:
        tx.many(_PUT_METADATA, [{"trace": number, "key": k, "value": v} for k, v in metadata.items()])


def put_spans(tx: Transaction, number: int, spans: Iterable[Span]) -> None:
    """Store spans; those that are there are replaced."""
    rows = [
        {
            "trace": number, "span": s.id, "name": s.name, "type": s.attributes.get(_TYPE, '"UNKNOWN"').strip('"'),
            "status": _STATUSES.get(s.status, "UNSET"), "start": s.start_ns, "body": _encode(s).decode(),
        }
        for s in spans
    ]  # fmt: skip
    tx.many(_PUT_SPAN, rows)


def spans(tx: Transaction, number: int) -> list[Span]:
    """A trace's spans by their start."""
    return [_decode(body) for (body,) in tx.all(_SPANS, {"trace": number})]


def count_spans(tx: Transaction, number: int) -> int:
    """How many spans a trace has."""
    row = tx.one(_COUNT, {"trace": number})
    return int(row[0]) if row else 0


def has_span(tx: Transaction, number: int, span: str) -> bool:
    """True if the trace has that span."""
    return tx.one(_HAS_SPAN, {"trace": number, "span": span}) is not None


def link(tx: Transaction, run: str, numbers: Sequence[int]) -> None:
    """Say that traces belong to a run."""
    tx.many(_LINK, [{"run": run, "trace": number} for number in numbers])


def oldest(tx: Transaction, experiment: int, *, before_ms: int, limit: int) -> list[tuple[int, str]]:
    """Numbers and ids of traces that began up to a moment, the oldest first."""
    found = tx.all(_OLDEST, {"experiment": experiment, "before": before_ms, "n": limit})
    return [(int(number), trace) for number, trace in found]


def drop(tx: Transaction, number: int) -> None:
    """Remove a trace with all that belongs to it but its files."""
    for statement in _DROPS:
        tx.run(statement, {"trace": number})
    tx.run(_DROP, {"trace": number})


def one(tx: Transaction, trace: str) -> tuple[int, Trace] | None:
    """A trace and its number."""
    row = tx.one(_ONE, {"trace": trace})
    return (int(row[0]), hydrate(tx, [row])[0]) if row else None


def hydrate(tx: Transaction, rows: Sequence[Row]) -> list[Trace]:
    """Traces from rows of `COLUMNS`, in the same order."""
    numbers = [int(row[0]) for row in rows]
    tags = _pairs(tx, "tracking_trace_tag", numbers)
    metadata = _pairs(tx, "tracking_trace_metadata", numbers)
    said: dict[int, list[Assessment]] = assessments.of(tx, numbers)
    return [
        Trace(
            id=TraceId(trace), experiment=str(experiment), at_ms=at_ms, duration_ms=duration, state=TraceState(state),
            client_request=client, request_preview=request, response_preview=response,
            metadata=metadata.get(int(number), {}), tags=tags.get(int(number), {}),
            assessments=said.get(int(number), []),
        )
        for number, trace, experiment, at_ms, duration, state, client, request, response in rows
    ]  # fmt: skip


def _pairs(tx: Transaction, table: str, numbers: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for some in batches(numbers):
        inside, params = in_params("t", some)
        text = f"SELECT trace, key, value FROM {table} WHERE trace IN ({inside}) ORDER BY trace, key"
        for number, key, value in tx.all(cached(text), params):
            found.setdefault(number, {})[key] = value
    return found
