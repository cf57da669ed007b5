"""A yard that serves MLflow's wire over HTTP, with tracking and the registry in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.app.rooms import registry, tracking
from modelyard.kernel.actors import Actor, ScopeAuthority
from modelyard.kernel.ids import ActorId
from modelyard.settings import Settings

ACTORS = {
    "owner": Actor(id=ActorId("owner"), name="owner", scopes=frozenset({"*"})),
    "tracker": Actor(id=ActorId("tracker"), name="tracker", scopes=frozenset({"tracking:*"})),
    "reader": Actor(id=ActorId("reader"), name="reader", scopes=frozenset({"tracking:read", "registry:read"})),
}


class Known:
    """Three tokens."""

    def authenticate(self, token: str) -> Actor | None:
        return ACTORS.get(token)

    def session(self, cookie: str) -> Actor | None:
        return None

    def csrf(self, cookie: str) -> str:
        return ""


@dataclass
class Wire:
    """The wire as a plain HTTP client sees it."""

    address: str
    http: httpx2.Client

    def ask(self, verb: str, path: str, body: object = None, status: int = 200, **query: str | int | list[str]) -> Any:
        """Call below /api/2.0/mlflow and give the decoded answer."""
        answer = self.http.request(verb, "/api/2.0/mlflow" + path, json=body, params=query or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    def new_run(self) -> str:
        """A run in the default experiment."""
        made: str = self.ask("POST", "/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        return made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield furnished(tmp_path_factory.mktemp("wire") / "home")


@pytest.fixture(scope="module")
def wire(house: House) -> Iterator[Wire]:
    yield from listening(house)


def furnished(home: Path, webhook_hosts: tuple[str, ...] = ()) -> House:
    """A house with tracking and the registry in it."""
    settings = Settings(home=str(home), port=0, webhook_hosts=webhook_hosts)
    return House(settings, rooms=(tracking.ROOM, registry.ROOM), identity=(Known(), ScopeAuthority()))


def listening(house: House) -> Iterator[Wire]:
    """The wire of a house, until it is no longer needed."""
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(15)
    headers = {"authorization": "Bearer owner"}
    with httpx2.Client(base_url=control.address, headers=headers, trust_env=False, timeout=20) as http:
        yield Wire(control.address, http)
    control.stop()
    thread.join(15)


def serving(home: Path) -> Iterator[Wire]:
    """The wire of a house of its own."""
    yield from listening(furnished(home))


@pytest.fixture(scope="module")
def home(house: House) -> Path:
    return house.settings.home_path
