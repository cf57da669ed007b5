"""The Open Inference Protocol as the data plane speaks it."""

from __future__ import annotations

import json
import struct

import pytest

from tests.serving.hot.planes import BEARER, Plane, Wire, question, request, tensor

ROW = [1.0, 0.0, 0.5, -0.5]


def test_health_is_open_and_the_rest_wants_a_token(shared: Plane) -> None:
    assert shared.ask(request("/v2/health/live", extra="")).json == {"live": True}
    assert shared.ask(request("/v2/health/ready", extra="")).json == {"ready": True}
    for path in ("/v2", "/metrics", "/v2/models/linear", "/v2/models/linear/ready"):
        answer = shared.ask(request(path, extra=""))
        assert answer.status == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert shared.infer("linear", tensor(ROW), extra="").status == 401
    assert shared.infer("linear", tensor(ROW), extra="Authorization: Bearer wrong\r\n").status == 401


def test_metadata_tells_the_signature(shared: Plane) -> None:
    answer = shared.ask(request("/v2/models/table")).json
    assert answer["versions"] == ["1"]
    assert answer["inputs"] == [
        {"name": "miles", "datatype": "FP64", "shape": [-1]},
        {"name": "payment", "datatype": "BYTES", "shape": [-1]},
    ]
    assert shared.ask(request("/v2/models/linear/versions/3")).json["outputs"][1]["shape"] == [-1, 2]
    assert shared.ask(request("/v2")).json["extensions"] == ["binary_tensor_data"]
    assert shared.ask(request("/v2/models/linear/versions/3/ready")).json["ready"] is True
    assert shared.ask(request("/v2/models/linear/versions/9")).status == 404


@pytest.mark.parametrize("name", ["linear", "native", "slow"])
def test_a_matrix_may_come_flat_nested_or_by_column(shared: Plane, name: str) -> None:
    forms = [
        [tensor(ROW)],
        [{**tensor(ROW), "data": [ROW]}],
        [tensor([v], shape=[1], name=n) for n, v in zip("abcd", ROW, strict=True)],
        [tensor([v], shape=[1, 1], name=n) for n, v in reversed(list(zip("abcd", ROW, strict=True)))],
        [{**tensor(ROW), "datatype": "FP32"}],
        [{**tensor(ROW), "data": [1, 0, 0.5, -0.5]}],
    ]
    for inputs in forms:
        answer = shared.infer(name, *inputs)
        assert answer.status == 200, answer.body
        outputs = {o["name"]: o for o in answer.json["outputs"]}
        assert outputs["label"]["data"] == [1]
        assert outputs["probability"]["shape"] == [1, 2]
        assert sum(outputs["probability"]["data"]) == pytest.approx(1)


def test_rows_keep_their_order(shared: Plane) -> None:
    values = [sign * v for sign in (1, -1, 1, 1, -1) for v in ROW]
    answer = shared.infer("linear", tensor(values, shape=[5, 4]), id="mine").json
    assert answer["outputs"][0]["data"] == [1, 0, 1, 1, 0]
    assert answer["id"] == "mine"
    assert answer["model_version"] == "3"
    ids = answer["parameters"]["prediction_ids"].split(",")
    assert len(set(ids)) == 5
    assert ids == sorted(ids)


@pytest.mark.parametrize("name", ["table", "frame"])
def test_a_table_takes_categories_and_missing_values(shared: Plane, name: str) -> None:
    miles = {"name": "miles", "shape": [3], "datatype": "FP64", "data": [1.5, 1.5, 0.25]}
    payment = {"name": "payment", "shape": [3], "datatype": "BYTES", "data": ["cash", "card", None]}
    answer = shared.infer(name, payment, miles)
    assert answer.status == 200, answer.body
    cash, card, unknown = answer.json["outputs"][0]["data"]
    assert cash - card == pytest.approx(1, abs=1e-3)
    assert unknown < card
    missing = shared.infer(name, {**miles, "data": [1.5, None, 0.25]}, payment)
    assert (missing.status, missing.json["code"]) == (422, "invalid")


