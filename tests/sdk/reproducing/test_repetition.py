"""Runs noted with the yard's own words, done again; and all that can be wrong with what a run tells of itself."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from modelyard.kernel.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable, YardError
from modelyard.sdk.hub import Yard
from modelyard.sdk.recording.surroundings import Surroundings
from modelyard.sdk.reproducing.repetition import Repetition
from modelyard.tracking.api import Likeness, Outcome, RunStatus, Subject
from tests.sdk.reproducing.conftest import OWN, Repository

RECORD = "reproduce/surroundings.json"

PROJECT = """
[project]
name = "fares"
version = "1"
requires-python = ">=3.11"
dependencies = ["oddity"]
[tool.uv]
no-index = true
find-links = ["wheels"]
"""


@pytest.fixture
def own(repository: Repository) -> str:
    """A run of the yard's own words, made with changes that no commit has."""
    repository.write("train.py", OWN + "# changed\n")
    repository.write("helper.py", "factor = 2.0\n")
    repository.git("rm", "-q", "--cached", "helper.py")
    repository.git("commit", "-qm", "helper is nobody's")
    (run,) = repository.run("train.py")
    repository.git("checkout", "-q", "train.py")
    (repository.top / "helper.py").unlink()
    return run.id


def repeat(where: Repository, run: str, **more: Any) -> Repetition:
    wish = {"repository": where.top, "packages": "here", "python": sys.executable, **more}
    return where.yard.tracking.reproduce(run, **wish)


def tampered(yard: Yard, run: str, **change: Any) -> None:
    """Let the record of a run say something else."""
    body = b"".join(yard.tracking.download(run, RECORD))
    told = msgspec.structs.replace(msgspec.json.decode(body, type=Surroundings), **change)
    yard.tracking.upload(run, RECORD, iter([msgspec.json.encode(told)]))


