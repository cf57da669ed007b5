"""Every address of a whole yard, ours and MLflow's, refuses who is nobody and who may nothing.

The addresses come from the declarations, so a new one is asked here without anybody adding it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import httpx2
import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.kernel.actors import Actor, ScopeAuthority
from modelyard.kernel.ids import ActorId
from modelyard.settings import Settings

_FILLED = {"run": "0" * 32, "experiment": "0"}


class Known:
    """One token, of somebody who may nothing."""

    def authenticate(self, token: str) -> Actor | None:
        return Actor(id=ActorId("nobody"), name="nobody", scopes=frozenset()) if token == "nothing" else None

    def session(self, cookie: str) -> Actor | None:
        return None

    def csrf(self, cookie: str) -> str:
        return ""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    settings = Settings(home=str(tmp_path_factory.mktemp("whole") / "home"), port=0)
    return House(settings, identity=(Known(), ScopeAuthority()))


@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(30)
    yield control.address
    control.stop()
    thread.join(30)


def table(house: House) -> list[tuple[str, str]]:
    """Verb and path of every address but those that are open to all."""
    ours = [(op.verb, "/v1" + op.path) for op in house.operations()]
    wires = [(w.verb, w.path) for room in house.rooms for w in room.wires(house.engines) if w.scope is not None]
    return [(verb, re.sub(r"\{([a-z_]+)\*?\}", lambda m: _FILLED.get(m[1], "x"), path)) for verb, path in ours + wires]


def test_nobody_and_one_who_may_nothing_are_refused_at_every_address(house: House, address: str) -> None:
    asked = table(house)
    assert len(asked) > 600
    with httpx2.Client(base_url=address, trust_env=False, timeout=30) as http:
        for verb, path in asked:
            content = None if verb == "GET" else b"{}"
            for token, refused in (("", (401,)), ("nothing", (400, 403, 404, 415, 422))):
                headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
                answer = http.request(verb, path, content=content, headers=headers)
                assert answer.status_code in refused, (verb, path, answer.status_code, answer.text[:200])
