"""Posting to addresses: what is reached and what never is."""

from __future__ import annotations

import socket

import pytest

from modelyard.adapters.webhooks import HttpWebhooks
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Forbidden, InvalidInput, Unavailable
from tests.engines.listener import listening

webhooks = HttpWebhooks(SystemClock())


def test_a_message_arrives_with_its_headers_and_the_answer_comes_back() -> None:
    with listening() as heard:
        answer = webhooks.post(heard.url, b"{}", {"webhook-id": "1"}, allow_loopback=True)
    assert (answer.status, answer.text) == (200, "noted")
    assert heard.got[0][0]["webhook-id"] == "1"
    assert heard.got[0][0]["host"].startswith("127.0.0.1")


def test_this_machine_is_reached_only_where_that_is_allowed() -> None:
    with listening() as heard:
        for url in (heard.url, heard.url.replace("127.0.0.1", "localhost"), heard.url.replace("127.0.0.1", "[::1]")):
            with pytest.raises(Forbidden, match="allow_loopback"):
                webhooks.post(url, b"{}", {}, allow_loopback=False)
        assert heard.got == []


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "[::]",
    ],
)  # fmt: skip
def test_private_addresses_are_never_reached(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [(family, socket.SOCK_STREAM, 6, "", (bare, 443))])
    with pytest.raises(Forbidden):
        webhooks.post(f"https://{host}/", b"{}", {}, allow_loopback=True)


def test_a_name_with_one_private_address_among_public_ones_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    with pytest.raises(Forbidden, match=r"10\.0\.0\.1"):
        webhooks.post("https://example.org/", b"{}", {}, allow_loopback=False)


def test_nobody_listening_and_silence_are_told_apart_from_refusals(free_port: int) -> None:
    with pytest.raises(Unavailable):
        webhooks.post(f"http://127.0.0.1:{free_port}/", b"{}", {}, allow_loopback=True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable):
            webhooks.post(f"http://127.0.0.1:{port}/", b"{}", {}, allow_loopback=True, timeout_s=0.2)
    with pytest.raises(InvalidInput):
        webhooks.post("ftp://127.0.0.1/", b"{}", {}, allow_loopback=True)