def put_wheel(wheels: Path) -> Path:
    """A folder with one package that is nowhere else."""
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "oddity-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("oddity.py", "value = 42\n")
        wheel.writestr("oddity-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: oddity\nVersion: 1.2\n")
        wheel.writestr("oddity-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("oddity-1.2.dist-info/RECORD", "")
    return wheels


@pytest.fixture(autouse=True)
def nothing_is_left(repository: Repository, caches: Path) -> Iterator[None]:
    """Whatever happened, no worktree and no folder is there afterwards."""
    yield
    assert repository.worktrees() == 1
    assert not (caches / "reproductions").exists() or not list((caches / "reproductions").iterdir())


def test_a_run_is_repeated_with_its_changes_its_helpers_and_its_interpreter(repository: Repository, own: str) -> None:
    done = repeat(repository, own, packages="auto")
    kept = done.reproduction
    assert (kept.outcome, kept.of, kept.identical, kept.problem) == (Outcome.IDENTICAL, own, len(done.verdicts), "")
    assert "the present interpreter" in kept.environment
    assert {v.name for v in done.verdicts} == {"loss", "seed", "weights.txt", "figures.json"}
    again = repository.yard.tracking.run_record(kept.by)
    assert (again.name, again.status, again.commit) == ("fit", RunStatus.FINISHED, repository.git("rev-parse", "HEAD"))


def test_what_differs_is_told_with_the_difference_and_small_ones_are_within_the_tolerance(
    repository: Repository, own: str
) -> None:
    told = {v.name: (v.likeness, v.words) for v in repeat(repository, own, command="python train.py 8").verdicts}
    assert told["seed"] == (Likeness.DIFFERENT, "7 -> 8")
    assert told["loss"] == (Likeness.DIFFERENT, "20 of 20 numbers differ, most at step 0: 14.0 -> 16.0")
    assert told["figures.json"] == (Likeness.DIFFERENT, "1 of 1 numbers differ, most at loss: 10.5 -> 12.0")
    assert told["weights.txt"] == (Likeness.DIFFERENT, "1 of 1 lines differ, the first is line 1")
    near = repeat(repository, own, command="python train.py 8", tolerance=0.2)
    kinds = {v.name: v.likeness for v in near.verdicts if v.subject is not Subject.PARAM}
    assert kinds == {"loss": Likeness.EQUAL, "figures.json": Likeness.EQUAL, "weights.txt": Likeness.DIFFERENT}


def test_a_command_that_fails_or_hangs_or_makes_no_run_leaves_a_failed_one_that_says_so(
    repository: Repository, own: str, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    sleeping = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    for command, limit_s, words in (
        ("""python -c "raise SystemExit('no such luck')" """, 60.0, "exit code 1: no such luck"),
        (f'python -c "{sleeping}"', 1.5, "stopped after 1.5 s"),
        ("python -c pass", 60.0, "made no run"),
        ("no-such-program", 60.0, "cannot be run"),
    ):
        done = repeat(repository, own, command=command, limit_s=limit_s)
        assert done.reproduction.outcome is Outcome.FAILED
        assert words in done.reproduction.problem
        again = repository.yard.tracking.run_record(done.reproduction.by)
        assert (again.status, again.tags["modelyard.reproduces"]) == (RunStatus.FAILED, own)
    assert_ended(int(pid.read_text()))


def test_what_cannot_be_had_is_said_before_anything_runs(repository: Repository, own: str, tmp_path: Path) -> None:
    tracking = repository.yard.tracking
    before = len(tracking.runs().items)
    code = msgspec.json.decode(b"".join(tracking.download(own, RECORD)), type=Surroundings).code
    assert code is not None

    def refused(error: type[YardError], words: str, **more: Any) -> None:
        with pytest.raises(error, match=words):
            repeat(repository, own, **more)

    refused(NotFound, "no git repository", repository=tmp_path)
    refused(InvalidInput, "no interpreter", python="no-such-python")
    refused(InvalidInput, "tolerance", tolerance=2.0)
    tracking.upload(own, "reproduce/uncommitted.diff", iter([b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"]))
    refused(Conflict, "do not apply")
    tracking.upload(own, "reproduce/uncommitted.diff", iter([b"--- /dev/null\n+++ b/../../out\n@@ -0,0 +1 @@\n+a\n"]))
    refused(Conflict, "do not apply")
    tampered(repository.yard, own, command=["python", "train.py", "--token", "***"])
    refused(InvalidInput, "held a secret")
    tampered(repository.yard, own, command=["python"], entry="../../etc/passwd")
    tracking.upload(own, "reproduce/entry/passwd", iter([b"x"]))
    refused(Damaged, "does not lie below")
    tampered(repository.yard, own, command=["python"], entry="", code=msgspec.structs.replace(code, commit="--upload"))
    refused(Damaged, "no commit")
    tampered(repository.yard, own, code=msgspec.structs.replace(code, commit="f" * 40))
    refused(NotFound, "git fetch")
    tracking.upload(own, RECORD, iter([b"{"]))
    refused(Damaged, "cannot be read")
    assert len(tracking.runs().items) == before
    bare = tracking.start_run("0", "nothing known")
    with pytest.raises(InvalidInput, match="capture it next time: yard run"):
        repeat(repository, bare.id)


def test_a_run_that_mlflow_alone_described_is_repeated_as_far_as_it_tells(repository: Repository, own: str) -> None:
    """What the client logs without `yard run`: the file and the commit."""
    tracking = repository.yard.tracking
    tags = {"mlflow.source.name": "train.py", "mlflow.source.git.commit": repository.git("rev-parse", "HEAD~1")}
    plain = tracking.start_run("0", "plain", tags)
    done = repeat(repository, plain.id)
    assert done.reproduction.outcome is Outcome.DIFFERENT
    assert {v.name: v.likeness for v in done.verdicts}["loss"] is Likeness.EXTRA
    assert any("not made under `yard run`" in note for note in done.reproduction.notes)
    with pytest.raises(Conflict, match="--packages here"):
        repeat(repository, plain.id, packages="fresh")


def test_fresh_packages_are_those_of_the_run(
    repository: Repository, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network: one package from a folder of wheels, and one that is nowhere."""
    wheels = put_wheel(tmp_path / "wheels")
    for name, value in {
        "UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_PYTHON_DOWNLOADS": "never", "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels), "UV_CACHE_DIR": str(tmp_path / "uv"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    tracking = repository.yard.tracking
    tracking.upload(own, "reproduce/requirements.txt", iter([b"oddity==1.2\n"]))
    done = repeat(repository, own, packages="auto", command='python -c "import oddity; print(oddity.value)"')
    assert "the 1 packages of the run" in done.reproduction.environment
    said = b"".join(tracking.download(done.reproduction.by, "reproduce/output.txt"))
    assert said.strip() == b"42"
    tracking.upload(own, "reproduce/requirements.txt", iter([b"nowhere-at-all==9\n"]))
    with pytest.raises(Unavailable, match="nowhere-at-all"):
        repeat(repository, own, packages="fresh")


@pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv: pip install uv")
def test_where_only_the_commit_is_known_its_uv_lock_says_the_packages(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network: the one package that the project needs lies beside it."""
    put_wheel(repository.top / "wheels")
    repository.write("pyproject.toml", PROJECT)
    for name, value in (("UV_OFFLINE", "1"), ("UV_PYTHON_DOWNLOADS", "never"), ("UV_CACHE_DIR", str(tmp_path / "uv"))):
        monkeypatch.setenv(name, value)
    words = ["uv", "lock", "--quiet", "--python", sys.executable]
    subprocess.run(words, cwd=repository.top, check=True, capture_output=True)
    tracking = repository.yard.tracking
    tags = {"mlflow.source.name": "train.py", "mlflow.source.git.commit": repository.commit()}
    plain = tracking.start_run("0", "plain", tags)
    done = repeat(repository, plain.id, packages="auto", command='python -c "import oddity; print(oddity.value)"')
    assert done.reproduction.environment == "uv.lock of the commit by uv"
    said = b"".join(tracking.download(done.reproduction.by, "reproduce/output.txt"))
    assert said.strip() == b"42"


def test_runs_of_one_command_are_repeated_each_by_its_place(repository: Repository) -> None:
    repository.write("two.py", OWN + OWN.replace("else 7", "else 9"))
    repository.write("helper.py", "factor = 1.0\n")
    repository.commit()
    first, second = repository.run("two.py")
    done = repeat(repository, second.id)
    assert done.reproduction.outcome is Outcome.IDENTICAL
    assert not any("taken for the repetition" in note for note in done.reproduction.notes)
    assert repository.yard.tracking.run_record(done.reproduction.by).params["seed"] == "9"
    assert first.params["seed"] == "7"


def lives(pid: int) -> bool:
    """True until the process has ended, whether or not somebody has heard of it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_ended(pid: int) -> None:
    until = time.monotonic() + 20
    while lives(pid):
        assert time.monotonic() < until, "the command of the repetition lives on"
        time.sleep(0.05)


def test_one_that_is_interrupted_leaves_nothing_and_one_that_is_killed_is_swept(
    repository: Repository, own: str, caches: Path, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    sleeping = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    address = repository.yard.environment["YARD_ADDRESS"]
    words = [
        sys.executable, "-m", "modelyard", "reproduce", own, "--packages", "here", "--python", sys.executable,
        "--command", f'python -c "{sleeping}"', "--address", address, "--token", "owner",
    ]  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid.unlink(missing_ok=True)
        with subprocess.Popen(words, cwd=repository.top, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            until = time.monotonic() + 60
            while not (pid.exists() and pid.read_text()) and time.monotonic() < until:
                time.sleep(0.05)
            child.send_signal(number)
            child.wait(30)
        if number is signal.SIGKILL:
            assert len(list((caches / "reproductions").iterdir())) == 1
            assert_ended(int(pid.read_text()))
            repeat(repository, own)
        assert repository.worktrees() == 1
        assert_ended(int(pid.read_text()))


def test_the_command_says_what_differs_and_ends_with_a_code_of_its_own(repository: Repository, own: str) -> None:
    reach = ["--address", repository.yard.environment["YARD_ADDRESS"], "--token", "owner"]
    here = ["--packages", "here", "--python", sys.executable]
    for more, code, words in (
        ([], 0, "identical: 4 identical"), (["--command", "python train.py 8"], 1, "param seed: different, 7 -> 8"),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "modelyard", "reproduce", own, *here, *more, *reach], cwd=repository.top,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode, words in done.stdout) == (code, True), done.stdout + done.stderr
