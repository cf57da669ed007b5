"""The whole route table of a real yard, met by strangers, by the under-privileged and by hostile values."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.kernel.operations import Form, Operation
from modelyard.kernel.pages import encode_cursor
from modelyard.kernel.refs import Name
from modelyard.settings import Settings
from tests.journeys.asking import Asker, Said

_HOLE = re.compile(r"\{([a-z_]+)\*?\}")
_OPEN = {"yard.health", "yard.ready"}


class Served:
    """A furnished yard behind an address, with an owner's token and one that may do nothing."""

    def __init__(self, house: House, address: str, owner: str, nobody: str) -> None:
        self.house = house
        self.address = address
        self.owner = owner
        self.nobody = nobody

    def client(self, token: str | None) -> Asker:
        return Asker(self.address, token)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    house = House(Settings(home=str(tmp_path_factory.mktemp("yard") / "home"), port=0))
    yard = house.yard()
    owner = (house.settings.home_path / "state" / "owner.token").read_text().strip()
    stranger = yard.governance.create_actor("stranger")
    nobody = yard.governance.create_token(stranger.id, "nothing", scopes=["yard:read"]).secret
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(10)
    yield Served(house, control.address, owner, nobody)
    control.stop()
    thread.join(20)


def routes(served: Served) -> list[tuple[str, str]]:
    """Every guarded address, its holes filled."""
    house = served.house
    found = [(op.verb, "/v1" + op.path) for op in house.operations()]
    wires = [w for room in house.rooms for w in room.wires(house.engines)]
    found += [(w.verb, w.path) for w in wires if w.scope is not None]
    found += [("GET", "/metrics"), ("GET", "/v1/openapi.json")]
    return [(verb, _HOLE.sub("x", path)) for verb, path in found]


def test_a_stranger_is_refused_at_every_address(served: Served) -> None:
    with served.client(None) as http:
        for verb, path in routes(served):
            answer = http.request(verb, path)
            assert answer.status_code == 401, (verb, path, answer.text)
    with served.client("yard_" + "A" * 43) as http:
        for verb, path in routes(served)[:10]:
            assert http.request(verb, path).status_code == 401


def test_the_under_privileged_get_nothing_from_any_address(served: Served) -> None:
    with served.client(served.nobody) as http:
        for verb, path in routes(served):
            if path in ("/v1/openapi.json", "/v1/whoami", "/v1/sessions", "/v1/sign-in-links", "/v1/sign-out"):
                continue  # a right of everybody who is known
            answer = http.request(verb, path)
            assert 400 <= answer.status_code < 500, (verb, path, answer.status_code, answer.text[:300])


_NAMES = [
    "..", "../../etc/passwd", "a\\b", "%00", "x" * 5000, "\u202eevil", "' OR 1=1 --", "<script>", "table:x@1", "-1",
    "NaN", "nul", "a b", "\U0001f600",
]  # fmt: skip
_VALUES: list[bytes] = [
    b"null", b"-1", b"1e308", b"99999999999999999999", b'""', b'"' + b"x" * 20_000 + b'"', b"[]", b"[[[]]]", b"{}",
    b"true",
    b'"\\u0000"', b'"../../etc/passwd"', b'["' + b"y" * 5_000 + b'"]', b"[1,2,3]", b'{"a":{"b":[]}}', b'"2026-13-45"',
]  # fmt: skip
_BODIES = [
    b"", b"null", b"[]", b'"x"', b"{", b'{"nonsense":1}', b"\xff", b"[" * 10_000, b'{"a":' * 10_000, b"NaN",
    b'{"x":"\\ud800"}',
]  # fmt: skip


def assert_bounded(answer: Said, what: object) -> None:
    """A readable refusal or an answer; never a fault, a trace or a path of the machine."""
    assert answer.status_code < 500, (what, answer.status_code, answer.text[:500])
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", (what, answer.text[:300])
        problem = answer.json()
        assert problem["detail"].strip(), what
    assert "Traceback" not in answer.text, what
    assert "/src/modelyard" not in answer.text, what


def calls(served: Served) -> list[Operation]:
    return [op for op in served.house.operations() if op.form is not Form.LIVE]


def path_of(op: Operation, value: str = "x") -> str:
    from urllib.parse import quote

    return "/v1" + _HOLE.sub(lambda _: quote(value, safe=""), op.path)


def test_hostile_names_in_every_path(served: Served) -> None:
    with served.client(served.owner) as http:
        for op in calls(served):
            if "{" not in op.path:
                continue
            for name in _NAMES:
                assert_bounded(http.request(op.verb, path_of(op, name)), (op.name, name))


def test_hostile_bodies_to_every_operation(served: Served) -> None:
    with served.client(served.owner) as http:
        for op in calls(served):
            if not any(p.place == "body" for p in op.parameters):
                continue
            for body in _BODIES:
                answer = http.request(op.verb, path_of(op), content=body, headers={"content-type": "application/json"})
                assert_bounded(answer, (op.name, body[:40]))
            answer = http.request(op.verb, path_of(op), content=b"a=1", headers={"content-type": "text/plain"})
            assert answer.status_code in (415, 422), op.name  # a wrong number in the path is seen first


def test_hostile_values_in_every_argument(served: Served) -> None:
    with served.client(served.owner) as http:
        for op in calls(served):
            for p in op.parameters:
                if p.place == "body":
                    for value in _VALUES:
                        filled = b",".join(
                            b'"%s":%s' % (q.name.encode(), value if q is p else _plausible(q.type))
                            for q in op.parameters
                            if q.place == "body" and (q is p or q.required)
                        )
                        answer = http.request(
                            op.verb, path_of(op), content=b"{" + filled + b"}",
                            headers={"content-type": "application/json"},
                        )  # fmt: skip
                        assert_bounded(answer, (op.name, p.name, value[:40]))
                elif p.place == "query":
                    for value in _VALUES:
                        text = value.decode().strip('"')[:2_000]
                        answer = http.request(op.verb, path_of(op), params={p.name: text})
                        assert_bounded(answer, (op.name, p.name, value[:40]))


def test_a_cursor_of_another_list_is_refused_or_answered(served: Served) -> None:
    foreign = [encode_cursor(key) for key in ("x", "", 1, -1, 2**70, -(2**63) - 1, 1.5, None, True)]
    with served.client(served.owner) as http:
        for op in calls(served):
            for p in op.parameters:
                if p.name == "cursor":
                    for cursor in foreign:
                        answer = http.request(op.verb, path_of(op), params={"cursor": cursor})
                        assert_bounded(answer, (op.name, cursor))


def _plausible(hint: object) -> bytes:
    if hint is int:
        return b"1"
    if hint is float:
        return b"0.5"
    if hint is bool:
        return b"false"
    if hint in (str, Name):
        return b'"x"'
    return b'"x"'


def test_every_operation_is_in_the_document_with_its_scope(served: Served) -> None:
    with served.client(served.owner) as http:
        document = http.request("GET", "/v1/openapi.json").json()
    said = {entry["operationId"] for path in document["paths"].values() for entry in path.values()}
    assert said == {op.name for op in served.house.operations()}
    for op in served.house.operations():
        assert op.summary.endswith("."), op.name
        assert op.scope.partition(":")[0] in {*served.house.engines.services, "yard"}, op.name
