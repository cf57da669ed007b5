"""Workers die, yards die: runs go on, only what was lost is done again, and none runs for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from modelyard.app.lock import Running, running_at
from modelyard.pipelines.api import AttemptStatus, FlowRunId, RunStatus, StepStatus
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from tests.pipelines.sample import module

HELD = """
from pathlib import Path
from modelyard import flow, step

@step
def prepare(folder: str) -> str:
    log = Path(folder, "prepared")
    log.write_text(log.read_text() + "x" if log.exists() else "x")
    return folder

@step
def wait(folder: str) -> str:
    import time
    print("waiting", flush=True)
    Path(folder, "held").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.05)
    return "done"

@flow
def held(folder: str) -> str:
    return wait(prepare(folder))
"""


def until(said: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not said():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def at_wait(yard: Yard, run: FlowRunId, folder: Path) -> bool:
    """The step is under way and its own code has begun, which is a little later."""
    running = any(s.id == "wait" and s.status is StepStatus.RUNNING for s in yard.pipelines.steps(run))
    return running and (folder / "held").exists()


def ends(yard: Yard, run: FlowRunId) -> list[AttemptStatus]:
    return [a.status for a in yard.pipelines.attempts(run)]


def test_a_killed_worker_is_noticed_and_only_the_lost_step_runs_again(yard: Yard, tmp_path: Path) -> None:
    with module(tmp_path / "user", "held_flow", HELD) as written:
        submitted = written.held.submit(yard, str(tmp_path))
    until(lambda: at_wait(yard, submitted.id, tmp_path), "the worker waits")
    worker = yard.pipelines.attempts(submitted.id)[0].pid
    began = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    until(lambda: yard.pipelines.attempts(submitted.id)[0].status is AttemptStatus.LOST, "it is noticed")
    assert time.monotonic() - began < 2
    lost = yard.pipelines.attempts(submitted.id)[0]
    assert (lost.exit_code, lost.last_line) == (-9, "waiting")
    assert lost.used.cpu_s > 0
    (tmp_path / "go").touch()
    run = submitted.wait(timeout_s=30)
    assert (run.status, run.output, run.attempt) == (RunStatus.FINISHED, "done", 2)
    assert (tmp_path / "prepared").read_text() == "x", "the finished step was done again"
    assert [(s.id, s.attempt) for s in yard.pipelines.steps(run.id)] == [("prepare", 1), ("wait", 2)]
    until(lambda: ends(yard, run.id) == [AttemptStatus.LOST, AttemptStatus.FINISHED], "its worker is gone")


def test_a_worker_that_dies_each_time_ends_its_run_as_failed(yard: Yard, tmp_path: Path) -> None:
    deadly = (
        "import os\nfrom modelyard import flow, step\n@step\ndef die(code: int) -> int:\n"
        "    print('about to die', flush=True)\n    os._exit(code)\n@flow\ndef deadly() -> int:\n    return die(9)\n"
    )
    with module(tmp_path / "user", "deadly_flow", deadly) as written:
        run = written.deadly.submit(yard).wait(timeout_s=60)
    assert (run.status, run.attempt) == (RunStatus.FAILED, 3)
    assert "given up after 3 attempts" in run.error
    assert "exit code 9" in run.error
    assert "about to die" in run.error
    assert [a.status for a in yard.pipelines.attempts(run.id)] == [AttemptStatus.LOST] * 3


def test_a_run_that_is_cancelled_stops_within_seconds(yard: Yard, tmp_path: Path) -> None:
    with module(tmp_path / "user", "held_flow", HELD) as written:
        submitted = written.held.submit(yard, str(tmp_path))
    until(lambda: at_wait(yard, submitted.id, tmp_path), "the worker waits")
    worker = yard.pipelines.attempts(submitted.id)[0].pid
    began = time.monotonic()
    assert yard.pipelines.cancel(submitted.id).cancelling
    run = submitted.wait(timeout_s=20)
    assert time.monotonic() - began < 5
    assert run.status is RunStatus.CANCELLED
    until(lambda: not psutil.pid_exists(worker), "the worker is gone")
    assert yard.pipelines.attempts(run.id)[0].status is AttemptStatus.STOPPED


class Up:
    """A yard in processes of its own, to be killed."""

    def __init__(self, home: Path) -> None:
        argv = [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"]
        self.process = subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.home = home
        until(self._running, "the yard is up")

    def _running(self) -> Running | None:
        found = running_at(self.home)
        return found if found is not None and psutil.pid_exists(found.pid) else None

    def client(self) -> Yard:
        running = self._running()
        assert running is not None
        transport = HttpTransport(running.address, (self.home / "state" / "owner.token").read_text())
        return Yard(transport, close=transport.close)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def test_a_run_goes_on_after_the_whole_yard_was_killed(tmp_home: Path, tmp_path: Path) -> None:
    up = Up(tmp_home)
    try:
        with up.client() as yard, module(tmp_path / "user", "held_flow", HELD) as written:
            submitted = written.held.submit(yard, str(tmp_path))
            until(lambda: at_wait(yard, submitted.id, tmp_path), "the worker waits")
            worker = yard.pipelines.attempts(submitted.id)[0].pid
        up.kill()
        until(lambda: not psutil.pid_exists(worker), "the worker dies with its yard")
        (tmp_path / "go").touch()
        began = time.monotonic()
        up = Up(tmp_home)
        with up.client() as yard:
            until(lambda: yard.pipelines.flow_run(submitted.id).is_over, "the run is over")
            run = yard.pipelines.flow_run(submitted.id)
            assert (run.status, run.output, run.attempt) == (RunStatus.FINISHED, "done", 2)
            assert (tmp_path / "prepared").read_text() == "x"
            until(lambda: ends(yard, run.id) == [AttemptStatus.LOST, AttemptStatus.FINISHED], "its worker is gone")
        assert time.monotonic() - began < 20
        assert list((tmp_home / "run" / "flows").iterdir()) == []
    finally:
        up.kill()
