"""The supervisor: what `yard up` runs. It starts the control process and the children that it wants, and keeps them up.

It stays small: it serves nothing and opens no database. What dies is started again with back-off, and its last words
and exit code are shown within two seconds. Whatever happens to it, no process of the yard outlives it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from modelyard.adapters.children import FileChildren
from modelyard.app.lock import HomeLock, Running
from modelyard.app.logs import trim
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Internal
from modelyard.ports.children import ChildStatus, Wanted

_LOOK_S = 0.1
_DRAIN_S = 12.0
_TRIM_S = 5.0
_BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_S = 30.0
_PR_SET_PDEATHSIG = 1
CONTROL = "control"


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent dies; called in a child before it runs its program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)


class _Child:
    """One process and its history."""

    def __init__(self, wanted: Wanted, log: Path) -> None:
        self.wanted = wanted
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.status = ChildStatus(name=wanted.name, pid=None, started_ms=0)
        self.failures = 0
        self.next_start = 0.0

    def last_words(self) -> str:
        """The last line in its output."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
                lines = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:500] if lines else ""


class Supervisor:
    """Keeps one home's processes up."""

    def __init__(self, home: Path, lock: HomeLock, clock: Clock, *, say: Callable[[str], None]) -> None:
        self._home = home
        self._lock = lock
        self._clock = clock
        self._say = say
        self._files = FileChildren(home / "run" / "children")
        self._children: dict[str, _Child] = {}
        self._stopping = threading.Event()
        self._listener = -1
        self._trimmed = 0.0

    def run(
        self, control: Sequence[str], env: Mapping[str, str], *, listener: int, ready: Callable[[str], None]
    ) -> int:
        """Start the control process and watch until told to stop; the exit code of the yard.

        Args:
            control: the control process' program and arguments.
            env: its environment.
            listener: the listening socket that it inherits.
            ready: called with the address when calls are answered for the first time.
        """
        self._listener = listener
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: self._stopping.set())
        self._clear_leftovers()
        wanted = Wanted(name=CONTROL, argv=tuple(control), env=dict(env))
        self._children[CONTROL] = _Child(wanted, self._home / "logs" / "control.out")
        announced = False
        note = self._home / "run" / "control.json"
        note.unlink(missing_ok=True)
        while not self._stopping.is_set():
            self._look()
            if not announced and note.exists():
                announced = True
                running = msgspec.json.decode(note.read_bytes(), type=Running)
                self._lock.announce(Running(pid=os.getpid(), address=running.address, since_ms=running.since_ms))
                ready(running.address)
            if not announced and self._children[CONTROL].failures:
                break
            self._stopping.wait(_LOOK_S)
        self._stop_all()
        control_child = self._children[CONTROL]
        if not announced and control_child.status.last_exit not in (None, 0):
            self._say(f"the yard did not start: {control_child.last_words()}")
            return control_child.status.last_exit if (control_child.status.last_exit or 0) > 0 else 1
        return 0

    def _clear_leftovers(self) -> None:
        for wanted in self._files.wanted():
            self._files.unwant(wanted.name)
        for status in self._files.statuses():
            self._files.forget(status.name)

    def _look(self) -> None:
        wanted = {w.name: w for w in self._files.wanted()}
        for name, child in list(self._children.items()):
            if name == CONTROL:
                continue
            if name not in wanted:
                self._stop([child])
                self._files.forget(name)
                del self._children[name]
            elif wanted[name] != child.wanted:
                self._stop([child])
                del self._children[name]
        for name, want in wanted.items():
            if name not in self._children and name != CONTROL:
                self._children[name] = _Child(want, self._home / "logs" / f"{name}.out")
        for child in self._children.values():
            self._keep_up(child)
        if (now := self._clock.monotonic()) - self._trimmed > _TRIM_S:
            self._trimmed = now
            for child in self._children.values():
                trim(child.log)

    def _keep_up(self, child: _Child) -> None:
        now = self._clock.monotonic()
        if child.process is None:
            if now >= child.next_start:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            if child.failures and now - child.started_at > _STEADY_S:
                child.failures = 0
            return
        child.process = None
        child.failures += 1
        child.next_start = now + _BACKOFF_S[min(child.failures - 1, len(_BACKOFF_S) - 1)]
        child.status = msgspec.structs.replace(
            child.status, pid=None, last_exit=code, last_words=child.last_words(), restarts=child.status.restarts + 1
        )
        self._files.report(child.status)
        self._say(f"{child.wanted.name} ended with {code}: {child.status.last_words or 'no last words'}")

    def _start(self, child: _Child) -> None:
        argv = [sys.executable if a == "{python}" else a for a in child.wanted.argv]
        env = {**os.environ, **child.wanted.env}
        keep = (self._listener,) if child.wanted.name == CONTROL else ()
        with child.log.open("ab") as out:
            try:
                child.process = subprocess.Popen(
                    argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self._home,
                    start_new_session=True, pass_fds=keep, preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509  # one prctl, no locks
                )  # fmt: skip
            except OSError as err:
                raise Internal(f"{child.wanted.name} cannot be started: {err.strerror}") from err
        child.started_at = self._clock.monotonic()
        child.status = msgspec.structs.replace(child.status, pid=child.process.pid, started_ms=self._clock.now_ms())
        self._files.report(child.status)

    def _stop_all(self) -> None:
        others = [c for n, c in self._children.items() if n != CONTROL]
        self._stop([self._children[CONTROL]])
        self._stop(others)

    def _stop(self, children: Sequence[_Child]) -> None:
        alive = [c.process for c in children if c.process is not None and c.process.poll() is None]
        for process in alive:
            process.terminate()
        deadline = self._clock.monotonic() + _DRAIN_S
        for process in alive:
            try:
                process.wait(max(0.1, deadline - self._clock.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
