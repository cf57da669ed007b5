"""One yard a home, whatever a killed one left behind and whoever looks meanwhile."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from modelyard.app.lock import HomeLock, Running, running_at
from modelyard.kernel.errors import Conflict


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def here(address: str) -> Running:
    return Running(pid=os.getpid(), address=address, since_ms=1)


def test_a_second_lock_names_who_has_the_first(home: Path) -> None:
    first = HomeLock(home)
    with pytest.raises(Conflict, match="another process is starting it"):
        HomeLock(home)
    first.announce(here("http://127.0.0.1:1"))
    with pytest.raises(Conflict, match=r"serves it at http://127.0.0.1:1"):
        HomeLock(home)
    first.release()
    HomeLock(home).release()


def test_the_note_of_a_killed_yard_names_no_yard_though_its_process_id_lives_again(home: Path) -> None:
    killed = HomeLock(home)
    killed.announce(here("http://127.0.0.1:1"))
    note = (home / "run" / "yard.json").read_bytes()
    killed.release()
    (home / "run" / "yard.json").write_bytes(note)
    assert running_at(home) is None
    starting = HomeLock(home)
    assert running_at(home) is None
    starting.announce(here("http://127.0.0.1:2"))
    assert running_at(home) == here("http://127.0.0.1:2")
    starting.release()


def test_somebody_who_looks_keeps_no_yard_from_starting(home: Path) -> None:
    handle = os.open(home / "run" / "yard.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    looker = threading.Timer(0.06, os.close, (handle,))
    looker.start()
    HomeLock(home).release()
    looker.join()
