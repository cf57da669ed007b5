"""The screens behind their door: sign-in by a one-time link, pages, forms, sign-out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.app.screens import site
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path / "home"), port=0))
    made.owner()
    yield made
    made.close()


@pytest.fixture
def browser(house: House) -> Iterator[httpx2.Client]:
    control = Control(house, pages=site(house, Vitals))
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(10)
    headers = {"accept": "text/html"}
    with httpx2.Client(base_url=control.address, trust_env=False, headers=headers, timeout=20) as client:
        yield client
    control.stop()
    thread.join(15)


def sign_in(house: House, browser: httpx2.Client) -> httpx2.Response:
    link = house.yard().governance.sign_in_link()
    assert browser.get(link.path).status_code == 200
    return browser.post("/sign-in", data={"code": link.code, "to": "/tables"})


def test_a_stranger_is_sent_to_sign_in_and_a_program_hears_401(browser: httpx2.Client) -> None:
    page = browser.get("/tables")
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?to=%2Ftables")
    assert browser.get("/tables.json", headers={"accept": "application/json"}).status_code == 401
    assert browser.get("/nowhere").status_code in (303, 404)


def test_a_link_signs_in_once_and_the_session_ends_at_sign_out(house: House, browser: httpx2.Client) -> None:
    answer = sign_in(house, browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/tables")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite" in cookie
    page = browser.get("/tables")
    assert page.status_code == 200
    assert "owner" in page.text
    assert browser.get("/v1/whoami").json()["name"] == "owner"
    assert browser.post("/v1/actors", json={"name": "eve"}).status_code == 403
    assert browser.post("/sign-out", data={"csrf": "wrong"}).status_code == 403
    csrf = page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    headers = {"x-csrf-token": csrf}
    assert browser.post("/v1/actors", json={"name": "ana"}, headers=headers).status_code == 200
    assert browser.post("/sign-out", data={"csrf": csrf}).status_code == 303
    assert browser.get("/v1/whoami").status_code == 401


def test_a_used_link_and_a_foreign_origin_are_refused(house: House, browser: httpx2.Client) -> None:
    link = house.yard().governance.sign_in_link()
    data = {"code": link.code}
    assert browser.post("/sign-in", data=data, headers={"origin": "https://evil.example"}).status_code == 403
    assert browser.post("/sign-in", data=data).status_code == 303
    browser.cookies.clear()
    assert browser.post("/sign-in", data=data).status_code == 401


def test_a_token_signs_in_too_and_serves_the_json_twin(house: House, browser: httpx2.Client) -> None:
    token = (house.settings.home_path / "state" / "owner.token").read_text().strip()
    assert browser.post("/sign-in", data={"token": token}).status_code == 303
    browser.cookies.clear()
    twin = browser.get("/tables.json", headers={"authorization": f"Bearer {token}"})
    assert twin.status_code == 200
    assert twin.headers["content-type"].startswith("application/json")
