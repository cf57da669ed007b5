"""A site with the gallery and nothing behind it: a door that knows one actor, a server on a free port."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modelyard.kernel.clock import FrozenClock
from modelyard.ui.kit import gallery
from modelyard.ui.kit.calls import Hub, PageCalls, PageNews, Session
from modelyard.ui.kit.frame import Vitals
from modelyard.ui.kit.site import Site

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class NoSlices:
    """A hub without slices."""


class Looker:
    """The calls of one person."""

    actor_name = "jonas berg"
    roles = ("owner",)
    csrf_token = "token-of-this-session"
    hub: Hub = NoSlices()


class OneDoor:
    """Lets in whoever has the secret `good`; the link `once` works once."""

    def __init__(self) -> None:
        self.links = {"once"}
        self.over: set[str] = set()

    def enter(self, session: str | None, bearer: str | None) -> PageCalls | None:
        return Looker() if (session or bearer) == "good" and session not in self.over else None

    def admit(self, secret: str, *, one_time: bool) -> Session | None:
        if one_time:
            known = secret in self.links
            self.links.discard(secret)
            return Session("good", 3600) if known else None
        return Session("good", 3600) if secret == "good" else None

    def dismiss(self, session: str) -> None:
        self.over.add(session)

    async def news(self, calls: PageCalls) -> AsyncIterator[PageNews | None]:
        yield PageNews(1, ("runs",), datetime(2026, 11, 22, 23, 41, 7, tzinfo=UTC))
        for _ in range(200):
            await asyncio.sleep(0.05)
            yield None


@pytest.fixture
def door() -> OneDoor:
    return OneDoor()


def make_app(door: OneDoor) -> Starlette:
    clock = FrozenClock(datetime(2026, 11, 22, 23, 41, 7, tzinfo=UTC))
    vitals = Vitals("1 process · 84 MB", "up 12 d · v0.1.0")
    return Site([gallery.screens()], door=door, clock=clock, yard="taxi", vitals=lambda: vitals).app()


@pytest.fixture
def stranger(door: OneDoor) -> Iterator[TestClient]:
    """A client that is not signed in."""
    yield TestClient(make_app(door), base_url="http://yard.test", follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """A client that is signed in."""
    stranger.cookies.set("yard_session", "good")
    return stranger


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of a running site."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(make_app(OneDoor()), log_level="error", lifespan="off", timeout_graceful_shutdown=1, ws="none")
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    thread.join(5)
    sock.close()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's Chromium, or a skip that says how to get it."""
    found = Path(os.environ.get("YARD_CHROMIUM", CHROMIUM))
    if not found.exists():
        pytest.skip("no Chromium: apt-get install chromium, or set YARD_CHROMIUM to its path")
    return found
