"""Addings under way: each holds a locked folder while this process lives, so that a crash leaves a sign of it.

Contents that an adding brought are nobody's until a commit names them. The lock also keeps a collection of what nobody
refers to from running between the moment a content is stored and the moment it is noted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.kernel.clock import Clock
from modelyard.lake.service.desk import Desk

IDLE_S = 24 * 3600
_ALIVE = "alive"


class Adds:
    """The addings of this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, tuple[int, float]] = {}

    def hold(self, desk: Desk, add: str, clock: Clock) -> list[str]:
        """Let an adding live on; those given up because nothing came of them for a day."""
        now = clock.monotonic()
        with self._guard:
            idle = [each for each, (_, seen) in self._held.items() if now - seen > IDLE_S]
            if add in self._held:
                self._held[add] = (self._held[add][0], now)
            elif (handle := _locked(desk.staging / add)) is not None:
                self._held[add] = (handle, now)
        for each in idle:
            self.release(desk, each)
        return idle

    def release(self, desk: Desk, add: str) -> None:
        """Let an adding end."""
        with self._guard:
            held = self._held.pop(add, None)
        if held is not None:
            shutil.rmtree(desk.staging / add, ignore_errors=True)
            os.close(held[0])


def _locked(folder: Path) -> int | None:
    """A handle that holds a folder's lock; None if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _ALIVE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


@contextmanager
def bringing(desk: Desk) -> Iterator[None]:
    """Contents are stored and noted in here; nothing is collected meanwhile."""
    with _flock(desk, fcntl.LOCK_SH):
        yield


@contextmanager
def collecting(desk: Desk) -> Iterator[None]:
    """Contents are collected in here; nothing is stored meanwhile."""
    with _flock(desk, fcntl.LOCK_EX):
        yield


@contextmanager
def _flock(desk: Desk, how: int) -> Iterator[None]:
    desk.staging.mkdir(parents=True, exist_ok=True)
    handle = os.open(desk.staging.parent / "contents.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
