"""What strangers and broken clients send: each is refused or bounded, and a normal client is answered as before."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest


@contextmanager
def raw(address: str, timeout: float = 5.0) -> Iterator[socket.socket]:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        yield connection


def said(address: str, request: bytes) -> bytes:
    with raw(address) as connection:
        connection.sendall(request)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def assert_alive(http: httpx2.Client) -> None:
    assert http.get("/v1/books").status_code == 200


HEAD = b"GET /v1/books HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer owner\r\n"


def test_an_oversize_head_is_cut(address: str, http: httpx2.Client) -> None:
    big = HEAD + b"".join(b"x-%d: %s\r\n" % (i, b"a" * 1000) for i in range(16_000))
    with raw(address) as connection:
        try:
            connection.sendall(big)
            answer = connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            answer = b"HTTP/1.1 431"
    assert answer.startswith(b"HTTP/1.1 431")
    assert_alive(http)


def test_two_lengths_are_refused(address: str, http: httpx2.Client) -> None:
    for extra in (
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    ):
        answer = said(address, HEAD.replace(b"GET", b"PUT") + extra)
        assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
        assert answer.count(b"HTTP/1.1") == 1
    assert_alive(http)


def test_pipelined_requests_are_answered_in_order(address: str) -> None:
    first = HEAD.replace(b"/v1/books", b"/v1/books/none") + b"\r\n"
    last = HEAD + b"connection: close\r\n\r\n"
    answer = said(address, first + HEAD + b"\r\n" + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"404", b"200", b"200"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:80"])
def test_a_foreign_host_is_refused(http: httpx2.Client, host: str) -> None:
    answer = http.get("/v1/books", headers={"host": host})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_a_foreign_origin_is_refused(http: httpx2.Client, origin: str) -> None:
    assert http.get("/v1/books", headers={"origin": origin}).status_code == 403


def test_a_compressed_body_is_refused_unread(http: httpx2.Client) -> None:
    import gzip

    bomb = gzip.compress(b"0" * 10_000_000)
    answer = http.put(
        "/v1/books/a", content=bomb, headers={"content-encoding": "gzip", "content-type": "application/json"}
    )
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_refused(address: str) -> None:
    head = HEAD.replace(b"GET /v1/books", b"PUT /v1/books/a") + b"content-type: application/json\r\n"
    with raw(address) as connection:
        connection.sendall(head + b"content-length: 1000000000000\r\n\r\n{")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_slow_head_is_cut_and_idle_connections_do_not_matter(
    address: str, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelyard.edges.http import server

    monkeypatch.setattr(server, "HEAD_TIMEOUT_S", 0.5)
    host, port = address.removeprefix("http://").split(":")
    idle = []
    try:
        for number in range(500):
            idle.append(socket.create_connection((host, int(port)), timeout=20))
            if number == 0:
                idle[0].sendall(b"GET /v1/books HT")
        assert_alive(http)
        assert idle[0].recv(100).startswith(b"HTTP/1.1 408")
        assert idle[-1].recv(100) == b""
        assert_alive(http)
    finally:
        for connection in idle:
            connection.close()


BODIES = [
    b"", b"[]", b"null", b'"x"', b"{", b'{"pages":', b'{"pages":"x"}', b'{"pages":1.5}', b'{"pages":NaN}',
    b'{"pages":1e400}', b'{"pages":99999999999999999999999}', b'{"pages":1,"colour":2}',
    b'{"pages":1,"score":Infinity}',
    b'{"pages":1,"secret":"\\ud800"}', b"\xff\xfe", b'{"pages":1,"secret":"\xed\xa0\x80"}', b"[" * 10_000,
    b'{"a":' * 10_000, b'{"pages":1,"secret":' + b"[" * 10_000, b'{"pages":null}', b'{"pages":true}', b"{}garbage",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_hostile_body_becomes_a_problem(http: httpx2.Client, body: bytes) -> None:
    answer = http.put("/v1/books/a", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["detail"]
    assert "Traceback" not in answer.text
    assert "/src/" not in answer.text


def test_a_long_string_is_no_trouble(http: httpx2.Client) -> None:
    body = b'{"pages":1,"secret":"' + b"x" * 5_000_000 + b'"}'
    assert http.put("/v1/books/a", content=body, headers={"content-type": "application/json"}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_wrong_content_type_is_named(http: httpx2.Client, kind: str) -> None:
    answer = http.put("/v1/books/a", content=b'{"pages":1}', headers={"content-type": kind})
    assert answer.status_code == 415
    assert kind.partition(";")[0] in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    ["limit=x", "limit=0", "limit=1&limit=2", "nonsense=1", "cursor=%ff", "limit=%ED%A0%80", "&".join(["a=1"] * 500)],
)
def test_a_hostile_query_becomes_a_problem(http: httpx2.Client, query: str) -> None:
    answer = http.get("/v1/books?" + query)
    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"]


def test_a_fault_of_ours_tells_nothing_of_our_insides(http: httpx2.Client) -> None:
    answer = http.get("/v1/broken")
    assert answer.status_code == 500
    assert "passwd" not in answer.text
    assert answer.json()["instance"].startswith("req_")


def test_every_route_without_a_token_is_401_but_the_open_ones(address: str) -> None:
    with httpx2.Client(base_url=address, trust_env=False) as stranger:
        for verb, path in [
            ("GET", "/v1/books"), ("PUT", "/v1/books/a"), ("DELETE", "/v1/books/a"), ("POST", "/v1/books/count"),
            ("POST", "/v1/books/a/text"), ("GET", "/v1/books/a/text"), ("GET", "/metrics"), ("GET", "/v1/openapi.json"),
        ]:  # fmt: skip
            answer = stranger.request(verb, path)
            assert answer.status_code == 401, (verb, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert stranger.get("/healthz").status_code == 200
        assert stranger.get("/readyz").status_code == 200


def test_the_openapi_document_says_every_operation(http: httpx2.Client) -> None:
    document = http.get("/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    put = document["paths"]["/v1/books/{title}"]["put"]
    assert put["operationId"] == "shelf.put"
    assert put["x-scope"] == "shelf:write"
    assert {p["name"] for p in put["parameters"]} == {"title", "Idempotency-Key"}
    assert "Book" in document["components"]["schemas"]
