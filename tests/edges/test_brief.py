"""Brief calls are answered without a task of their own: in pieces, in a row, slow, or with nobody there to hear."""

from __future__ import annotations

import re
import time

import httpx2
import pytest

from modelyard.edges.http import server
from tests.edges.test_hostile import HEAD, raw, said

BODY = b'{"pages":7}'
WRITE = HEAD.replace(b"GET /v1/books", b"PUT /v1/books/a") + b"content-type: application/json\r\n"
WHOLE = WRITE + b"content-length: 11\r\n\r\n" + BODY
READ = HEAD.replace(b"/v1/books", b"/v1/books/a") + b"\r\n"


def statuses(answer: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1.1 (\d+)", answer)


def test_a_row_of_calls_is_answered_in_order_each_seeing_the_one_before(address: str) -> None:
    long_way = HEAD.replace(b"GET /v1/books", b"POST /v1/books/count") + b"content-type: application/json\r\n"
    counted = long_way + b"content-length: 17\r\n\r\n" + b'{"words":{"b":3}}'
    gone = READ.replace(b"GET", b"DELETE")
    last = READ.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    answer = said(address, READ + WHOLE + READ + counted + gone + last)
    assert statuses(answer) == [b"404", b"200", b"200", b"200", b"204", b"404"]


@pytest.mark.parametrize("wait_s", [0.0, 0.2], ids=["at once", "slowly"])
def test_a_body_may_come_in_pieces(address: str, monkeypatch: pytest.MonkeyPatch, wait_s: float) -> None:
    monkeypatch.setattr(server, "SLOW_BODY_S", 0.1)
    with raw(address) as connection:
        for piece in (WRITE + b"content-length: 11\r\n\r\n", BODY[:4], BODY[4:]):
            connection.sendall(piece)
            time.sleep(wait_s)
        assert statuses(connection.recv(65536)) == [b"200"]
        connection.sendall(READ)
        assert statuses(connection.recv(65536)) == [b"200"]


def test_after_a_last_call_nothing_more_is_heard(address: str, http: httpx2.Client) -> None:
    last = WHOLE.replace(b"content-length", b"connection: close\r\ncontent-length")
    answer = said(address, last + READ.replace(b"GET", b"DELETE"))
    assert statuses(answer) == [b"200"]
    assert b"connection: close" in answer
    found = http.get("/v1/books/a").json()
    assert found.get("pages") == 7, found


def test_a_caller_who_leaves_disturbs_nobody(address: str, http: httpx2.Client) -> None:
    for part in (WRITE + b"content-length: 11\r\n\r\n" + BODY[:4], WHOLE, WHOLE + READ + READ):
        for _ in range(5):
            with raw(address) as connection:
                connection.sendall(part)
    assert http.put("/v1/books/b", json={"pages": 1}).status_code == 200  # behind all of them
    found = http.get("/v1/books/a").json()
    assert found.get("pages") == 7, found
