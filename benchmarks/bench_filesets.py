"""10,000 small files added, one in a hundred changed, added again: seconds and files on disk, beside DVC where found.

DVC is looked for as a command: put its folder on the PATH, or name the command in `DVC`. Each step is a process of its
own, as its users run it: `dvc add`, and `yard lake add-folder` beside a yard that is up and has added a file before.
Processor seconds are the command's and the yard's together. The same without a yard beside, where the command opens the
home itself, is said too.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from benchmarks.row import Row

from modelyard.app.lock import running_at

FILES = int(os.environ.get("BENCH_FILES", "10000"))
_STEPS = ("added", "1 % changed, added again", "added again unchanged")


def _make(folder: Path) -> None:
    draw = random.Random(1)
    for number in range(FILES):
        path = folder / f"{number % 100:02d}" / f"{number:06d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw.randbytes(draw.randint(1_000, 12_000)))


def _change(folder: Path) -> None:
    draw = random.Random(2)
    for number in range(0, FILES, 100):
        (folder / f"{number % 100:02d}" / f"{number:06d}.bin").write_bytes(draw.randbytes(5_000))


def _spent(action: Callable[[], object], beside: int | None) -> tuple[float, float]:
    """Wall seconds, and processor seconds of the children and of a process tree beside them."""
    before, other, began = os.times(), _cpu(beside), time.perf_counter()
    action()
    after = os.times()
    return time.perf_counter() - began, sum(after[2:4]) - sum(before[2:4]) + _cpu(beside) - other


def _cpu(pid: int | None) -> float:
    if pid is None:
        return 0.0
    top = psutil.Process(pid)
    return sum(sum(each.cpu_times()[:2]) for each in (top, *top.children(recursive=True)))


def _files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _steps(folder: Path, add: Callable[[], object], beside: int | None = None) -> Iterator[tuple[float, float]]:
    for name in _STEPS:
        if name.startswith("1 %"):
            _change(folder)
        yield _spent(add, beside)


@contextmanager
def _yard(home: Path, env: dict[str, str]) -> Iterator[int]:
    """A yard that is up; its process."""
    command = [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        while running_at(home) is None:
            time.sleep(0.05)
        time.sleep(3)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def measure() -> Iterator[Row]:
    """Seconds of each step, wall and processor; files on disk."""
    dvc = os.environ.get("DVC") or shutil.which("dvc")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        env = {**os.environ, "XDG_CACHE_HOME": str(root / "cache"), "DVC_NO_ANALYTICS": "1", "HOME": str(root)}
        ours, alone, theirs = (root / name / "files" for name in ("ours", "alone", "theirs"))
        for folder in (ours, alone, theirs):
            _make(folder)
        time.sleep(2.1)  # files this fresh are hashed again, by both

        def command(home: Path, folder: Path, name: str = "cats") -> Callable[[], object]:
            argv = [sys.executable, "-m", "modelyard", "--home", str(home), "lake", "add-folder", name, str(folder)]
            return lambda: subprocess.run(argv, check=True, env=env, stdout=subprocess.DEVNULL)

        home = root / "home"
        (root / "one").mkdir()
        (root / "one" / "file.bin").write_bytes(b"one")
        with _yard(home, env) as pid:
            command(home, root / "one", "one")()
            mine = list(_steps(ours, command(home, ours), pid))
        held = _files(home) + _files(root / "cache")
        single = list(_steps(alone, command(root / "other", alone)))
        peer: list[tuple[float, float]] = []
        if dvc:
            run = {"cwd": theirs.parent, "env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([dvc, "init", "--no-scm", "-q"], check=True, **run)
            peer = list(_steps(theirs, lambda: subprocess.run([dvc, "add", "-q", "files"], check=True, **run)))
        named = "DVC" if peer else ""
        for place, name in enumerate(_STEPS):
            for kind, what in enumerate(("", ", processor")):
                beside = peer[place][kind] if peer else None
                reach = None if beside is None else beside / 2
                yield Row(f"{FILES:,} files {name}{what}", mine[place][kind], "s", beside, named, reach)
                yield Row(f"  no yard beside{what}", single[place][kind], "s", beside, named)
        kept = _files(theirs.parent / ".dvc") if peer else None
        yield Row("files on disk", held, "files", kept, named, None if kept is None else kept / 2)
