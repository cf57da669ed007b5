"""What every adapter of the compute port must do. Derive a test class and give it a `compute` fixture.

    class TestMyCompute(ComputeContract):
        @pytest.fixture
        def compute(self) -> Iterator[Compute]:
            ...

The children are small Python programs; the engine must run on the machine that runs the test.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import InvalidInput, NotFound, Unavailable
from modelyard.ports.compute import Child, ChildId, Compute, End, Limits, Order

PATIENCE_S = 20.0
MIB = 1 << 20

FOREVER = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.1)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER
PARENT = "import subprocess, sys, time\np = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
PARENT += "print(p.pid, flush=True)\ntime.sleep(99)"


def eventually(said: Callable[[], object], *, what: str) -> None:
    """Wait until it is so.

    Raises:
        AssertionError: it was not within twenty seconds.
    """
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + PATIENCE_S
    while not said():
        assert clock.monotonic() < end, f"waited in vain: {what}"
        pause.wait(0.02)


def ended(compute: Compute, child: ChildId) -> Child:
    """The child once it has ended."""
    eventually(lambda: not compute.look(child).runs, what="the child ends")
    return compute.look(child)


def order(folder: Path, program: str, *arguments: str, limits: Limits | None = None, **env: str) -> Order:
    """An order for a small Python program, logging to `child.log`."""
    argv = [sys.executable, "-c", program, *arguments]
    return Order(argv=argv, folder=folder, log=folder / "logs" / "child.log", env=env, limits=limits or Limits())


def log_of(folder: Path) -> str:
    """What the children of a folder have said."""
    log = folder / "logs" / "child.log"
    return log.read_text() if log.exists() else ""


class ComputeContract:
    """The suite."""

    def test_a_child_gets_its_arguments_folder_and_variables(self, compute: Compute, tmp_path: Path) -> None:
        said = "import os, sys; print(sys.argv[1], os.getcwd(), os.environ['COLOUR'])"
        child = compute.start(order(tmp_path, said, "a b; $(c)", COLOUR="blue"))
        last = ended(compute, child.id)
        assert (last.end, last.exit_code) == (End.EXITED, 0)
        assert last.last_line == f"a b; $(c) {tmp_path} blue"

    def test_a_child_that_failed_tells_its_code_and_last_line(self, compute: Compute, tmp_path: Path) -> None:
        program = (
            "import sys; print('starting', flush=True); sys.stderr.write('the disk is on fire\\n\\n'); sys.exit(7)"
        )
        last = ended(compute, compute.start(order(tmp_path, program)).id)
        assert (last.end, last.exit_code, last.last_line) == (End.EXITED, 7, "the disk is on fire")

    def test_a_child_that_was_killed_tells_the_signal(self, compute: Compute, tmp_path: Path) -> None:
        child = compute.start(order(tmp_path, FOREVER))
        eventually(lambda: "ready" in log_of(tmp_path), what="it is up")
        psutil.Process(child.pid).kill()
        last = ended(compute, child.id)
        assert (last.end, last.exit_code, last.last_line) == (End.KILLED, -9, "ready")

    def test_stop_ends_a_child_that_listens(self, compute: Compute, tmp_path: Path) -> None:
        child = compute.start(order(tmp_path, FOREVER))
        eventually(lambda: "ready" in log_of(tmp_path), what="it is up")
        last = compute.stop(child.id)
        assert (last.end, last.exit_code) == (End.STOPPED, -15)
        assert compute.stop(child.id) == last, "stopping twice changes nothing"

    def test_stop_insists_on_a_child_that_does_not_listen(self, compute: Compute, tmp_path: Path) -> None:
        child = compute.start(order(tmp_path, DEAF))
        eventually(lambda: "ready" in log_of(tmp_path), what="it is up")
        last = compute.stop(child.id, grace_s=0.1)
        assert (last.end, last.exit_code) == (End.STOPPED, -9)

    def test_grandchildren_end_with_the_child(self, compute: Compute, tmp_path: Path) -> None:
        child = compute.start(order(tmp_path, PARENT))
        eventually(lambda: log_of(tmp_path).strip(), what="it has a child of its own")
        grandchild = int(log_of(tmp_path))
        psutil.Process(child.pid).kill()
        ended(compute, child.id)
        eventually(lambda: gone(grandchild), what="the grandchild ends")

    def test_the_wall_limit_ends_a_child(self, compute: Compute, tmp_path: Path) -> None:
        child = compute.start(order(tmp_path, FOREVER, limits=Limits(wall_s=0.2)))
        last = ended(compute, child.id)
        assert last.end is End.TIMED_OUT
        assert last.used.wall_s >= 0.2

    def test_the_cpu_limit_ends_a_child(self, compute: Compute, tmp_path: Path) -> None:
        child = compute.start(order(tmp_path, "while True: pass", limits=Limits(cpu_s=1)))
        last = ended(compute, child.id)
        assert last.end is End.KILLED
        assert 0.8 <= last.used.cpu_s <= 2.5

    def test_the_memory_limit_makes_allocations_fail_there(self, compute: Compute, tmp_path: Path) -> None:
        program = "x = bytearray(1 << 30)"
        last = ended(compute, compute.start(order(tmp_path, program, limits=Limits(memory_bytes=512 * MIB))).id)
        assert (last.exit_code, last.last_line) == (1, "MemoryError")

    def test_what_a_child_used_is_metered(self, compute: Compute, tmp_path: Path) -> None:
        program = (
            "import time; x = bytearray(b'x') * (100 << 20)\n"
            "end = time.process_time() + 0.5\nwhile time.process_time() < end: pass\ntime.sleep(0.6)"
        )
        last = ended(compute, compute.start(order(tmp_path, program)).id)
        assert 0.5 <= last.used.cpu_s <= 3
        assert 100 * MIB <= last.used.peak_memory_bytes <= 400 * MIB
        assert last.used.wall_s >= 1.0

    def test_what_grandchildren_used_is_metered_too(self, compute: Compute, tmp_path: Path) -> None:
        busy = "import time\\nend = time.process_time() + 0.5\\nwhile time.process_time() < end: pass"
        program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{busy}'])"
        last = ended(compute, compute.start(order(tmp_path, program)).id)
        assert last.exit_code == 0
        assert last.used.cpu_s >= 0.5

    def test_children_are_listed_until_forgotten(self, compute: Compute, tmp_path: Path) -> None:
        running = compute.start(order(tmp_path, FOREVER))
        over = compute.start(order(tmp_path, "pass"))
        ended(compute, over.id)
        assert [c.id for c in compute.children()] == [running.id, over.id]
        compute.forget(over.id)
        compute.forget(running.id)
        assert [c.id for c in compute.children()] == [running.id], "one that runs is not forgotten"
        with pytest.raises(NotFound):
            compute.look(over.id)

    def test_a_program_that_is_not_there_is_refused(self, compute: Compute, tmp_path: Path) -> None:
        nothing = Order(argv=["no-such-program-here"], folder=tmp_path, log=tmp_path / "child.log")
        with pytest.raises(InvalidInput):
            compute.start(nothing)
        assert list(compute.children()) == []

    def test_closing_stops_everything_and_takes_no_more(self, compute: Compute, tmp_path: Path) -> None:
        children = [compute.start(order(tmp_path, FOREVER)) for _ in range(2)]
        compute.close()
        assert all(gone(child.pid) for child in children)
        with pytest.raises(Unavailable):
            compute.start(order(tmp_path, FOREVER))


def gone(pid: int) -> bool:
    """True if no such process runs; one that nobody waited for does not run."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
