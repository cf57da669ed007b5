"""The network is off in the test process and in every Python process that a test starts."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest

from tests.offline.sitecustomize import is_here

# 192.0.2.0/24 is set aside for documentation (RFC 5737): it leads nowhere even if the door were open.
ELSEWHERE = "192.0.2.1"
Attempts = Callable[[], list[str]]


def test_a_connection_to_another_machine_fails_with_a_clear_message(outbound_attempts: Attempts) -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match=r"network is off.*192\.0\.2\.1:80"):
        outside.connect((ELSEWHERE, 80))
    assert len(outbound_attempts()) == 1


def test_a_datagram_to_another_machine_fails(outbound_attempts: Attempts) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as outside, pytest.raises(RuntimeError, match="network is off"):
        outside.sendto(b"x", (ELSEWHERE, 53))
    assert len(outbound_attempts()) == 1


def test_a_name_of_another_machine_is_not_looked_up(outbound_attempts: Attempts) -> None:
    with pytest.raises(RuntimeError, match=r"look-up of 'yard\.example'"):
        socket.getaddrinfo("yard.example", 443)
    assert len(outbound_attempts()) == 1


def test_an_attempt_that_is_swallowed_is_still_seen(outbound_attempts: Attempts) -> None:
    with pytest.raises(Exception, match=r"192\.0\.2\.1|refused"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{ELSEWHERE}/", timeout=1)
    assert any(ELSEWHERE in line for line in outbound_attempts())


def test_a_process_that_a_test_starts_has_no_network_either(outbound_attempts: Attempts) -> None:
    code = (
        f"import socket\ntry:\n    socket.create_connection(('{ELSEWHERE}', 80), 1)\nexcept RuntimeError: print('off')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout == "off\n"
    assert any(ELSEWHERE in line for line in outbound_attempts())


def test_loopback_stays_open(free_port: int, outbound_attempts: Attempts) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as server:
        with socket.create_connection(("localhost", free_port), 5) as client:
            accepted, _ = server.accept()
            with accepted:
                client.sendall(b"here")
                assert accepted.recv(4) == b"here"
    assert outbound_attempts() == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost", "a.localhost", "", None]
)
def test_names_of_this_machine_are_here(host: str | None) -> None:
    assert is_here(host)


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "10.0.0.1", "169.254.169.254", "::ffff:8.8.8.8", "yard.example", b"yard.example"]
)
def test_names_of_other_machines_are_elsewhere(host: str | bytes) -> None:
    assert not is_here(host)
