"""A yard with the toy shelf, embedded and served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.kernel.actors import Actor, ScopeAuthority
from modelyard.kernel.ids import ActorId
from modelyard.settings import Settings
from tests.edges.shelf import ROOM

OWNER = Actor(id=ActorId("owner"), name="owner", scopes=frozenset({"*"}))
READER = Actor(id=ActorId("reader"), name="reader", scopes=frozenset({"shelf:read"}))
CONFINED = Actor(id=ActorId("confined"), name="confined", scopes=frozenset({"shelf:*"}), resources=("book:mine",))


class Known:
    """Three tokens and one session."""

    def authenticate(self, token: str) -> Actor | None:
        return {"owner": OWNER, "reader": READER, "confined": CONFINED}.get(token)

    def session(self, cookie: str) -> Actor | None:
        return OWNER if cookie == "cookie" else None

    def csrf(self, cookie: str) -> str:
        return "csrf-of-" + cookie


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = Settings(home=str(tmp_path / "home"), port=0)
    made = House(settings, rooms=(ROOM,), identity=(Known(), ScopeAuthority()))
    yield made
    made.close()


@pytest.fixture
def address(house: House) -> Iterator[str]:
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(10)
    yield control.address
    control.stop()
    thread.join(15)


@pytest.fixture
def http(address: str) -> Iterator[httpx2.Client]:
    headers = {"authorization": "Bearer owner"}
    with httpx2.Client(base_url=address, headers=headers, trust_env=False, timeout=20) as client:
        yield client
