"""Traces, assessments and prompts: by the unmodified client, by OpenTelemetry's own export, and by hand."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import InvalidInput
from modelyard.protocols.mlflow import otlp
from tests.protocols.mlflow.conftest import Wire
from tests.protocols.mlflow.test_client import run_flow

TRACE, ROOT, CHILD = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "b7ad6b7169203332"


def flow(wire: Wire, name: str) -> Any:
    return run_flow(wire, "trace_flow.py", name)


def test_a_client_traces_searches_and_judges_as_with_its_own_server(wire: Wire) -> None:
    seen = flow(wire, "tracing")
    assert (seen["state"], seen["failed"]) == ("OK", "no answer")
    assert seen["inputs"] == {"question": "how far?"}
    assert seen["outputs"] == {"found": ["HOW FAR?", "ü"], "score": 0.5}
    assert seen["preview"] == ['{"question": "how far?"}', '{"found": ["HOW FAR?", "ü"], "score": 0.5}']
    assert seen["tags"] == {"team": "fares", "mlflow.traceName": "answer"}
    assert (seen["session"], seen["names"], seen["parent"]) == ("s-1", ["answer", "fetch"], True)
    assert seen["attributes"] == ["RETRIEVER", "zones", 3]
    assert seen["events"] == [["found", {"rows": 2}]]
    assert seen["by"] == {
        "all": 3, "ok": 2, "error": 1, "name": 2, "run": 1, "span": 2, "attribute": 2, "liked": 2, "number": 2,
        "no attribute": 0, "text": 1, "wrong": 1, "good": 1, "better": 0, "none said": 2, "expected": 1, "session": 2,
        "times": 3, "in": 3,
    }  # fmt: skip
    assert seen["said"] == [False, "wrong after all", "ann", {"round": "1"}]
    assert seen["assessments"] == ["correct", "quality"]
    assert all(seen[key] is True for key in ("lasted", "tagged", "order", "pages"))
    assert (seen["deleted"], seen["gone"]) == (1, [2, "RESOURCE_DOES_NOT_EXIST"])
    assert seen["codes"] == [
        "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE",
    ]  # fmt: skip


def test_prompts_are_registered_loaded_and_linked(wire: Wire) -> None:
    seen = flow(wire, "prompts")
    assert seen["said"] == "Hello Ann!"
    assert seen["first"] == ["Hello {{name}}!", "first", 1]
    assert seen["latest"] == [[{"role": "user", "content": "Hi {{name}}"}], 2]
    assert (seen["linked"], seen["found"], seen["missing"]) == (1, ["greeting"], True)


def exported(trace: str = TRACE) -> Any:
    proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    export = proto.ExportTraceServiceRequest()
    scope = export.resource_spans.add().scope_spans.add()
    for span_id, parent in ((ROOT, None), (CHILD, ROOT)):
        span = scope.spans.add()
        span.trace_id, span.span_id, span.name = bytes.fromhex(trace), bytes.fromhex(span_id), f"step {span_id[-1]}"
        span.parent_span_id = bytes.fromhex(parent or "")
        span.kind, span.start_time_unix_nano, span.end_time_unix_nano = (
            3,
            1_700_000_000_000_000_000,
            1_700_000_001_000_000_000,
        )
        span.status.code, span.status.message = 1, "fine"
        for key, value in (("a", {"string_value": "ü"}), ("b", {"int_value": -5}), ("c", {"double_value": 0.25}),
                           ("d", {"bool_value": True}), ("e", {"bytes_value": b"\x00\xff"})):  # fmt: skip
            pair = span.attributes.add()
            pair.key = key
            for field, given_value in value.items():
                setattr(pair.value, field, given_value)
        listed = span.attributes.add()
        listed.key = "list"
        listed.value.array_value.values.add().int_value = 7
        inner = listed.value.array_value.values.add().kvlist_value.values.add()
        inner.key, inner.value.string_value = "k", "v"
        event = span.events.add()
        event.name, event.time_unix_nano = "seen", 5
        link = span.links.add()
        link.trace_id, link.span_id = bytes.fromhex(trace), bytes.fromhex(ROOT)
    return export


def test_an_export_in_protobuf_is_read_field_by_field() -> None:
    root, child = otlp.from_protobuf(exported().SerializeToString())
    assert (root.trace, root.id, root.parent, child.parent) == (TRACE, ROOT, None, ROOT)
    assert (root.name, root.kind, root.status, root.message) == ("step 1", 3, 1, "fine")
    assert (root.start_ns, root.end_ns) == (1_700_000_000_000_000_000, 1_700_000_001_000_000_000)
    assert {k: json.loads(v) for k, v in root.attributes.items()} == {
        "a": "ü", "b": -5, "c": 0.25, "d": True, "e": base64.b64encode(b"\x00\xff").decode(), "list": [7, {"k": "v"}],
    }  # fmt: skip
    assert [(e.name, e.at_ns) for e in root.events] == [("seen", 5)]
    assert [(k.trace, k.span) for k in root.links] == [(TRACE, ROOT)]


def test_spans_in_our_answers_are_what_protobuf_reads() -> None:
    spans = pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    parse = pytest.importorskip("google.protobuf.json_format").ParseDict
    sent = exported()
    for given_span, whole in zip(
        otlp.from_protobuf(sent.SerializeToString()), sent.resource_spans[0].scope_spans[0].spans, strict=True
    ):
        back = parse(otlp.to_json(given_span), spans.Span())
        assert (back.trace_id, back.span_id, back.parent_span_id) == (
            whole.trace_id,
            whole.span_id,
            whole.parent_span_id,
        )
        assert {a.key for a in back.attributes} - {"mlflow.traceRequestId"} == {a.key for a in whole.attributes}
        assert back.events == whole.events


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    with suppress(InvalidInput):
        otlp.from_protobuf(body)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read(place: int, value: int) -> None:
    body = bytearray(exported().SerializeToString())
    body[place % len(body)] = value
    with suppress(InvalidInput):
        assert otlp.from_protobuf(bytes(body))


def send(wire: Wire, body: bytes, media: str = "application/x-protobuf", **headers: str) -> Any:
    given_headers = {"content-type": media, "x-mlflow-experiment-id": "0", **headers}
    return wire.http.post("/v1/traces", content=body, headers=given_headers)


def third(wire: Wire, verb: str, path: str, body: object = None, **query: str) -> Any:
    return wire.http.request(verb, "/api/3.0/mlflow" + path, json=body, params=query or None)


def test_spans_of_any_program_arrive_in_protobuf_and_json(wire: Wire) -> None:
    run = wire.new_run()
    assert send(wire, exported().SerializeToString(), **{"x-mlflow-run-id": run}).status_code == 200
    at = f"/traces/tr-{TRACE}"
    info = third(wire, "GET", at).json()["trace"]["trace_info"]
    assert (info["state"], info["execution_duration"], info["request_time"]) == (
        "OK", "1.000s", "2023-11-14T22:13:20.000Z",
    )  # fmt: skip
    assert info["tags"]["mlflow.traceName"] == "step 1"
    assert info["tags"]["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    whole = third(wire, "GET", "/traces/get", trace_id=f"tr-{TRACE}").json()["trace"]
    assert [s["name"] for s in whole["spans"]] == ["step 1", "step 2"]
    search = {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}]}
    found = third(wire, "POST", "/traces/search", {**search, "filter": f"attributes.run_id = '{run}'"}).json()["traces"]
    assert [t["trace_id"] for t in found] == [f"tr-{TRACE}"]
    other = "1" * 32
    span = {"traceId": other, "spanId": ROOT, "name": "by json", "startTimeUnixNano": "1800000000000000000",
    "endTimeUnixNano": "1800000000000000002",
            "attributes": [{"key": "n", "value": {"intValue": "3"}}],
            "status": {"code": "STATUS_CODE_ERROR"}}  # fmt: skip
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    assert send(wire, body, "application/json").json() == {}
    assert third(wire, "GET", f"/traces/tr-{other}").json()["trace"]["trace_info"]["state"] == "ERROR"
    batch = third(wire, "GET", "/traces/batchGet", trace_ids=f"tr-{other}").json()["traces"]
    assert [len(t["spans"]) for t in batch] == [1]


def test_an_export_that_is_none_is_refused(wire: Wire) -> None:
    good = exported().SerializeToString()
    for body, media in ((b"", "application/x-protobuf"), (b"nonsense", "application/x-protobuf"), (b"{",
    "application/json"),
                        (b"{}", "application/json"), (good, "text/plain"), (good[:50],
                        "application/x-protobuf")):  # fmt: skip
        answer = send(wire, body, media)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), (body, media)
    assert send(wire, good, **{"x-mlflow-experiment-id": ""}).status_code == 400
    assert send(wire, good, **{"x-mlflow-experiment-id": "9999"}).status_code == 404
    assert send(wire, good, **{"x-mlflow-run-id": "0" * 32}).status_code == 404
    assert send(wire, good, authorization="Bearer reader").status_code == 403
    assert send(wire, good, authorization="Bearer nobody").status_code == 401


def test_clients_before_version_three_trace_too(wire: Wire) -> None:
    begun = wire.ask("POST", "/traces", {
        "experiment_id": "0", "timestamp_ms": 1000, "request_metadata": [{"key": "m", "value": "1"}],
        "tags": [{"key": "mlflow.traceName", "value": "old"}],
    })["trace_info"]  # fmt: skip
    at = f"/traces/{begun['request_id']}"
    assert (begun["status"], begun["timestamp_ms"]) == ("IN_PROGRESS", 1000)
    ended = wire.ask("PATCH", at, {"timestamp_ms": 1500, "status": "OK", "tags": [{"key": "t", "value": "1"}]})[
        "trace_info"
    ]
    assert (ended["status"], ended["execution_time_ms"]) == ("OK", 500)
    tags = {t["key"]: t["value"] for t in wire.ask("GET", at + "/info")["trace_info"]["tags"]}
    assert (tags["mlflow.traceName"], tags["t"]) == ("old", "1")
    place = tags["mlflow.artifactLocation"].removeprefix("mlflow-artifacts:/")
    files = f"/api/2.0/mlflow-artifacts/artifacts/{place}/traces.json"
    assert wire.http.put(files, content=b'{"spans": []}').status_code == 200
    assert wire.http.get(files).json() == {"spans": []}
    found = wire.ask("GET", "/traces", experiment_ids="0", filter="attributes.name = 'old'")["traces"]
    assert [t["request_id"] for t in found] == [begun["request_id"]]
    gone = wire.ask(
        "POST", "/traces/delete-traces", {"experiment_id": "0", "max_timestamp_millis": 2000, "max_traces": 5}
    )
    assert gone["traces_deleted"] == 1
    assert wire.http.get(files).status_code == 404
    wire.ask("POST", "/traces/delete-traces", {"experiment_id": "0"}, 400)


def test_one_that_stands_in_place_of_another_takes_its_place_until_it_is_taken_back(wire: Wire) -> None:
    send(wire, exported("2" * 32).SerializeToString())
    at = f"/traces/tr-{'2' * 32}/assessments"

    def said(value: object, **more: object) -> Any:
        body = {
            "assessment": {
                "assessment_name": "q",
                "feedback": {"value": value},
                "source": {"source_type": "CODE"},
                **more,
            }
        }
        return third(wire, "POST", at, body).json()["assessment"]

    first = said(1)
    second = said([1, {"a": None}], overrides=first["assessment_id"], span_id=ROOT, metadata={"k": "v"})
    assert (second["feedback"]["value"], second["span_id"], second["valid"]) == ([1, {"a": None}], ROOT, True)
    assert third(wire, "GET", f"{at}/{first['assessment_id']}").json()["assessment"]["valid"] is False
    assert third(wire, "DELETE", f"{at}/{second['assessment_id']}").status_code == 200
    assert third(wire, "GET", f"{at}/{first['assessment_id']}").json()["assessment"]["valid"] is True
    assert third(wire, "GET", f"{at}/{second['assessment_id']}").status_code == 404
    for bad in ({}, {"assessment": {"assessment_name": "q"}}, {"assessment": {"feedback": {"value": 1}}}):
        assert third(wire, "POST", at, bad).json()["error_code"] == "INVALID_PARAMETER_VALUE"
