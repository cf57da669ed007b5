"""No child outlives its yard: not one whose yard was killed, not one that left its parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil

from modelyard.adapters.processes import LocalProcesses
from modelyard.kernel.clock import SystemClock
from modelyard.testing.compute_contract import eventually, gone

YARD = """
import os, sys, threading
from pathlib import Path
from modelyard.adapters.processes import LocalProcesses
from modelyard.kernel.clock import SystemClock
from modelyard.ports.compute import Order

folder = Path(sys.argv[1])
engine = LocalProcesses(folder / "traces", env=os.environ, clock=SystemClock())
order = Order(argv=[sys.executable, "-c", sys.argv[2]], folder=folder, log=folder / "child.log")
sys.stdout.write(f"{engine.start(order).pid}\\n")
sys.stdout.flush()
threading.Event().wait(60)
"""
WITH_GRANDCHILD = (
    "import subprocess, sys, time\n"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
    "print(p.pid, flush=True)\ntime.sleep(99)"
)


def yard_with_a_child(folder: Path, program: str) -> tuple[subprocess.Popen[str], int]:
    yard = subprocess.Popen([sys.executable, "-c", YARD, str(folder), program], stdout=subprocess.PIPE, text=True)
    assert yard.stdout is not None
    with yard.stdout:
        return yard, int(yard.stdout.readline())


def test_a_child_dies_with_a_killed_yard(tmp_path: Path) -> None:
    yard, child = yard_with_a_child(tmp_path, "import time; time.sleep(99)")
    assert not gone(child)
    yard.kill()
    yard.wait(10)
    eventually(lambda: gone(child), what="the child dies with its yard")


def test_the_next_yard_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    yard, child = yard_with_a_child(tmp_path, WITH_GRANDCHILD)
    log = tmp_path / "child.log"
    eventually(lambda: log.exists() and log.read_text().strip(), what="the grandchild is up")
    grandchild = int(log.read_text())
    yard.kill()
    yard.wait(10)
    eventually(lambda: gone(child), what="the child dies with its yard")
    assert not gone(grandchild)

    following = LocalProcesses(tmp_path / "traces", env=os.environ, clock=SystemClock())
    assert following.sweep() == 1
    eventually(lambda: gone(grandchild), what="the grandchild is swept")
    assert following.sweep() == 0
    following.close()


def test_the_sweep_leaves_a_later_process_of_the_same_number_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"], start_new_session=True)
    born = psutil.Process(bystander.pid).create_time()
    traces = tmp_path / "traces"
    traces.mkdir()
    (traces / "child_x.json").write_bytes(msgspec.json.encode({"pid": bystander.pid, "born": born - 100}))
    (traces / "child_y.json").write_bytes(b"half a li")
    engine = LocalProcesses(traces, env=os.environ, clock=SystemClock())
    try:
        assert engine.sweep() == 0
        assert bystander.poll() is None
        assert list(traces.iterdir()) == []
    finally:
        bystander.kill()
        bystander.wait(10)
