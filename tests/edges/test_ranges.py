"""Downloads of a known whole: their length, their type, HEAD, and any part by a byte range."""

from __future__ import annotations

import httpx2
import pytest

TEXT = bytes(range(20))
AT = "/v1/books/dune/scan"


@pytest.fixture
def book(http: httpx2.Client) -> httpx2.Client:
    http.put("/v1/books/dune", json={"pages": 1})
    http.post("/v1/books/dune/text", content=TEXT)
    return http


def test_a_whole_comes_with_length_type_and_tag(book: httpx2.Client) -> None:
    answer = book.get(AT)
    assert (answer.status_code, answer.content) == (200, TEXT)
    told = {name: answer.headers[name] for name in ("content-length", "content-type", "accept-ranges", "etag")}
    assert told == {
        "content-length": "20", "content-type": "audio/ogg", "accept-ranges": "bytes", "etag": '"text-20"'
    }  # fmt: skip
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_head_tells_the_same_and_sends_nothing(book: httpx2.Client) -> None:
    answer = book.head(AT)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["content-type"]) == ("20", "audio/ogg")
    part = book.head(AT, headers={"range": "bytes=5-"})
    assert (part.status_code, part.headers["content-length"]) == (206, "15")


def test_every_form_of_a_range_gives_its_part(book: httpx2.Client) -> None:
    for asked, part in {
        "bytes=0-": slice(0, 20), "bytes=0-0": slice(0, 1), "bytes=3-10": slice(3, 11), "bytes=19-19": slice(19, 20),
        "bytes=15-999999999999": slice(15, 20), "bytes=-6": slice(14, 20), "bytes=-600": slice(0, 20),
        "BYTES=7-8": slice(7, 9),
    }.items():  # fmt: skip
        answer = book.get(AT, headers={"range": asked})
        assert (answer.status_code, answer.content) == (206, TEXT[part]), asked
        assert answer.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/20"
        assert answer.headers["content-length"] == str(part.stop - part.start)


def test_what_is_no_single_range_gives_the_whole(book: httpx2.Client) -> None:
    for asked in ("bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=1", "bytes=" + "9" * 40):
        answer = book.get(AT, headers={"range": asked})
        assert (answer.status_code, answer.content) == (200, TEXT), asked


def test_a_part_that_is_not_there_is_refused_with_the_size(book: httpx2.Client) -> None:
    for asked in ("bytes=20-", "bytes=100-200", "bytes=-0"):
        answer = book.get(AT, headers={"range": asked})
        assert (answer.status_code, answer.json()["code"]) == (416, "out_of_range"), asked
        assert answer.headers["content-range"] == "bytes */20"


def test_a_range_of_other_bytes_than_these_gives_the_whole(book: httpx2.Client) -> None:
    for tag, status in {'"text-20"': 206, '"text-21"': 200, "Sat, 28 Nov 2026 17:00:00 GMT": 200}.items():
        assert book.get(AT, headers={"range": "bytes=0-3", "if-range": tag}).status_code == status


def test_damage_at_the_end_is_noticed_by_the_caller(book: httpx2.Client) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        book.get(AT, params={"fault": 16})
    answer = book.get(AT, params={"fault": 4})
    assert (answer.status_code, answer.json()["code"]) == (500, "damaged")
