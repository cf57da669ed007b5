"""What every test stands on: no network, a clock that stands still, a free port, a home folder of its own."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from modelyard.kernel.clock import FrozenClock
from tests.offline import sitecustomize as offline

pytest_plugins = ["modelyard.testing.fixtures"]

#: A deadline for an example measures how busy the machine is; the tests have a time limit of their own.
hypothesis.settings.register_profile("yard", deadline=None)
hypothesis.settings.load_profile("yard")

#: The discard port: whatever asks a proxy for the outside is refused at once.
CLOSED = "http://127.0.0.1:9"
HERE = "localhost,127.0.0.1,::1"
#: How long a slow test is to go on, e.g. `YARD_TEST_KILLS=20`.
SIZES = "YARD_TEST_"
#: Where a file of tests takes a minute and more.
LONG = ("tests/journeys/", "tests/sdk/reproducing/", "tests/contracts/", "tests/app/", "tests/ui/")
#: A developer's own settings must not reach a test.
FOREIGN = ("YARD_", "MODELYARD_", "MLFLOW_", "AWS_", "OTEL_")


def _close_the_door() -> Path:
    """Close the network for this process and for every process that it starts; answer the log of attempts."""
    handle, log = tempfile.mkstemp(prefix="offline-", suffix=".log")
    os.close(handle)
    folder = str(Path(offline.__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in (folder, os.environ.get("PYTHONPATH", "")) if part)
    os.environ[offline.LOG] = log
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ[name] = os.environ[name.lower()] = CLOSED
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HERE
    offline.install()
    return Path(log)


for _name in [name for name in os.environ if name.startswith(FOREIGN) and not name.startswith(SIZES)]:
    del os.environ[_name]
ATTEMPTS = _close_the_door()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole days first: begun last, one of them would go on for minutes beside a process that has nothing left."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_unconfigure() -> None:
    """Leave no log behind."""
    ATTEMPTS.unlink(missing_ok=True)


def take_attempts() -> list[str]:
    """Attempts to leave the machine since the last call, each as a line; afterwards the log is empty."""
    if ATTEMPTS.stat().st_size == 0:
        return []
    found = ATTEMPTS.read_text(encoding="utf-8").splitlines()
    os.truncate(ATTEMPTS, 0)
    return found


@pytest.fixture(autouse=True)
def _network_off() -> Iterator[None]:
    yield
    found = take_attempts()
    if found:
        pytest.fail("the network is off in tests, but this was tried:\n" + "\n".join(found), pytrace=False)


@pytest.fixture
def outbound_attempts() -> Callable[[], list[str]]:
    """Take the attempts to leave the machine so far, for a test that expects them."""
    return take_attempts


@pytest.fixture
def frozen_clock() -> FrozenClock:
    """A clock at 2026-01-15 09:00 UTC that moves only when it is told to."""
    return FrozenClock(datetime(2026, 1, 15, 9, 0, tzinfo=UTC))


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on, given by the operating system.

    Prefer binding port 0 and asking what it became; this is for programs that must be told.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def tmp_home(tmp_path: Path) -> Path:
    """The path of a yard's home folder that does not exist yet."""
    return tmp_path / "home"
