"""What a hostile or broken client may send: refused in words or bounded, and nobody else notices."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.serving.hot.planes import BEARER, Plane, Wire, endpoint, question, request, revision, running, tensor

ROW = [1.0, 0.0, 0.5, -0.5]
GOOD = request("/v2/models/linear/infer", question(tensor(ROW)))


def body(**change: Any) -> bytes:
    return question({**tensor(ROW), **change})


BAD_BODIES = {
    "empty": (b"", 400),
    "no json": (b"hello", 400),
    "nan": (b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[NaN,1,1,1]}]}', 400),
    "lone surrogate": (b'{"id":"\\ud800","inputs":[]}', 400),
    "not utf-8": (b'{"id":"\xff\xfe"}', 400),
    "overflow": (b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[1e999,1,1,1]}]}', 400),
    "deep": (b'{"inputs":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 422),
    "deep id": (b'{"inputs":[],"parameters":{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}}", 400),
    "deep data": (b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":' + b"[" * 10_000, 400),
    "list": (b"[]", 422),
    "no inputs": (b"{}", 422),
    "no tensor": (question(), 422),
    "wrong shape": (body(shape=[2, 4]), 422),
    "negative shape": (body(shape=[-1, 4]), 422),
    "huge shape": (body(shape=[10**18, 4]), 422),
    "scalar shape": (body(shape=[]), 422),
    "wrong width": (question(tensor([1.0, 2.0])), 422),
    "wrong type": (body(datatype="COMPLEX"), 422),
    "text for numbers": (body(data=["1", "2", "3", "4"]), 422),
    "bytes for numbers": (body(datatype="BYTES", data=["1", "2", "3", "4"]), 422),
    "null": (body(data=[1.0, None, 1.0, 1.0]), 422),
    "bool": (body(data=[True, 1.0, 1.0, 1.0]), 422),
    "half nested": (body(data=[[1.0, 2.0], 3.0, 4.0]), 422),
    "nested too deep": (body(data=[[[1.0, 2.0, 3.0, 4.0]]]), 422),
    "unknown names": (question(*[{**tensor([1.0], shape=[1]), "name": n} for n in "wxyz"]), 422),
    "twice the same": (question(*[{**tensor([1.0], shape=[1]), "name": n} for n in "aacd"]), 422),
    "uneven columns": (
        question(
            *[{**tensor([1.0] * n, shape=[n]), "name": name} for n, name in zip((1, 2, 1, 1), "abcd", strict=True)]
        ),
        422,
    ),
    "nested parameter": (question(tensor(ROW), parameters={"a": {"b": 1}}), 422),
    "many parameters": (question(tensor(ROW), parameters={str(n): n for n in range(50)}), 422),
    "long parameter": (question(tensor(ROW), parameters={"a": "b" * 600}), 422),
    "long id": (question(tensor(ROW), id="x" * 500), 422),
    "big number": (
        b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[1' + b"0" * 400 + b",1,1,1]}]}",
        400,
    ),
    "five megabytes of text": (question(tensor(ROW), id="x" * 5_000_000), 422),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_gets_a_readable_problem(shared: Plane, name: str) -> None:
    sent, status = BAD_BODIES[name]
    wire = Wire(shared.port)
    wire.send(request("/v2/models/linear/infer", sent) + GOOD)
    answer = wire.answer()
    assert answer.status in ((400, 422) if name in ("big number", "overflow") else (status,)), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["error"] == problem["detail"] != ""
    assert len(problem["detail"]) < 1000
    assert "/work" not in problem["detail"] and "Traceback" not in problem["detail"]
    assert wire.answer().status == 200
    wire.close()


BAD_HEADS = {
    "no http": (b"hello\r\n\r\n", 400),
    "http 2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "length and chunks": (
        request("/v2/models/linear/infer", b"0\r\n\r\n", extra=BEARER + "Transfer-Encoding: chunked\r\n"),
        400,
    ),
    "two lengths": (request("/v2", extra="Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
    "signed length": (request("/v2", extra="Content-Length: +1\r\n"), 400),
    "odd transfer": (request("/v2", extra="Transfer-Encoding: gzip, chunked\r\n"), 400),
    "bare line feed": (b"GET /v2 HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    "space before colon": (b"GET /v2 HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    "two tokens": (request("/v2", extra=BEARER * 2), 400),
    "upgrade": (request("/v2", extra="Connection: Upgrade\r\nUpgrade: h2c\r\n"), 400),
    "long head": (request("/v2", extra="X-Long: " + "a" * 20_000 + "\r\n"), 431),
    "many heads": (request("/v2", extra="X-A: b\r\n" * 4_000), 431),
    "huge body": (request("/v2/models/linear/infer", extra=BEARER + "Content-Length: 99999999\r\n", verb="POST"), 413),
    "foreign host": (b"GET /v2 HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    "unknown address": (request("/v1/nothing"), 404),
    "unknown endpoint": (request("/v2/models/nobody/infer", body()), 404),
    "wrong verb": (request("/v2/models/linear/infer"), 405),
    "wrong media": (request("/v2/models/linear/infer", body(), extra=BEARER + "Content-Type: text/plain\r\n"), 415),
    "compressed": (request("/v2/models/linear/infer", body(), extra=BEARER + "Content-Encoding: gzip\r\n"), 415),
    "split too far": (
        request("/v2/models/linear/infer", body(), extra=BEARER + "Inference-Header-Content-Length: 9999\r\n"),
        400,
    ),
    "bad chunk": (
        request("/v2/models/linear/infer", extra=BEARER + "Transfer-Encoding: chunked\r\n", verb="POST") + b"zz\r\n",
        400,
    ),
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_bad_head_gets_a_readable_problem(shared: Plane, name: str) -> None:
    sent, status = BAD_HEADS[name]
    wire = Wire(shared.port)
    wire.send(sent)
    answer = wire.answer()
    assert answer.status == status, answer.body
    assert answer.json["detail"]
    wire.close()
    assert shared.ask(GOOD).status == 200


def test_sixteen_megabytes_of_headers_are_cut_off_early(shared: Plane) -> None:
    wire = Wire(shared.port)
    sent = 0
    try:
        wire.send(b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n")
        while sent < 256:
            wire.send(b"X-A: " + b"b" * 65_529 + b"\r\n")
            sent += 1
    except OSError:
        assert sent < 255
    else:
        assert wire.answer().status == 431
        assert wire.ended()
    wire.close()
    assert shared.ask(GOOD).status == 200


def test_slow_headers_are_ended(shared: Plane) -> None:
    wire = Wire(shared.port)
    began = time.monotonic()
    wire.send(b"GET /v2 HTTP/1.1\r\n")
    assert wire.answer().status == 408
    assert 1.0 < time.monotonic() - began < 6
    assert wire.ended()
    wire.close()


def test_pipelined_requests_are_answered_in_order_errors_too(shared: Plane) -> None:
    wire = Wire(shared.port)
    slow = request("/v2/models/slow/infer", question(tensor(ROW)))
    wire.send((slow + GOOD + request("/v2/nothing") + request("/v2/models/linear/infer", b"{") + GOOD + slow) * 30)
    for _ in range(30):
        answers = [wire.answer() for _ in range(6)]
        assert [a.status for a in answers] == [200, 200, 404, 400, 200, 200]
        assert [a.json.get("model_name") for a in answers] == ["slow", "linear", None, None, "linear", "slow"]
    wire.close()


def test_a_request_may_arrive_byte_by_byte_or_in_chunks(shared: Plane) -> None:
    wire = Wire(shared.port)
    for byte in GOOD:
        wire.send(bytes((byte,)))
    assert wire.answer().status == 200
    text = body()
    chunks = b"".join(b"%x;note=1\r\n%b\r\n" % (len(p), p) for p in (text[:7], text[7:60], text[60:]))
    head = request("/v2/models/linear/infer", extra=BEARER + "Transfer-Encoding: chunked\r\n", verb="POST")
    for raw in (head + chunks + b"0\r\nX-Trailer: a\r\n\r\n" + GOOD, GOOD):
        wire.send(raw)
    assert [wire.answer().status for _ in range(3)] == [200, 200, 200]
    wire.close()


def test_chunks_beyond_the_limit_are_refused(shared: Plane) -> None:
    wire = Wire(shared.port)
    wire.send(request("/v2/models/linear/infer", extra=BEARER + "Transfer-Encoding: chunked\r\n", verb="POST"))
    wire.send(b"fffffff\r\n")
    assert wire.answer().status == 413
    wire.close()


def test_expect_is_answered_before_the_body(shared: Plane) -> None:
    text = body()
    wire = Wire(shared.port)
    wire.send(
        request(
            "/v2/models/linear/infer",
            extra=f"{BEARER}Content-Length: {len(text)}\r\nExpect: 100-continue\r\n",
            verb="POST",
        )
    )
    assert wire.answer().status == 100
    wire.send(text)
    assert wire.answer().status == 200
    wire.close()


def test_a_connection_ends_when_the_caller_asks_for_it(shared: Plane) -> None:
    wire = Wire(shared.port)
    wire.send(request("/v2/models/linear/infer", body(), extra=BEARER + "Connection: close\r\n") + GOOD)
    answer = wire.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert wire.ended()
    wire.close()


def test_who_does_not_read_stops_being_read(shared: Plane) -> None:
    wire = Wire(shared.port)
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.socket.settimeout(0.5)
    big = request("/v2/models/linear/infer", question(tensor(ROW * 500, shape=[500, 4])))
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 10_000:
            wire.send(big)
            sent += 1
    assert sent < 5_000
    assert shared.ask(GOOD).status == 200
    wire.close()


def test_a_normal_client_is_answered_beside_500_idle_ones(shared: Plane) -> None:
    idle = [socket.create_connection(("127.0.0.1", shared.port), timeout=5) for _ in range(500)]
    took = []
    for _ in range(50):
        began = time.perf_counter()
        assert shared.ask(GOOD).status == 200
        took.append(time.perf_counter() - began)
    assert sorted(took)[25] < 0.1
    assert b"modelyard_predict_connections 50" in shared.ask(request("/metrics")).body
    for wire in idle:
        wire.close()


def test_every_get_address_takes_garbage_queries_and_names(shared: Plane) -> None:
    for path in ("/v2/models/%00%ff/ready", "/v2/models/../../etc", "/v2?x=" + "y" * 3000, "/v2/models/a/b/c/d", "//"):
        answer = shared.ask(request(path))
        assert answer.status in (200, 404), (path, answer.body)
        assert json.loads(answer.body)


def test_a_full_house_makes_room_for_a_new_caller(home: Path) -> None:
    options = ("--connections", "16", "--idle-timeout", "60")
    with running(home, endpoint("linear", revision("r1", "linear")), options=options) as plane:
        wires = [Wire(plane.port) for _ in range(40)]
        assert plane.ask(GOOD).status == 200
        assert wires[0].ended()
        wires[-1].send(GOOD)
        assert wires[-1].answer().status == 200
        for wire in wires:
            wire.close()


def test_idle_connections_are_ended(home: Path) -> None:
    with running(home, endpoint("linear", revision("r1", "linear")), options=("--idle-timeout", "1")) as plane:
        wire = Wire(plane.port)
        wire.send(GOOD)
        assert wire.answer().status == 200
        assert wire.ended()
        wire.close()


def test_too_many_large_bodies_at_once_are_refused(home: Path) -> None:
    options = ("--body-limit", str(200 << 20))
    with running(home, endpoint("linear", revision("r1", "linear")), options=options) as plane:
        large = request("/v2/models/linear/infer", extra=BEARER + f"Content-Length: {190 << 20}\r\n", verb="POST")
        wires = [Wire(plane.port) for _ in range(3)]
        for wire in wires:
            wire.send(large)
            time.sleep(0.05)
        refused = wires[2].answer()
        assert (refused.status, refused.json["code"]) == (503, "unavailable")
        for wire in wires:
            wire.close()
        deadline = time.monotonic() + 5
        while b"modelyard_predict_pending_bytes 0" not in plane.ask(request("/metrics")).body:
            assert time.monotonic() < deadline
        assert plane.ask(GOOD).status == 200
