"""Runs that note themselves while the yard, or their own process, is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import modelyard
from modelyard.sdk.hub import Yard
from modelyard.tracking.api import RunStatus
from tests.journeys.killing import kill_everything, start

TRAINING = """
import sys, time
import modelyard

with modelyard.connect() as yard:
    run = yard.tracking.run("fit", captures=False, system_every_s=0)
    print(run.id, flush=True)
    for step in range(10_000):
        run.log(loss=step / 2, step=step)
        print(step, flush=True)
        time.sleep(0.002)
"""


def steps(yard: Yard, run: str) -> list[int]:
    return [p.step for p in yard.tracking.history(run, "loss").items]


def test_a_yard_that_is_killed_and_comes_back_misses_nothing(tmp_path: Path, spools: Path, free_port: int) -> None:
    home = tmp_path / "home"
    up, running, _ = start(home, "--port", str(free_port))
    token = (home / "state" / "owner.token").read_text().strip()
    try:
        with modelyard.connect(running.address, token=token) as yard:
            run = yard.tracking.run("fit", captures=False, system_every_s=0, flush_s=60)
            for step in range(3000):
                run.log(loss=step / 2, step=step)
                if step == 1500:
                    time.sleep(0.5)
                    kill_everything(up, home)
                    run.text(f"after {step}", f"notes/{step}.txt")
                    up, running, _ = start(home, "--port", str(free_port))
            run.end()
            assert steps(yard, run.id) == list(range(3000))
            assert b"".join(yard.tracking.download(run.id, "notes/1500.txt")) == b"after 1500"
            assert list(spools.iterdir()) == []
            _killed_training_is_finished_by_the_next_run(yard, running.address, token)
    finally:
        kill_everything(up, home)


def _killed_training_is_finished_by_the_next_run(yard: Yard, address: str, token: str) -> None:
    env = {**os.environ, "YARD_ADDRESS": address, "YARD_TOKEN": token}
    with subprocess.Popen([sys.executable, "-c", TRAINING], stdout=subprocess.PIPE, text=True, env=env) as training:
        assert training.stdout is not None
        run = training.stdout.readline().strip()
        for line in training.stdout:
            if int(line) == 300:
                training.kill()
                break
        last = max([300, *(int(line) for line in training.stdout if line.strip().isdigit())])
    assert yard.tracking.send_waiting() == [run]
    found = steps(yard, run)
    assert found == list(range(len(found)))
    assert last <= found[-1] <= last + 1
    assert yard.tracking.run_record(run).status is RunStatus.KILLED
