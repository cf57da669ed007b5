"""What a start costs: importing the package, the command line's help, and a whole yard until it is ready and idle."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.row import Row, median_ms

from modelyard.app.lock import running_at
from modelyard.app.upkeep import state_of
from modelyard.settings import Settings

_STARTS = 3
_SETTLE_S = 3.0


def measure() -> Iterator[Row]:
    """Wall time of fresh interpreters, the median of eleven; the yard's the median of three, its memory once idle."""

    def start(*arguments: str) -> float:
        return median_ms(
            lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True), times=11
        )

    bare = start("-c", "pass")
    face = start("-c", "import modelyard")
    shown = start("-m", "modelyard", "--help")
    yield Row("a bare interpreter", bare, "ms")
    yield Row("import modelyard, over bare", face - bare, "ms", beside=bare, beside_what="bare", reach=120)
    yield Row("yard --help", shown, "ms", beside=bare, beside_what="bare", reach=150)
    yield from _whole_yard()


def _whole_yard() -> Iterator[Row]:
    fresh, again, memory, processes = [], [], 0.0, 0
    for _ in range(_STARTS):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            fresh.append(_up(home)[0])
            taken, memory, processes = _up(home)
            again.append(taken)
    yield Row("yard up to /readyz, in a new home", sorted(fresh)[_STARTS // 2], "s", reach=3)
    yield Row("yard up to /readyz, in a home that is there", sorted(again)[_STARTS // 2], "s", reach=3)
    yield Row(f"idle memory of all {processes} processes (PSS)", memory, "MB", reach=200)


def _up(home: Path) -> tuple[float, float, int]:
    """Seconds until `/readyz` answers, then MB and number of processes at rest."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while (running := running_at(home)) is None:
            time.sleep(0.01)
        asked = http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=10)
        asked.request("GET", "/readyz")
        if asked.getresponse().status != 200:
            raise RuntimeError("the yard announced itself and is not ready")
        taken = time.perf_counter() - began
        asked.close()
        time.sleep(_SETTLE_S)
        state = state_of(Settings(home=str(home)))
        return taken, state.memory_mb, 1 + len(state.children)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
