"""Starting a yard, killing all of it at once, and looking whether it left anything behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from modelyard.adapters.children import FileChildren
from modelyard.app.examination import Health, examine
from modelyard.app.house import House
from modelyard.app.lock import Running, running_at
from modelyard.settings import Settings


def start(home: Path, *flags: str) -> tuple[subprocess.Popen[bytes], Running, float]:
    began = time.monotonic()
    with (home.parent / "up.out").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0", *flags],
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    while time.monotonic() - began < 60:
        if (running := running_at(home)) is not None:
            return process, running, time.monotonic() - began
        assert process.poll() is None, (home.parent / "up.out").read_text()
        time.sleep(0.02)
    raise AssertionError((home.parent / "up.out").read_text())


def killed(module: str, *arguments: str, after: float | None = None, may_end: bool = False) -> list[str]:
    """What a process said until it was killed: by itself, or by us, so many seconds after its first line.

    With `may_end` it may also have come to its end before.
    """
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    ) as child:  # fmt: skip
        assert child.stdout is not None
        said = []
        if after is not None:
            said.append(child.stdout.readline())
            time.sleep(after)
            child.kill()
        said += child.stdout
        assert child.wait(60) in ((-signal.SIGKILL, 0) if may_end else (-signal.SIGKILL,))
    return [line.strip() for line in said if line.endswith("\n")]


def assert_quick(took: float) -> None:
    """A start after a kill takes at most 10 s."""
    assert took < 10, took


def kill_everything(process: subprocess.Popen[bytes], home: Path) -> None:
    """As a power cut of the process table: every process of the yard at once."""
    pids = [process.pid] + [s.pid for s in FileChildren(home / "run" / "children").statuses() if s.pid]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(10)


def assert_clean(home: Path) -> None:
    """No leftover of the dead anywhere in the home, and nothing damaged."""
    leftovers = [p for p in home.rglob("*") if p.is_file() and (".tmp" in p.name or "#" in p.name)]
    assert leftovers == []
    assert list((home / "objects" / "unfinished").iterdir()) == []
    house = House(Settings(home=str(home)))
    try:
        found = [f for f in examine(house) if f.health is Health.BAD]
    finally:
        house.close()
    assert found == []
