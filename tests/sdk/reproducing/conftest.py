"""A yard that is up, a repository with a script in it, and a cache folder that nobody else sees."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import modelyard
from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.app.rooms import lake, registry, tracking
from modelyard.kernel.actors import ScopeAuthority
from modelyard.sdk.hub import Yard
from modelyard.sdk.reproducing.invoking import invoke
from modelyard.settings import Settings
from modelyard.tracking.api import Run
from tests.protocols.mlflow.conftest import Known

OWN = """
import sys
import modelyard
from helper import factor
with modelyard.connect() as yard, yard.tracking.run("fit", experiment="own", system_every_s=0) as run:
    seed = run.seed(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
    for step in range(20):
        run.log(loss=factor * seed / (step + 1), step=step)
    run.text("weights of " + str(seed), "weights.txt")
    run.text('{"loss": ' + str(seed * 1.5) + "}", "figures.json")
"""


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's spools and repetitions lie."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "modelyard"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A yard behind an address."""
    settings = Settings(home=str(tmp_path_factory.mktemp("again") / "home"), port=0)
    house = House(settings, rooms=(lake.ROOM, tracking.ROOM, registry.ROOM), identity=(Known(), ScopeAuthority()))
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(15)
    with modelyard.connect(control.address, token="owner") as opened:
        yield opened
    control.stop()
    thread.join(15)


@dataclass
class Repository:
    """A repository with scripts."""

    top: Path
    yard: Yard

    def git(self, *words: str) -> str:
        """What git answers in it."""
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=self.top, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def write(self, name: str, text: str) -> None:
        """Put a file there."""
        (self.top / name).parent.mkdir(parents=True, exist_ok=True)
        (self.top / name).write_text(text)

    def commit(self) -> str:
        """Commit all; the commit."""
        self.git("add", ".")
        self.git("commit", "-qm", "as it is")
        return self.git("rev-parse", "HEAD")

    def run(self, *words: str) -> list[Run]:
        """Run a script as `yard run` does; its runs."""
        done = invoke(self.yard.tracking, [sys.executable, *words], self.yard.environment)
        assert done.code == 0
        return done.runs

    def worktrees(self) -> int:
        """How many worktrees git knows."""
        return len(self.git("worktree", "list").splitlines())


@pytest.fixture
def repository(tmp_path: Path, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose script notes a run with the yard's own words; the test stands in it."""
    made = Repository(tmp_path / "code", yard)
    made.write("train.py", OWN)
    made.write("helper.py", "factor = 1.0\n")
    made.git("init", "-q", "-b", "trunk")
    made.commit()
    monkeypatch.chdir(made.top)
    return made
