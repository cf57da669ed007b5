"""Runs that a program notes itself, over a home in this process."""

from __future__ import annotations

import json
import math
import multiprocessing
import random
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.sdk.hub import Yard
from modelyard.sdk.recording import RunRecorder
from modelyard.sdk.recording.spool import Noted, Owner, Spool
from modelyard.tracking.api import RunStatus


def quiet(yard: Yard, name: str = "fit") -> RunRecorder:
    """A run that notes what it is told and nothing beside."""
    return yard.tracking.run(name, captures=False, system_every_s=0)


def test_what_was_noted_is_in_the_yard_when_the_run_ends(yard: Yard, tmp_path: Path, spools: Path) -> None:
    folder = tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "b.txt").write_text("b")
    with yard.tracking.run("fit", experiment="taxi", tags={"team": "x"}, captures=False, system_every_s=0) as run:
        run.params(depth=3, name="gbm")
        run.params({f"p{n}": n for n in range(150)})
        for step in range(2500):
            run.log(loss=1 / (step + 1), step=step)
        run.log({"val/f1": 0.5, "odd": math.nan, "up": math.inf})
        run.tags(note="first")
        run.tags(note="second")
        run.reads("table:trips@12")
        run.file(folder, "out")
        run.text("hello", "notes/hello.txt")
        (folder / "deep" / "b.txt").write_text("written again after it was kept")
    seen = yard.tracking.run_record(run.id)
    assert (seen.name, seen.status, seen.tags["team"], seen.tags["note"]) == ("fit", RunStatus.FINISHED, "x", "second")
    assert yard.tracking.experiment(seen.experiment).name == "taxi"
    assert (seen.params["depth"], len(seen.params), seen.reads) == ("3", 152, ["table:trips@12"])
    assert {p.key: p.value for p in seen.metrics} == {"loss": 1 / 2500, "val/f1": 0.5, "odd": "NaN", "up": "Infinity"}
    assert [p.step for p in yard.tracking.history(run.id, "loss").items] == list(range(2500))
    assert b"".join(yard.tracking.download(run.id, "out/deep/b.txt")) == b"b"
    assert b"".join(yard.tracking.download(run.id, "notes/hello.txt")) == b"hello"
    assert list(spools.iterdir()) == []


def test_a_run_ends_as_its_block_does(yard: Yard) -> None:
    ends: dict[type[BaseException] | None, RunStatus] = {
        None: RunStatus.FINISHED, ValueError: RunStatus.FAILED, KeyboardInterrupt: RunStatus.KILLED,
    }  # fmt: skip
    for error, status in ends.items():
        run = quiet(yard)
        try:
            with run:
                if error is not None:
                    raise error
        except (ValueError, KeyboardInterrupt):
            assert error is not None
        assert yard.tracking.run_record(run.id).status is status
    with pytest.raises(InvalidInput, match="over"):
        run.log(loss=1)


def test_what_breaks_a_rule_is_told_at_once_and_costs_nothing_else(yard: Yard) -> None:
    with quiet(yard) as run:
        run.params(depth=3)
        with pytest.raises(InvalidInput, match="first value"):
            run.params(depth=4)
        with pytest.raises(InvalidInput, match="no number"):
            run.log(loss="low")  # type: ignore[arg-type]  # what a hasty hand writes
        with pytest.raises(InvalidInput):
            run.log({"../up": 1.0})
        with pytest.raises(InvalidInput):
            run.text("x", "../../etc/passwd")
        with pytest.raises(NotFound):
            run.file("/nowhere/at/all")
        with pytest.raises(InvalidInput):
            run.reads("trips")
        run.log(loss=1.0)
    assert [p.key for p in yard.tracking.run_record(run.id).metrics] == ["loss"]


def test_what_the_yard_refuses_is_told_at_the_end_and_the_rest_is_there(yard: Yard) -> None:
    run = quiet(yard)
    yard.tracking.log(run.id, params={"depth": "9"})
    run.params(depth=3)
    run.log(loss=1.0)
    with pytest.warns(UserWarning, match="refused"):
        run.end()
    seen = yard.tracking.run_record(run.id)
    assert (seen.params, len(seen.metrics), seen.status) == ({"depth": "9"}, 1, RunStatus.FINISHED)


def test_runs_nest_and_seeds_are_noted(yard: Yard) -> None:
    with quiet(yard, "outer") as outer:
        with yard.tracking.run("inner", parent=outer, captures=False, system_every_s=0) as inner:
            drawn = [(inner.seed(7), random.random())[1] for _ in range(2)]
        assert drawn[0] == drawn[1]
    seen = yard.tracking.run_record(inner.id)
    assert (seen.parent, seen.params) == (outer.id, {"seed": "7"})


def _child(run: RunRecorder) -> None:
    for step in range(100):
        run.log(child=float(step), step=step)