def test_what_breaks_the_signature_is_refused_and_the_input_named(shared: Plane) -> None:
    miles = {"name": "miles", "shape": [1], "datatype": "FP64", "data": [1.5]}
    payment = {"name": "payment", "shape": [1], "datatype": "BYTES", "data": ["cash"]}
    for inputs, word in [
        ((payment,), "miles"),
        ((miles, payment, {**miles, "name": "fare"}), "fare"),
        (({**miles, "datatype": "BYTES", "data": ["far"]}, payment), "miles"),
        (({**miles, "data": ["far"]}, payment), "miles"),
        (({**miles, "shape": [2], "data": [1.0, 2.0]}, payment), "rows"),
    ]:
        answer = shared.infer("table", *inputs)
        assert (answer.status, answer.json["code"]) == (422, "invalid"), word
        assert word in str(answer.json)


def test_raw_tensors_go_in_and_out(shared: Plane) -> None:
    raw = struct.pack("<8d", *ROW, *(-v for v in ROW))
    head = {"name": "x", "shape": [2, 4], "datatype": "FP64", "parameters": {"binary_data_size": len(raw)}}
    text = question(head, parameters={"binary_data_output": True})
    extra = f"{BEARER}Inference-Header-Content-Length: {len(text)}\r\nContent-Type: application/octet-stream\r\n"
    answer = shared.ask(request("/v2/models/linear/infer", text + raw, extra=extra))
    assert answer.status == 200, answer.body
    at = int(answer.headers["inference-header-content-length"])
    label, probability = json.loads(answer.body[:at])["outputs"]
    assert label["parameters"]["binary_data_size"] == 16
    assert struct.unpack("<2q", answer.body[at : at + 16]) == (1, 0)
    assert len(answer.body) - at - 16 == probability["parameters"]["binary_data_size"] == 32


def test_only_the_outputs_asked_for_come_back(shared: Plane) -> None:
    answer = shared.infer("linear", tensor(ROW), outputs=[{"name": "probability"}]).json
    assert [o["name"] for o in answer["outputs"]] == ["probability"]
    assert shared.infer("linear", tensor(ROW), outputs=[{"name": "nothing"}]).status == 422


def test_a_broken_model_tells_why_and_spoils_no_other(shared: Plane) -> None:
    for name, why in (("broken", "cannot be loaded"), ("forged", "nobody trusted")):
        answer = shared.infer(name, tensor(ROW))
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert why in answer.json["error"] == answer.json["detail"]
        assert shared.ask(request(f"/v2/models/{name}/ready")).status == 503
    assert shared.infer("linear", tensor(ROW)).status == 200


def test_a_model_that_refuses_an_input_spoils_no_other_in_its_batch(shared: Plane) -> None:
    huge = tensor([1e308, 1e308, -1e308, 1e308])
    wire = Wire(shared.port)
    for inputs in (tensor(ROW), huge, tensor(ROW)):
        wire.send(request("/v2/models/slow/infer", question(inputs)))
    statuses = [wire.answer().status for _ in range(3)]
    assert statuses == [200, 422, 200]
    wire.close()


def test_metrics_count_what_was_answered(shared: Plane) -> None:
    shared.infer("native", tensor(ROW))
    text = shared.ask(request("/metrics")).body.decode()
    assert 'modelyard_predict_requests_total{endpoint="native",revision="r1",route="champion",status="200"}' in text
    assert 'modelyard_predict_latency_seconds_bucket{endpoint="native",le="+Inf"}' in text


def test_each_answer_is_in_the_log_with_its_inputs(shared: Plane) -> None:
    extra = BEARER + "X-Request-Id: req-77\r\n"
    keys = {"driver": "d-9", "zone": 4, "binary_data_output": False}
    answer = shared.infer("linear", tensor(ROW), extra=extra, parameters=keys).json
    record = next(r for r in shared.records() if r.id == answer["parameters"]["prediction_ids"])
    assert (record.endpoint, record.revision, record.model_version, record.route) == ("linear", "r1", "3", "champion")
    assert (record.columns, record.inputs, record.rows) == (("a", "b", "c", "d"), ROW, 1)
    assert dict(zip(record.output_names, record.outputs, strict=True))["label"] == [1]
    assert (record.request_id, record.caller, record.status) == ("req-77", "actor_1", 200)
    assert record.keys == {"driver": "d-9", "zone": 4}
    assert 0 < record.latency_us < 5_000_000
