"""Brief calls are answered without a task of their own: in pieces, in a row, slow, or with nobody there to hear."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import ExitStack

import httpx2
import pytest

from modelyard.adapters import writer
from modelyard.app.house import House
from modelyard.edges.http import server
from modelyard.ports.database import Transaction
from modelyard.testing.notes import Task
from tests.edges.conftest import Known
from tests.edges.shelf import ShelfService
from tests.edges.test_hostile import HEAD, raw, said

BODY = b'{"pages":7}'
WRITE = HEAD.replace(b"GET /v1/books", b"PUT /v1/books/a") + b"content-type: application/json\r\n"
WHOLE = WRITE + b"content-length: 11\r\n\r\n" + BODY
READ = HEAD.replace(b"/v1/books", b"/v1/books/a") + b"\r\n"
GONE = READ.replace(b"GET", b"DELETE")


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


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each request that is parsed."""
    begun: list[None] = []
    begin = server.BoundedProtocol.on_message_begin

    def counted(protocol: server.BoundedProtocol) -> None:
        begun.append(None)
        begin(protocol)

    monkeypatch.setattr(server.BoundedProtocol, "on_message_begin", counted)
    return begun


def heard(connection: socket.socket, count: int = 1) -> list[bytes]:
    """The status of each of so many answers."""
    received = b""
    while len(statuses(received)) < count or not received.endswith((b"\r\n\r\n", b"}")):
        received += (more := connection.recv(65536))
        assert more, "the connection was closed"
    return statuses(received)


def test_a_head_that_came_before_is_not_parsed_again(address: str, parsed: list[None], http: httpx2.Client) -> None:
    head = WHOLE.removesuffix(BODY)
    with raw(address) as connection:
        for expected in (b"200", b"409", b"409"):
            connection.sendall(WHOLE)
            assert heard(connection) == [expected]
        assert len(parsed) == 1
        connection.sendall(head + b"no document")
        assert heard(connection) == [b"400"]
        connection.sendall(GONE)
        assert heard(connection) == [b"204"]
        for piece in (head, b'{"pages"', b":6}"):
            connection.sendall(piece)
            time.sleep(0.02)
        assert heard(connection) == [b"200"]
        connection.sendall(GONE)
        assert heard(connection) == [b"204"]
        connection.sendall(head + b'{"pages":8}')
        assert heard(connection) == [b"200"]
        for _ in range(2):
            connection.sendall(READ)
            assert heard(connection) == [b"200"]
        assert len(parsed) == 3
    assert http.get("/v1/books/a").json()["pages"] == 8


def test_after_a_known_head_more_or_less_may_come_than_its_body(
    address: str, parsed: list[None], monkeypatch: pytest.MonkeyPatch, http: httpx2.Client
) -> None:
    monkeypatch.setattr(server, "SLOW_BODY_S", 0.05)
    head = WHOLE.removesuffix(BODY)
    with raw(address) as connection:
        connection.sendall(WHOLE)
        assert heard(connection) == [b"200"]
        connection.sendall(WHOLE + GONE + READ + WHOLE)  # all at once: each sees what the one before it did
        assert heard(connection, 4) == [b"409", b"204", b"404", b"200"]
        connection.sendall(head + BODY[:4])
        time.sleep(0.15)
        connection.sendall(BODY[4:])
        assert heard(connection) == [b"409"]
        for piece in (WHOLE, WHOLE, GONE, WHOLE, READ):  # each is here before the last has its answer
            connection.sendall(piece)
        assert heard(connection, 5) == [b"409", b"409", b"204", b"200", b"200"]
        count = len(parsed)
        connection.sendall(WHOLE)
        assert heard(connection) == [b"409"]
        assert len(parsed) == count
        connection.sendall(head + BODY[:4])
    assert http.get("/v1/books/a").json()["pages"] == 7


def put(title: str) -> bytes:
    return WHOLE.replace(b"/books/a", b"/books/" + title.encode())


def test_small_writes_are_carried_by_the_loop_or_wait_together_for_the_writer(
    house: House, address: str, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PROMPT_S", 10)
    http.put("/v1/books/first", json={"pages": 1})
    ShelfService.put_by.clear()
    with ExitStack() as stack:
        connections = [stack.enter_context(raw(address)) for _ in range(6)]

        def said_to_all(prefix: str) -> list[list[bytes]]:
            for turn, connection in enumerate(connections):
                connection.sendall(put(f"{prefix}{turn}"))
            return [heard(connection) for connection in connections]

        assert said_to_all("a") == [[b"200"]] * 6
        loop = set(ShelfService.put_by)
        assert len(loop) == 1
        assert loop.isdisjoint({"modelyard-writer"})
        writing, free = threading.Event(), threading.Event()

        def hold(_: Transaction) -> None:
            writing.set()
            assert free.wait(10)

        ShelfService.put_by.clear()
        house.guard.database.submit(Task(hold))
        assert writing.wait(10)
        threading.Timer(0.2, free.set).start()
        assert said_to_all("b") == [[b"200"]] * 6
        assert "modelyard-writer" in ShelfService.put_by
        ShelfService.put_by.clear()
        assert said_to_all("a") == [[b"409"]] * 6  # a group that fails is undone and goes to the writer
        assert said_to_all("c") == [[b"200"]] * 6
        assert loop & set(ShelfService.put_by)
    assert len(http.get("/v1/books").json()["items"]) == 19


def test_small_writes_in_a_row_make_no_empty_commit(house: House, address: str, http: httpx2.Client) -> None:
    http.put("/v1/books/first", json={"pages": 1})
    before = house.guard.database.stats()
    with raw(address) as connection:
        connection.sendall(b"".join(put(f"row{n}") for n in range(20)))
        assert heard(connection, 20) == [b"200"] * 20
    after = house.guard.database.stats()
    assert after.units - before.units >= max(20, after.commits - before.commits)


def test_who_asks_is_looked_up_each_time(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw(address) as connection:
        for expected in (b"200", b"409"):
            connection.sendall(WHOLE)
            assert heard(connection) == [expected]
        monkeypatch.setattr(Known, "authenticate", lambda self, token: None)
        connection.sendall(WHOLE)
        assert heard(connection) == [b"401"]


def test_heads_that_hold_other_line_ends_or_differ_are_parsed(address: str, parsed: list[None]) -> None:
    with raw(address) as connection:
        for i in range(3):
            connection.sendall(b"\r\n\r\n" + READ)
            assert heard(connection) == [b"404"]
            connection.sendall(READ.replace(b"/a", b"/%d" % i))
            assert heard(connection) == [b"404"]
    assert len(parsed) == 6
    assert server._is_plain(READ)
    for odd in (READ.replace(b"\r\n", b"\n", 1), READ.replace(b"owner", b"ow\rner"), b"\r\n\r\n"):
        assert not server._is_plain(odd)
    assert not server._is_plain(READ.replace(b"owner", b"o" * server.MAX_KEPT_HEAD_BYTES))


def test_a_connection_that_rests_is_closed_when_its_time_is_up(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        server.BoundedProtocol, "timeout_keep_alive", property(lambda _: 0.8, lambda *_: None), raising=False
    )
    with raw(address) as connection:
        for _ in range(3):
            connection.sendall(READ)
            assert heard(connection) == [b"404"]
            time.sleep(0.45)
        assert connection.recv(1) == b""
