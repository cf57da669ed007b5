from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from starlette.testclient import TestClient

from modelyard.kernel.clock import FrozenClock
from modelyard.ui.kit.frame import Vitals
from modelyard.ui.kit.pages import Page, Screens
from modelyard.ui.kit.site import Site

if TYPE_CHECKING:
    from tests.ui.conftest import OneDoor

HTML = {"accept": "text/html"}
CSRF = "token-of-this-session"


def test_every_answer_carries_the_strict_headers(client: TestClient) -> None:
    for path in ("/kit", "/kit.json", "/kit/rows", "/nowhere", "/sign-in", "/find"):
        headers = client.get(path, headers=HTML).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_the_twin_says_what_the_page_shows(client: TestClient) -> None:
    by_suffix, by_accept = client.get("/kit.json"), client.get("/kit", headers={"accept": "application/json"})
    assert by_suffix.json() == by_accept.json()
    rows = by_suffix.json()["table"]["rows"]
    assert len(rows) == 60 and rows[0]["cells"][0] == {"t": "ref", "ref": "run:amber-wren-0", "bare": True}


def test_rows_follow_by_cursor_without_gap_or_double(client: TestClient) -> None:
    seen, after = [row["key"] for row in client.get("/kit.json").json()["table"]["rows"]], "60"
    while after:
        answer = client.get("/kit/rows", params={"after": after}).json()
        seen += [row["key"] for row in answer["rows"]]
        after = answer.get("next", "")
    assert len(seen) == len(set(seen)) == 1_000


def test_curves_come_as_packed_float32(client: TestClient) -> None:
    body = client.get("/kit/curves").content
    (length,) = struct.unpack_from("<I", body)
    head = msgspec.json.decode(body[4 : 4 + length])
    assert length % 4 == 0 and head["n"] == 300 and len(head["series"]) == 4
    assert len(body) == 4 + length + 4 * 300 * (1 + 4 * 3)


@pytest.mark.parametrize("path", ["/kit", "/find"])
def test_a_stranger_is_sent_to_sign_in(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path + "?a=1", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?to=%2F{path[1:]}%3Fa%3D1")
    assert stranger.get(path).status_code == 401


def test_a_stranger_learns_nothing_from_an_unknown_address(stranger: TestClient) -> None:
    answer = stranger.get("/nowhere", headers=HTML)
    assert answer.status_code == 404 and "taxi" not in answer.text and "Sign in" in answer.text


@pytest.mark.parametrize("path", ["/kit.json", "/kit/rows", "/kit/curves", "/live", "/find.json"])
def test_a_program_without_a_token_gets_a_problem(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"


def test_a_bearer_token_reads_pages_too(stranger: TestClient) -> None:
    assert stranger.get("/kit.json", headers={"authorization": "Bearer good"}).status_code == 200


def test_a_link_signs_in_once_and_only_by_post(stranger: TestClient, door: OneDoor) -> None:
    assert 'value="once"' in stranger.get("/sign-in?code=once").text
    assert door.links == {"once"}
    answer = stranger.post("/sign-in", data={"code": "once", "to": "/kit"})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303 and answer.headers["location"] == "/kit"
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    stranger.cookies.clear()
    again = stranger.post("/sign-in", data={"code": "once"})
    assert again.status_code == 401 and "yard sign-in" in again.text


def test_a_wrong_token_is_told_where_to_find_the_right_one(stranger: TestClient) -> None:
    answer = stranger.post("/sign-in", data={"token": "nope"})
    assert answer.status_code == 401 and "yard env" in answer.text


@pytest.mark.parametrize("to", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:x", "/a\nb"])
def test_sign_in_never_leads_elsewhere(stranger: TestClient, to: str) -> None:
    assert stranger.post("/sign-in", data={"token": "good", "to": to}).headers["location"] == "/"


def test_a_form_needs_the_token_of_its_session(client: TestClient) -> None:
    assert client.post("/kit/act", data={"what": "x"}).status_code == 403
    assert client.post("/kit/act", data={"what": "x", "csrf": "other"}).status_code == 403
    good = client.post("/kit/act", data={"what": "canary set to 10 %", "csrf": CSRF})
    assert good.status_code == 303 and good.headers["location"] == "/kit"
    page = client.get("/kit").text
    assert "Done: canary set to 10 %" in page and "Undo" in page
    assert "Done: canary" not in client.get("/kit").text


def test_a_form_from_another_site_changes_nothing(client: TestClient) -> None:
    answer = client.post("/kit/act", data={"csrf": CSRF}, headers={"origin": "https://evil.test"})
    assert answer.status_code == 403 and "another site" in answer.text


def test_a_form_of_another_kind_or_size_is_refused(client: TestClient) -> None:
    assert client.post("/kit/act", json={"csrf": CSRF}).status_code == 415
    assert client.post("/kit/act", data={"csrf": CSRF, "what": "x" * 300_000}).status_code == 413
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/kit/act", content=b"csrf=%ff", headers=headers).status_code == 422


def test_signing_out_ends_the_session(client: TestClient) -> None:
    assert client.post("/sign-out", data={"csrf": CSRF}).headers["location"] == "/sign-in"
    client.cookies.set("yard_session", "good")
    assert client.get("/kit", headers=HTML).status_code == 303


def test_an_unknown_address_is_a_designed_page(client: TestClient) -> None:
    answer = client.get("/nowhere/at/all", headers=HTML)
    assert answer.status_code == 404 and "No such address" in answer.text and "Main" in answer.text
    assert client.get("/nowhere.json").json()["code"] == "no_route"
    assert client.delete("/kit", headers=HTML).status_code == 405


def test_a_wrong_query_says_what_is_wanted(client: TestClient) -> None:
    answer = client.get("/kit/rows", params={"after": "x"})
    assert answer.status_code == 422 and "whole number" in answer.json()["detail"]


def test_find_opens_a_pasted_ref_and_finds_words(client: TestClient) -> None:
    found = client.get("/find.json", params={"q": "model:tips@7"}).json()["found"]
    assert found[0]["href"] == "/models/tips?version=7"
    assert {f["text"] for f in client.get("/find.json", params={"q": "ti"}).json()["found"]} >= {"tips", "tips-drift"}
    assert "Nothing is called that" in client.get("/find", params={"q": "zzz"}, headers=HTML).text
    assert client.get("/go", params={"ref": "run:amber"}).headers["location"] == "/runs/amber"


class Little(msgspec.Struct, frozen=True):
    """Less than the template asks for."""

    part: str = "parts"


def test_a_page_whose_rest_cannot_be_made_says_so_below_its_frame(
    door: OneDoor, caplog: pytest.LogCaptureFixture
) -> None:
    mine = Screens("little")
    mine.page("/little", template="pages/gallery.html", nav="runs")(lambda _calls, _ask: Page("Little", Little()))
    clock = FrozenClock(datetime(2026, 11, 22, 23, 41, 7, tzinfo=UTC))
    site = Site([mine], door=door, clock=clock, yard="taxi", vitals=lambda: Vitals("", ""))
    with TestClient(site.app(), base_url="http://yard.test") as client:
        client.cookies.set("yard_session", "good")
        html = client.get("/little", headers=HTML).text
    assert html.index("<title>Little") < html.index('<nav class="nav"') < html.index("could not be made whole")
    assert html.count("<main") == 1 and "Traceback" in caplog.text and "/little" in caplog.text
