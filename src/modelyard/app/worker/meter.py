"""What a step uses of this process: time, CPU of it and of the children it waited for, memory, storage."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

import psutil

from modelyard.kernel.clock import SystemClock
from modelyard.pipelines.api import Used

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): resets the peak resident size


class Meter:
    """Measures from `start` to `read`; the peak of memory is exact on Linux, elsewhere the process's own so far."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._process = psutil.Process()
        self.start()

    def start(self) -> None:
        """Begin to measure."""
        with suppress(OSError):
            _CLEAR.write_text(_RESET_PEAK)
        self._began = self._clock.monotonic()
        self._cpu_s = _cpu_s()
        self._read, self._written = self._bytes()

    def read(self) -> Used:
        """What was used since the start."""
        read, written = self._bytes()
        return Used(
            wall_s=self._clock.monotonic() - self._began, cpu_s=_cpu_s() - self._cpu_s,
            peak_memory_bytes=_peak_bytes(), read_bytes=read - self._read, written_bytes=written - self._written,
        )  # fmt: skip

    def _bytes(self) -> tuple[int, int]:
        if not hasattr(self._process, "io_counters"):
            return 0, 0
        try:
            counters = self._process.io_counters()
        except psutil.AccessDenied:
            return 0, 0
        return counters.read_bytes, counters.write_bytes


def _cpu_s() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def _peak_bytes() -> int:
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return psutil.Process().memory_info().rss
