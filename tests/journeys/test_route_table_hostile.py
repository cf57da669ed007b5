"""What is foreign or hostile, at every address of a real yard: MLflow's wire, the pages and their forms, and operations
given what is no number, half a character or five megabytes. Never a fault, a trace or a path of the machine.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

import httpx2
import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.app.screens import every_screen, site
from modelyard.kernel.operations import Form
from modelyard.ports.wires import WireRoute
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

_HOLE = re.compile(r"\{([a-z_]+)(?:\*|:path)?\}")
_DEEP = b"[" * 10_000
_BODIES = [
    b"", b"null", b"[]", b'"x"', b"{", b"\xff\xfe", b"NaN", _DEEP, b'{"a":' * 10_000, b'{"run_id":NaN}',
    b'{"name":"\\ud800"}', b'{"name":"\xed\xa0\x80"}', b'{"name":{"a":[1]},"run_id":[],"key":1,"value":"x"}',
    b'{"name":"' + b"x" * 200_000 + b'"}', b'{"run_id":"' + b"0" * 32 + b'","key":"../..","value":1e400}',
    b'{"max_results":-1,"filter":"((((","page_token":"x"}', b'{"experiment_id":"99999999999999999999"}',
]  # fmt: skip
_QUERIES = [
    "", "run_id=../../etc/passwd", "path=../../..", "name=%00&version=x", "name=%ff", "filter=((((&max_results=-1",
    "max_results=99999999999999999999", "page_token=%F0%9F", "&".join(["a=1"] * 500), "name=" + "x" * 5_000,
    "ref=%ED%A0%80", "at=NaN&limit=NaN&cursor=x", "ref=table:x@-1&depth=1e9",
]  # fmt: skip
_NAMES = ["..", "%00", "x" * 3_000, "\u202eevil", "' OR 1=1 --", "<script>alert(1)</script>", "table:x@1", "NaN", "-1"]
_INSIDES = ("Traceback", "/src/modelyard", "site-packages", 'File "')


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(Settings(home=str(tmp_path_factory.mktemp("yard") / "home"), port=0))


@pytest.fixture(scope="module")
def http(house: House) -> Iterator[httpx2.Client]:
    house.yard().governance.whoami()
    token = (house.settings.home_path / "state" / "owner.token").read_text().strip()
    control = Control(house, pages=site(house, partial(Vitals, lead="", rest="")))
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(30)
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=control.address, headers=headers, trust_env=False, timeout=60) as client:
        yield client
    control.stop()
    thread.join(20)


def wires(house: House) -> list[WireRoute]:
    """Each call of the wire once, whatever prefixes it answers under."""
    found = [w for room in house.rooms for w in room.wires(house.engines)]
    return list({(w.name, w.verb): w for w in found}.values())


def assert_bounded(answer: httpx2.Response, what: object, home: str) -> None:
    assert answer.status_code < 500 or answer.status_code == 501, (what, answer.status_code, answer.text[:500])
    text = answer.text
    assert home not in text, what
    assert not [word for word in _INSIDES if word in text], (what, text[:500])


def test_the_wire_bounds_whatever_comes(house: House, http: httpx2.Client) -> None:
    home = str(house.settings.home_path)
    for route in wires(house):
        path = _HOLE.sub("x", route.path)
        for body in _BODIES if route.verb != "GET" else ():
            answer = http.request(route.verb, path, content=body, headers={"content-type": "application/json"})
            assert_bounded(answer, (route.name, body[:60]), home)
            if answer.status_code >= 400:
                told = answer.json()
                assert told["error_code"] and told["message"].strip(), (route.name, body[:60])
        answer = http.request(route.verb, path, content=b"a=1", headers={"content-type": "text/plain"})
        assert_bounded(answer, (route.name, "text/plain"), home)
        for query in _QUERIES if route.verb in ("GET", "DELETE") else ():
            assert_bounded(http.request(route.verb, path + "?" + query), (route.name, query[:60]), home)
        for name in _NAMES if "{" in route.path else ():
            at = _HOLE.sub(quote(name, safe=""), route.path)
            assert_bounded(http.request(route.verb, at), (route.name, name), home)


def test_the_pages_bound_whatever_is_asked(house: House, http: httpx2.Client) -> None:
    home, paths = str(house.settings.home_path), [page.path for screens in every_screen() for page in screens.pages]
    paths += [path for screens in every_screen() for path, _ in screens.feeds]
    for path in paths:
        plain = _HOLE.sub("x", path)
        for query in _QUERIES:
            assert_bounded(http.get(plain + "?" + query, headers={"accept": "text/html"}), (path, query[:60]), home)
        for name in _NAMES if "{" in path else ():
            at = _HOLE.sub(quote(name, safe=""), path)
            answer = http.get(at, headers={"accept": "text/html"})
            assert_bounded(answer, (path, name), home)
            assert "<script>alert(1)" not in answer.text, path


def test_every_form_of_the_pages_refuses_a_stranger_and_nonsense(house: House, http: httpx2.Client) -> None:
    home = str(house.settings.home_path)
    for path in [path for screens in every_screen() for path, _ in screens.forms]:
        at = _HOLE.sub("x", path)
        with httpx2.Client(base_url=http.base_url, trust_env=False) as stranger:
            assert stranger.post(at, data={"a": "1"}).status_code in (303, 401, 403), path
        for body in (b"", b"\xff\xfe", b"a=%ff&b=%00", b"version=NaN&name=" + b"x" * 5_000, _DEEP):
            kind = {"content-type": "application/x-www-form-urlencoded"}
            assert_bounded(http.post(at, content=body, headers=kind), (path, body[:40]), home)


def test_every_operation_bounds_what_is_no_number_no_text_and_too_much(house: House, http: httpx2.Client) -> None:
    home, kind = str(house.settings.home_path), {"content-type": "application/json"}
    long = b'"' + b"x" * 5_000_000 + b'"'
    for op in house.operations():
        names = [p.name.encode() for p in op.parameters if p.place == "body"]
        if op.form is Form.LIVE or not names:
            continue
        path = "/v1" + _HOLE.sub("1", op.path)
        for value in (b"NaN", b"-Infinity", b'"\\ud800"', b'"\xed\xa0\x80"', b"1e400", _DEEP, long):
            body = (
                b"{"
                + b",".join(b'"%s":%s' % (name, value) for name in (names if value is not long else names[:1]))
                + b"}"
            )
            answer = http.request(op.verb, path, content=body, headers=kind)
            assert_bounded(answer, (op.name, value[:20]), home)
            if value is not long:
                assert answer.status_code >= 400, (op.name, value[:20])
                assert answer.json()["detail"].strip(), op.name
