"""One child and the group of processes around it: started, measured, signalled, reaped. POSIX only.

A group is named by the process id of the child that leads it. Not safe for several threads: its owner calls it from
one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from modelyard.adapters.processes import threshold
from modelyard.kernel.errors import Unavailable
from modelyard.ports.compute import Child, ChildId, End, Metered, Order

_TAIL_BYTES = 8192
_LINE_LENGTH = 500
_YOUNG_S = 5.0
_LATER_S = 1.0
_RUSAGE_UNIT = 1 if sys.platform == "darwin" else 1024
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


class Group:
    """A running or ended child, with what it has used.

    Raises:
        Unavailable: the machine has no room for another process.
    """

    def __init__(self, id_: ChildId, order: Order, env: Mapping[str, str], now: float) -> None:
        self.order = order
        self.started = now
        self.stop_reason: End | None = None
        self.kill_at: float | None = None
        self._seen: dict[int, _Seen] = {}
        self._measure_at = now
        memory, cpu = order.limits.memory_bytes or 0, order.limits.cpu_s or 0
        step = [sys.executable, "-I", "-S", str(threshold.__file__), str(os.getpid()), str(memory), str(cpu), "--"]
        try:
            with order.log.open("ab") as log:
                self._popen = subprocess.Popen(
                    [*step, *order.argv], cwd=order.folder, env={**env, **order.env}, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=subprocess.STDOUT, start_new_session=True, close_fds=True,
                )  # fmt: skip
        except OSError as err:
            raise Unavailable(f"{order.argv[0]} cannot be started: {err.strerror}; is the machine full?") from err
        self.pid = self._popen.pid
        self.state = Child(id=id_, pid=self.pid)

    def step(self, now: float) -> None:
        """Measure, enforce what is due, and reap if it ended."""
        if not self.state.runs:
            return
        if now >= self._measure_at:
            self._measure(now)
            self._measure_at = now + (0.0 if now - self.started < _YOUNG_S else _LATER_S)
        if self._reap(now):
            return
        wall = self.order.limits.wall_s
        if wall is not None and self.stop_reason is None and now - self.started > wall:
            self.ask_to_end(End.TIMED_OUT, now + 2.0)
        if self.kill_at is not None and now >= self.kill_at:
            self._signal(signal.SIGKILL)

    def ask_to_end(self, reason: End, kill_at: float) -> None:
        """Send TERM to the group; from `kill_at` on, `step` sends KILL."""
        if self.stop_reason is None:
            self.stop_reason = reason
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _measure(self, now: float) -> None:
        """Add up the group as it is; processes that are gone keep the CPU and bytes they had at the last look."""
        resident = 0
        for process in members(self.pid):
            with suppress(*_GONE), process.oneshot():
                times = process.cpu_times()
                resident += process.memory_info().rss
                read = written = 0
                if hasattr(process, "io_counters"):
                    with suppress(psutil.AccessDenied):
                        counters = process.io_counters()
                        read, written = counters.read_bytes, counters.write_bytes
                self._seen[process.pid] = _Seen(times.user + times.system, read, written)
        used = self.state.used
        self._note(
            Metered(
                wall_s=now - self.started,
                cpu_s=max(used.cpu_s, sum(s.cpu_s for s in self._seen.values())),
                peak_memory_bytes=max(used.peak_memory_bytes, resident, own_peak_bytes(self.pid)),
                read_bytes=max(used.read_bytes, sum(s.read_bytes for s in self._seen.values())),
                written_bytes=max(used.written_bytes, sum(s.written_bytes for s in self._seen.values())),
            )
        )

    def _reap(self, now: float) -> bool:
        """True if the leader ended: its group is ended with it, and the state is final."""
        try:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        except ChildProcessError:
            pid, status, usage = self.pid, 0, None
        if pid == 0:
            return False
        self._signal(signal.SIGKILL)
        code = os.waitstatus_to_exitcode(status)
        self._popen.returncode = code
        used = self.state.used
        if usage is not None:
            # The system's own figure holds what the leader waited for; ours also holds what it did not.
            used = Metered(
                wall_s=now - self.started,
                cpu_s=max(used.cpu_s, usage.ru_utime + usage.ru_stime),
                peak_memory_bytes=used.peak_memory_bytes or usage.ru_maxrss * _RUSAGE_UNIT,
                read_bytes=used.read_bytes,
                written_bytes=used.written_bytes,
            )
        end = self.stop_reason or (End.KILLED if code < 0 else End.EXITED)
        self.state = Child(
            id=self.state.id, pid=self.pid, end=end, exit_code=code, used=used, last_line=last_line(self.order.log)
        )
        return True

    def _note(self, used: Metered) -> None:
        self.state = Child(id=self.state.id, pid=self.pid, used=used)


class _Seen:
    """What one process had used at the last look."""

    __slots__ = ("cpu_s", "read_bytes", "written_bytes")

    def __init__(self, cpu_s: float, read_bytes: int, written_bytes: int) -> None:
        self.cpu_s = cpu_s
        self.read_bytes = read_bytes
        self.written_bytes = written_bytes


def members(leader: int) -> list[psutil.Process]:
    """The processes below a leader, itself first; none if it is gone."""
    try:
        head = psutil.Process(leader)
        return [head, *head.children(recursive=True)]
    except _GONE:
        return []


def own_peak_bytes(pid: int) -> int:
    """The highest resident size of one process since it became its program, between looks too; 0 if unknown."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 if found else 0


def last_line(log: Path) -> str:
    """The last line of a log that is not blank, cut to 500 characters; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            tail = file.read()
    except OSError:
        return ""
    lines = [line for line in tail.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip()[:_LINE_LENGTH] if lines else ""
