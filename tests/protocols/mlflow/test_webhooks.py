"""Webhooks of the registry by MLflow's wire: signed, tried again over a restart, and never to a private address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from modelyard.app.house import House
from tests.protocols.mlflow.conftest import Wire, furnished, listening
from tests.protocols.mlflow.test_client import run_flow

EVENTS = [
    {"entity": "REGISTERED_MODEL", "action": "CREATED"}, {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
    {"entity": 3, "action": 4}, {"entity": "MODEL_VERSION", "action": "CREATED"}, {"entity": "PROMPT",
    "action": "CREATED"},
]  # fmt: skip


class Listener:
    """Takes messages on this machine; `answers` are the statuses it gives, the last one for ever."""

    def __init__(self) -> None:
        self.answers = [200]
        self.heard: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.heard.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0])
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_address[1]}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int) -> list[tuple[dict[str, str], Any]]:
        """The messages, once there are so many."""
        ends = time.monotonic() + 15
        while len(self.heard) < count and time.monotonic() < ends:
            time.sleep(0.02)
        assert len(self.heard) >= count, f"heard {len(self.heard)} of {count}"
        return [(headers, json.loads(body)) for headers, body in self.heard]


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> House:
    return furnished(tmp_path_factory.mktemp("hooks") / "home", webhook_hosts=("localhost",))


@pytest.fixture(scope="module")
def wire(told: House) -> Iterator[Wire]:
    yield from listening(told)


def create(wire: Wire, url: str, code: int = 200, **more: object) -> Any:
    return wire.ask("POST", "/webhooks", {"name": "team", "url": url, "events": EVENTS, "secret": "s3", **more}, code)


def test_changes_are_told_signed_and_once(wire: Wire, listener: Listener) -> None:
    made = create(wire, listener.url, description="for the team")["webhook"]
    assert "secret" not in made
    assert made["events"][2] == {"entity": "MODEL_VERSION_TAG", "action": "SET"}
    run = wire.new_run()
    wire.http.put(f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model/MLmodel", content=b"flavors: {}\n")
    wire.ask(
        "POST", "/registered-models/create", {"name": "told", "description": "d", "tags": [{"key": "a", "value": "b"}]}
    )
    wire.ask("POST", "/model-versions/create", {"name": "told", "source": f"runs:/{run}/model", "run_id": run})
    wire.ask("POST", "/model-versions/set-tag", {"name": "told", "version": "1", "key": "k", "value": "v"})
    wire.ask("POST", "/registered-models/alias", {"name": "told", "alias": "champion", "version": "1"})
    wire.ask("DELETE", "/registered-models/alias", {"name": "told", "alias": "champion"})
    wire.ask(
        "POST",
        "/registered-models/create",
        {"name": "ask", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]},
    )
    heard = listener.wait(5)
    said = {f"{m['entity']}.{m['action']}": m["data"] for _, m in heard}
    assert said["registered_model.created"] == {"name": "told", "tags": {"a": "b"}, "description": "d"}
    assert (said["model_version.created"]["version"], said["model_version.created"]["run_id"]) == ("1", run)
    assert said["model_version_tag.set"] == {"name": "told", "key": "k", "value": "v", "version": "1"}
    assert said["model_version_alias.created"] == {"name": "told", "alias": "champion", "version": "1"}
    assert said["prompt.created"]["name"] == "ask"
    headers, body = listener.heard[0]
    text = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.digest(b"s3", text, hashlib.sha256)).decode()
    assert headers["x-mlflow-signature"] == f"v1,{mac}"
    assert len({h["x-mlflow-delivery-id"] for h, _ in heard}) == 5
    wire.ask("PATCH", f"/webhooks/{made['webhook_id']}", {"status": "DISABLED"})
    wire.ask("POST", "/registered-models/create", {"name": "untold"})
    wire.ask("DELETE", f"/webhooks/{made['webhook_id']}")
    assert wire.ask("GET", f"/webhooks/{made['webhook_id']}", status=404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert len(listener.heard) == 5


def test_a_message_that_fails_is_tried_again_also_after_a_restart(tmp_path: Path, listener: Listener) -> None:
    house = furnished(tmp_path / "home", webhook_hosts=("localhost",))
    listener.answers = [503, 503, 200]
    for first in listening(house):
        create(first, listener.url, events=EVENTS[:1])
        first.ask("POST", "/registered-models/create", {"name": "late"})
        listener.wait(1)
    house.close()
    for _ in listening(furnished(tmp_path / "home", webhook_hosts=("localhost",))):
        heard = listener.wait(3)
    assert len({h["x-mlflow-delivery-id"] for h, _ in heard}) == 1
    assert [m["data"]["name"] for _, m in heard] == ["late"] * 3


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x", "https://127.0.0.1/x", "https://10.0.0.1", "https://[::1]/x",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/", "https://[fe80::1%25eth0]/", "https://0.0.0.0", "https://100.64.0.1",
        "ftp://x.example",
        "https://user:word@example.com", "https://", "https://exam ple.com", "", "file:///etc/passwd",
        "https://224.0.0.1",
        "https://x.localhost/", "https://metadata.internal", "https://example.com:0/", "https://[::",
    ],
)  # fmt: skip
def test_an_address_that_messages_may_not_reach_is_refused(wire: Wire, url: str) -> None:
    assert create(wire, url, 400)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_name_that_turns_into_a_private_address_is_refused_when_a_message_goes_out(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    made = create(wire, "https://rebinding.example/x")["webhook"]

    def private(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", private)
    result = wire.ask("POST", f"/webhooks/{made['webhook_id']}/test")["result"]
    monkeypatch.undo()
    assert result["success"] is False
    assert "10.1.2.3" in result["error_message"]
    wire.ask("DELETE", f"/webhooks/{made['webhook_id']}")


def test_webhooks_are_for_those_who_promote(wire: Wire) -> None:
    for token in ("tracker", "reader"):
        for verb, path in (
            ("GET", "/webhooks"),
            ("POST", "/webhooks"),
            ("GET", "/webhooks/x"),
            ("POST", "/webhooks/x/test"),
        ):
            answer = wire.http.request(
                verb, "/api/2.0/mlflow" + path, json={} if verb == "POST" else None,
                headers={"authorization": f"Bearer {token}"},
            )  # fmt: skip
            assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_values_that_are_none_are_refused(wire: Wire) -> None:
    at = "https://hooks.example/x"
    wrong: tuple[dict[str, object], ...] = (
        {"events": []}, {"events": [{"entity": "MODEL_VERSION", "action": "EXCEEDED"}]}, {"name": "-x"}, {"name": ""},
        {"status": "SLEEPING"},
    )  # fmt: skip
    for more in wrong:
        assert create(wire, at, 400, **more)["error_code"] == "INVALID_PARAMETER_VALUE"
    made = [create(wire, at, name=f"n{i}")["webhook"]["webhook_id"] for i in range(3)]
    page = wire.ask("GET", "/webhooks", max_results=2)
    rest = wire.ask("GET", "/webhooks", max_results=2, page_token=page["next_page_token"])
    assert [w["webhook_id"] for w in page["webhooks"] + rest["webhooks"]] == made
    for one in made:
        wire.ask("DELETE", f"/webhooks/{one}")


def test_the_unmodified_client_manages_webhooks(wire: Wire, listener: Listener) -> None:
    seen = run_flow(wire, "webhook_flow.py", listener.url)
    assert seen["test"] == [True, 200, "thanks"]
    assert seen["events"] == ["model_version.created", "model_version_alias.created"]
    assert (seen["listed"], seen["status"], seen["description"], seen["gone"]) == (
        1,
        "DISABLED",
        "changed",
        "RESOURCE_DOES_NOT_EXIST",
    )