@pytest.mark.skipif(sys.platform != "linux", reason="only a forked process shares its parent's run")
def test_forked_workers_note_into_their_parents_run(yard: Yard) -> None:
    with quiet(yard) as run:
        worker = multiprocessing.get_context("fork").Process(target=_child, args=(run,))
        worker.start()
        worker.join()
    assert len(yard.tracking.history(run.id, "child").items) == 100


def test_the_machine_is_watched_and_its_energy_counted(yard: Yard) -> None:
    with yard.tracking.run("busy", captures=False, system_every_s=0.05) as run:
        sum(n * n for n in range(400_000))
    seen = yard.tracking.run_record(run.id)
    values = {p.key: p.number for p in seen.metrics}
    assert values["system/system_memory_usage_megabytes"] > 0
    assert values["system/process_memory_megabytes"] > 0
    assert values["system/energy_watt_hours"] > 0
    assert "RAPL" in seen.tags["modelyard.energy"] or "estimated" in seen.tags["modelyard.energy"]


def test_surroundings_are_kept_without_secrets(yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "code"
    code.mkdir()

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=code, check=True, capture_output=True)

    git("init", "-q", "-b", "trunk")
    (code / "train.py").write_text("depth = 3\n")
    (code / "uv.lock").write_text("version = 1\n")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    git("remote", "add", "origin", "https://me:hunter2@git.example/x.git")
    (code / "train.py").write_text("depth = 4\n")
    monkeypatch.chdir(code)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("HF_TOKEN", "hunter2")
    monkeypatch.setattr(sys, "orig_argv", ["python", "train.py", "--api-key", "hunter2", "--depth", "4"])
    with yard.tracking.run("fit", system_every_s=0) as run:
        run.seed(5)
    seen = yard.tracking.run_record(run.id)
    assert (seen.commit, seen.tags["mlflow.source.git.branch"]) == (seen.tags["mlflow.source.git.commit"], "trunk")
    assert seen.tags["modelyard.code"] == "changed since the commit"
    files = {name: b"".join(yard.tracking.download(run.id, f"reproduce/{name}")) for name in (
        "surroundings.json", "uncommitted.diff", "requirements.txt", "lock/uv.lock",
    )}  # fmt: skip
    record = json.loads(files["surroundings.json"])
    assert record["command"][1:] == ["train.py", "--api-key", "***", "--depth", "4"]
    assert (record["switches"]["OMP_NUM_THREADS"], record["switches"]["HF_TOKEN"]) == ("3", "***")
    assert record["code"]["remote"] == "https://***@git.example/x.git"
    assert (record["code"]["dirty"], record["lock"]) == (True, "uv.lock")
    assert seen.tags["modelyard.seeds"].startswith("python 5")
    assert b"+depth = 4" in files["uncommitted.diff"]
    assert b"msgspec==" in files["requirements.txt"]
    assert not any(b"hunter2" in body for body in files.values())
    assert "hunter2" not in str(seen.tags)


def test_a_run_whose_process_is_gone_is_finished_by_the_next(yard: Yard, spools: Path) -> None:
    place = yard.tracking._place
    for name in ("dead", "torn", "damaged"):
        made = yard.tracking.start_run("0", name)
        spool = Spool.new(spools, Owner(run=made.id, place=place, pid=2**22 + 1, born=1.0))
        for step in range(10):
            spool.note(Noted(points=(("loss", 1.0, 1000 + step, step),)))
        notes = spools / made.id / "notes"
        if name == "torn":
            notes.write_bytes(notes.read_bytes()[:-5])
        if name == "damaged":
            notes.write_bytes(notes.read_bytes().replace(b"loss", b"lost", 5))
    with pytest.warns(UserWarning, match="damaged"):
        quiet(yard).end()
    found = {r.name: r for r in yard.tracking.runs(["0"]).items}
    assert (found["dead"].status, found["torn"].status) == (RunStatus.KILLED, RunStatus.KILLED)
    assert len(yard.tracking.history(found["dead"].id, "loss").items) == 10
    assert len(yard.tracking.history(found["torn"].id, "loss").items) == 9
    assert [p.name for p in spools.iterdir()] == [f"damaged-{found['damaged'].id}"]
    quiet(yard).end()


def test_a_full_disk_costs_notes_and_not_the_training(yard: Yard, spools: Path) -> None:
    import resource
    import signal

    run = quiet(yard)
    run.log(loss=1.0, step=0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, before[1]))
    try:
        with pytest.warns(UserWarning, match="loses notes"):
            for step in range(1, 10):
                run.log(loss=1.0, step=step)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, kept)
    run.log(loss=2.0, step=10)
    run.end()
    steps = [p.step for p in yard.tracking.history(run.id, "loss").items]
    assert (steps[0], steps[-1]) == (0, 10)
    assert int(yard.tracking.run_record(run.id).tags["modelyard.notes_lost"]) == 11 - len(steps)
