"""`yard up` as a person uses it: started, asked, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

import modelyard
from modelyard.app.lock import Running, running_at
from modelyard.kernel.errors import Forbidden, NotFound

YARD = (sys.executable, "-m", "modelyard")


def yard(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*YARD, "--home", str(home), *args], capture_output=True, text=True, timeout=60, check=False)


class Up:
    """A running `yard up`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.out = home.parent / "up.out"
        with self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [*YARD, "up", "--home", str(home), "--port", "0"], stdout=out, stderr=out, start_new_session=True
            )
        self.running = self._wait()

    def _wait(self) -> Running:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if (running := running_at(self.home)) is not None and "sign in" in self.out.read_text():
                return running
            assert self.process.poll() is None, self.out.read_text()
            time.sleep(0.05)
        raise AssertionError(self.out.read_text())

    def control_pid(self) -> int:
        status = msgspec.json.decode((self.home / "run" / "children" / "control.status").read_bytes())
        return int(status["pid"] or 0)

    def end(self, how: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(20)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path / "home")
    yield made
    made.end()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_yard_starts_answers_and_stops(up: Up) -> None:
    address = up.running.address
    assert httpx2.get(address + "/readyz").json() == {"status": "ready", "checks": {"database": "ok"}}
    assert httpx2.get(address + "/v1/whoami").status_code == 401
    assert "MLFLOW_TRACKING_URI=" + address in yard(up.home, "env").stdout
    assert '"name": "owner"' in yard(up.home, "governance", "whoami", "--json").stdout
    assert (up.home / "state" / "owner.token").stat().st_mode & 0o777 == 0o600
    token = (up.home / "state" / "owner.token").read_text().strip()
    assert (
        b"yard_call_seconds" in httpx2.get(address + "/metrics", headers={"authorization": f"Bearer {token}"}).content
    )
    with modelyard.connect(address, token=token) as remote:
        assert remote.governance.whoami().name == "owner"
    assert up.end() == 0
    assert running_at(up.home) is None
    assert yard(up.home, "status").returncode == 6


def test_a_second_start_on_one_home_names_the_first(up: Up) -> None:
    second = yard(up.home, "up")
    assert second.returncode == 4
    assert f"process {up.process.pid} serves it at {up.running.address}" in second.stderr


def test_a_port_in_use_says_so(up: Up, tmp_path: Path) -> None:
    port = up.running.address.rsplit(":", 1)[1]
    second = yard(tmp_path / "other", "up", "--port", port)
    assert second.returncode != 0
    assert f"port {port}" in second.stderr
    assert "--port" in second.stderr


def test_the_control_process_is_started_again_when_it_dies(up: Up) -> None:
    first = up.control_pid()
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if up.control_pid() not in (0, first) and yard(up.home, "governance", "whoami").returncode == 0:
            break
        time.sleep(0.2)
    else:
        raise AssertionError(up.out.read_text())
    assert "control ended with -9" in up.out.read_text()


def test_no_process_outlives_a_killed_supervisor_and_the_next_start_recovers(tmp_path: Path) -> None:
    first = Up(tmp_path / "home")
    control = first.control_pid()
    first.end(signal.SIGKILL)
    assert gone(control)
    second = Up(tmp_path / "home")
    assert yard(second.home, "governance", "whoami").returncode == 0
    assert second.end() == 0


def test_beyond_loopback_wants_tls_or_a_word(tmp_path: Path) -> None:
    refused = yard(tmp_path / "home", "up", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode != 0
    assert "--tls-cert" in refused.stderr


def test_an_embedded_home_needs_no_process(tmp_path: Path) -> None:
    with modelyard.connect(str(tmp_path / "home")) as embedded:
        assert embedded.governance.whoami().name == "owner"
        with pytest.raises(NotFound):
            embedded.governance.revoke_token("token_01J00000000000000000000000")  # type: ignore[arg-type]  # as typed in


def test_errors_have_exit_codes_of_their_own(tmp_path: Path) -> None:
    assert yard(tmp_path / "home", "governance", "create-actor", "a b").returncode == 2
    assert yard(tmp_path / "home", "nonsense").returncode == 2
    assert yard(tmp_path / "home", "--address", "http://127.0.0.1:1", "governance", "whoami").returncode == 6
    assert Forbidden.exit_code == 5
