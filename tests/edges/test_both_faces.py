"""One suite for the embedded and the remote client: the same type, the same behaviour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelyard.app.house import House
from modelyard.kernel.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from modelyard.kernel.ids import ActorId
from modelyard.ports.journal import AuditFilter, AuditRow
from modelyard.sdk import proxy
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from tests.edges.conftest import OWNER, READER
from tests.edges.shelf import Book, Shelf


class Faces:
    """Gives the shelf as an actor sees it."""

    def __init__(self, house: House, address: str | None) -> None:
        self.house = house
        self._address = address
        self._open: list[HttpTransport] = []

    def shelf(self, actor: str = "owner") -> Shelf:
        if self._address is not None:
            self._open.append(HttpTransport(self._address, actor))
            return proxy(Shelf, self._open[-1])
        return self.house.yard({"owner": OWNER, "reader": READER}[actor]).of(Shelf)

    def close(self) -> None:
        for transport in self._open:
            transport.close()


@pytest.fixture(params=["embedded", "remote"])
def faces(request: pytest.FixtureRequest, house: House) -> Iterator[Faces]:
    made = Faces(house, request.getfixturevalue("address") if request.param == "remote" else None)
    yield made
    made.close()


def audit(house: House, **only: str) -> list[AuditRow]:
    with house.engines.database.read() as tx:
        wanted = AuditFilter(operation=only.get("operation"), outcome=only.get("outcome"))
        return house.engines.journal.audit(tx, before=None, limit=100, only=wanted)


def test_a_record_goes_in_and_comes_back(faces: Faces) -> None:
    shelf = faces.shelf()
    put = shelf.put("dune", 412, score=4.5)
    assert put == shelf.get("dune") == Book(title="dune", pages=412, score=4.5)
    shelf.burn("dune")
    with pytest.raises(NotFound, match="no book dune"):
        shelf.get("dune")


def test_errors_keep_their_class_and_text(faces: Faces) -> None:
    shelf = faces.shelf()
    shelf.put("a", 1)
    with pytest.raises(AlreadyExists):
        shelf.put("a", 2)
    with pytest.raises(NotFound, match="list them: yard shelf books"):
        shelf.get("b")


@pytest.mark.parametrize(
    ("title", "pages"), [("a/b", 1), ("", 1), ("..", 1), ("x" * 200, 1), ("a", "1"), ("a", 1.5), ("\ud800", 1)]
)
def test_wrong_arguments_fail_in_the_callers_frame(faces: Faces, title: str, pages: int) -> None:
    with pytest.raises(InvalidInput):
        faces.shelf().put(title, pages)


def test_a_failed_write_leaves_nothing_but_its_audit_row(faces: Faces) -> None:
    with pytest.raises(NotFound, match="thirteen"):
        faces.shelf().put("x", 13)
    assert faces.shelf().books().items == []
    assert [r.outcome for r in audit(faces.house, operation="shelf.put")] == ["not_found"]


def test_pages_follow_the_cursor(faces: Faces) -> None:
    shelf = faces.shelf()
    for i in range(7):
        shelf.put(f"b{i}", i)
    titles, cursor = list[str](), None
    while True:
        page = shelf.books(limit=3, cursor=cursor)
        titles += [b.title for b in page.items]
        if (cursor := page.next) is None:
            break
    assert titles == [f"b{i}" for i in range(7)]
    assert [b.title for b in shelf.books(titles=("b1", "b5")).items] == ["b1", "b5"]


def test_work_commits_its_unit_with_event_and_audit(faces: Faces) -> None:
    assert faces.shelf().count({"a": 2, "b": 3}) == 5
    assert faces.shelf().get("count").pages == 5
    rows = audit(faces.house, operation="shelf.count")
    assert [(r.outcome, r.actor) for r in rows] == [("ok", ActorId("owner")), ("begun", ActorId("owner"))]
    assert len({r.request_id for r in rows}) == 1


def test_work_that_fails_late_says_so_in_the_audit(faces: Faces) -> None:
    with pytest.raises(NotFound, match="after the unit"):
        faces.shelf().count({}, fail=True)
    rows = audit(faces.house, operation="shelf.count")
    assert [r.outcome for r in rows] == [
        "not_found",
        "begun",
    ]  # what was done stands, and nothing says that it went well


def test_bytes_flow_both_ways(faces: Faces) -> None:
    shelf = faces.shelf()
    shelf.put("long", 1)
    shelf.write_text("long", iter([b"one two " * 20_000, b"three"]))
    assert b"".join(shelf.text("long", copies=2)).endswith(b"three")
    assert sum(len(c) for c in shelf.text("long", copies=3)) == 3 * (160_000 + 5)
    with pytest.raises(NotFound):
        list(shelf.text("none"))


def test_records_come_live(faces: Faces) -> None:
    shelf = faces.shelf()
    shelf.put("words", 1)
    shelf.write_text("words", [b"a b c"])
    assert [b.title for b in shelf.words("words")] == ["a", "b", "c"]


def test_a_missing_scope_is_refused_and_audited(faces: Faces) -> None:
    with pytest.raises(Forbidden, match="needs scope shelf:write"):
        faces.shelf("reader").put("a", 1)
    assert faces.shelf("reader").books().items == []
    faces.shelf().put("flush", 1)
    assert [r.actor for r in audit(faces.house, outcome="forbidden")] == [ActorId("reader")]


def test_an_idempotency_key_gives_the_first_answer_again(address: str, house: House) -> None:
    import httpx2

    headers = {"authorization": "Bearer owner", "idempotency-key": "k1"}
    with httpx2.Client(base_url=address, headers=headers, trust_env=False) as http:
        first = http.put("/v1/books/a", json={"pages": 1})
        again = http.put("/v1/books/a", json={"pages": 1})
        other = http.put("/v1/books/a", json={"pages": 2})
        work = [http.post("/v1/books/count", json={"words": {"a": 1}}, headers={"idempotency-key": "k2"}) for _ in "ab"]
    assert first.content == again.content
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert [w.content for w in work] == [b"1", b"1"]
    assert [r.outcome for r in audit(house, operation="shelf.put")] == ["conflict", "ok"]
    assert [r.outcome for r in audit(house, operation="shelf.count")] == ["ok", "begun"]  # the second did nothing


def test_the_signature_is_the_declared_one() -> None:
    import inspect

    transport = HttpTransport("http://127.0.0.1:1", "t")
    with Yard(transport, close=transport.close) as yard:
        assert inspect.signature(type(yard.of(Shelf)).put) == inspect.signature(Shelf.put)


def test_an_unknown_token_is_refused(address: str) -> None:
    transport = HttpTransport(address, "nobody")
    with Yard(transport, close=transport.close) as yard, pytest.raises(Unauthenticated, match="unknown, expired"):
        yard.of(Shelf).books()


def test_a_key_in_use_is_a_conflict(house: House) -> None:
    from modelyard.ports.replies import ReplyKey

    key = ReplyKey(actor=ActorId("a"), key="k", digest="d")
    house.engines.database.write(lambda tx: house.replies.begin(tx, key, 1))
    with pytest.raises(Conflict, match="running"):
        house.engines.database.write(lambda tx: house.replies.begin(tx, key, 2))
    house.engines.database.write(lambda tx: house.replies.begin(tx, key, 2 + 3_600_000))
