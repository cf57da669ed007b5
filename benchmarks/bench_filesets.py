"""10,000 small files added, one in a hundred changed, added again: seconds and files on disk, beside DVC where found.

DVC is looked for as a command: put its folder on the PATH, or name the command in `DVC`. Each step is a process of its
own, as its users run it, and so is each of ours.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.row import Row

FILES = int(os.environ.get("BENCH_FILES", "10000"))
_OURS = "import sys, modelyard; y = modelyard.connect(sys.argv[1]); y.lake.add_folder('cats', sys.argv[2]); y.close()"


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


def _spent(action: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds, and processor seconds of the children."""
    before, began = os.times(), time.perf_counter()
    action()
    after = os.times()
    return time.perf_counter() - began, sum(after[2:4]) - sum(before[2:4])


def _files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _steps(folder: Path, add: Callable[[], object]) -> Iterator[tuple[str, float, float]]:
    for name in ("added", "1 % changed, added again", "added again unchanged"):
        if name.startswith("1 %"):
            _change(folder)
        wall, cpu = _spent(add)
        yield name, wall, cpu


def measure() -> Iterator[Row]:
    """Seconds of each step, wall and processor; files on disk."""
    dvc = os.environ.get("DVC") or shutil.which("dvc")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        env = {**os.environ, "XDG_CACHE_HOME": str(root / "cache"), "DVC_NO_ANALYTICS": "1", "HOME": str(root)}
        ours, theirs = root / "ours" / "files", root / "theirs" / "files"
        _make(ours)
        _make(theirs)
        time.sleep(2.1)  # files this fresh are hashed again, by both
        home = root / "home"
        command = [sys.executable, "-c", _OURS, str(home), str(ours)]
        mine = list(_steps(ours, lambda: subprocess.run(command, check=True, env=env)))
        peer: list[tuple[str, float, float]] = []
        if dvc:
            run = {"cwd": theirs.parent, "env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([dvc, "init", "--no-scm", "-q"], check=True, **run)
            peer = list(_steps(theirs, lambda: subprocess.run([dvc, "add", "-q", "files"], check=True, **run)))
        for place, (name, wall, cpu) in enumerate(mine):
            beside = peer[place] if peer else (name, None, None)
            reach = [None if each is None else each / 2 for each in beside[1:]]
            yield Row(f"{FILES:,} files {name}", wall, "s", beside[1], "DVC" if peer else "", reach[0])
            yield Row(f"{FILES:,} files {name}, processor", cpu, "s", beside[2], "DVC" if peer else "", reach[1])
        held = _files(home) + _files(root / "cache")
        kept = _files(theirs.parent / ".dvc") if peer else None
        yield Row("files on disk", held, "files", kept, "DVC" if peer else "", None if kept is None else kept / 2)
