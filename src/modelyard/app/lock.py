"""One yard a home: the lock that `yard up` holds, and the note that says where the running yard is.

The lock is the kernel's and dies with its holder; the note beside it is only for people and clients.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import msgspec

from modelyard.kernel.errors import Conflict

_TRIES = 5
_BETWEEN_S = 0.05


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Where a home is being served."""

    pid: int
    address: str
    since_ms: int


class HomeLock:
    """Held for as long as a yard serves a home."""

    def __init__(self, home: Path) -> None:
        self._note = home / "run" / "yard.json"
        self._handle = os.open(home / "run" / "yard.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not self._acquired():
            os.close(self._handle)
            other = running_at(home)
            where = f"process {other.pid} serves it at {other.address}" if other else "another process is starting it"
            raise Conflict(f"the home {home} is in use: {where}; stop that one first, or choose another --home")
        self._note.unlink(missing_ok=True)  # of a yard that was killed; its process id may be somebody else's by now

    def _acquired(self) -> bool:
        """Take the lock; who only looks at it has it for an instant, so one refusal says little."""
        pause = threading.Event()
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                pause.wait(_BETWEEN_S)
            else:
                return True
        return False

    def announce(self, running: Running) -> None:
        """Say where the yard is."""
        fresh = self._note.with_name(f".yard.json.{os.getpid()}")
        fresh.write_bytes(msgspec.json.encode(running))
        fresh.replace(self._note)

    def release(self) -> None:
        """Let go of the home."""
        self._note.unlink(missing_ok=True)
        os.close(self._handle)


def running_at(home: Path) -> Running | None:
    """The yard that serves a home; None if none does."""
    try:
        running = msgspec.json.decode((home / "run" / "yard.json").read_bytes(), type=Running)
        os.kill(running.pid, 0)
    except (OSError, msgspec.MsgspecError):
        return None
    handle = os.open(home / "run" / "yard.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return running
    finally:
        os.close(handle)
    return None
