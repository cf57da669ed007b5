"""Two sites to read: the gallery with nothing behind it and a door that knows one actor; a real house and its owner."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from httpx2 import Response
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.edges.http.messages import App
from modelyard.kernel.clock import FrozenClock
from modelyard.settings import Settings
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


@contextmanager
def serving(app: App) -> Iterator[str]:
    """Serve an application on loopback for as long as it is looked at; its address."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(5)
        sock.close()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of a running site."""
    with serving(make_app(OneDoor())) as at:
        yield at


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's Chromium, or a skip that says how to get it."""
    found = Path(os.environ.get("YARD_CHROMIUM", CHROMIUM))
    if not found.exists():
        pytest.skip("no Chromium: apt-get install chromium, or set YARD_CHROMIUM to its path")
    return found


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=ARGS)
        yield browser
        browser.close()


class Watched:
    """A page of a signed-in reader, and what went wrong in it."""

    def __init__(
        self, browser: Browser, address: str, *, theme: str = "light", width: int = 1440, script: bool = True,
        session: str = "good",
    ) -> None:  # fmt: skip
        self.address, self.faults, self.outside = address, list[str](), list[str]()
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=script,
        )
        self.context.add_cookies([{"name": "yard_session", "value": session, "url": address}])
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.faults.append(str(e)))
        self.page.on("request", lambda r: self.outside.append(r.url) if not r.url.startswith(address) else None)

    def visit(self, path: str) -> Page:
        self.page.goto(self.address + path, wait_until="load")
        return self.page

    def ready(self, path: str) -> Page:
        page = self.visit(path)
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    def close(self) -> None:
        self.context.close()
        assert self.faults == [] and self.outside == []


# --- a real house ----------------------------------------------------------------------------------------------------


class Reader(TestClient):
    """Somebody signed in to a house, who reads pages and their twins and sends forms."""

    def twin(self, path: str) -> dict[str, Any]:
        """What a page shows, as its JSON twin says it."""
        head, _, query = path.partition("?")
        answer = self.get(f"{head}.json" + (f"?{query}" if query else ""), headers={"accept": "application/json"})
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()
        return data

    @cached_property
    def csrf(self) -> str:
        """The token of the session, as every form carries it."""
        return self.get("/branches").text.split('name="csrf" value="', 1)[1].split('"', 1)[0]

    def fill(self, path: str, /, **fields: str) -> Response:
        """Send a form as a page would."""
        return self.post(path, data={"csrf": self.csrf} | fields)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house without anything in it."""
    made = House(Settings(home=str(tmp_path_factory.mktemp("home"))))
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(bare: House) -> House:
    """The house that is read; a module fills its own."""
    return bare


@pytest.fixture
def reader(house: House) -> Reader:
    """The owner of the house."""
    return signed_in(house)


def signed_in(house: House) -> Reader:
    """The owner of a house, signed in by a link; redirects are not followed."""
    house.owner()
    made = Reader(screens.site(house, Vitals), base_url="http://yard.test", follow_redirects=False)
    code = house.yard().governance.sign_in_link().code
    assert made.post("/sign-in", data={"code": code}).status_code == 303
    made.headers.update({"accept": "text/html"})
    return made
