"""A newcomer's first hour: the quickstart, as a script and as a notebook, against a yard that a person would start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.app.lock import running_at
from modelyard.app.upkeep import environment_of
from modelyard.settings import Settings
from tests.architecture.house import ROOT

SCRIPT = ROOT / "examples/quickstart.py"
NOTEBOOK = ROOT / "examples/quickstart.ipynb"
pytestmark = pytest.mark.timeout(300)


@contextmanager
def yard_up(home: Path) -> Iterator[dict[str, str]]:
    """A yard at `home`, and what `yard env` says of it."""
    log = home.with_suffix(".out")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "up", "--home", str(home), "--port", "0"],
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while running_at(home) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield environment_of(Settings(home=str(home)))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_the_quickstart_ends_with_a_prediction_over_http(tmp_path: Path) -> None:
    with yard_up(tmp_path / "home") as environment:
        run = subprocess.run(
            [sys.executable, str(SCRIPT)], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    assert "178 rows are in wine@1, 0 are quarantined" in run.stdout
    assert "'label': [0]" in run.stdout
    assert "pred_" in run.stdout


def test_the_notebook_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the notebook needs nbformat and nbclient")
    nbclient = pytest.importorskip("nbclient", reason="the notebook needs nbformat and nbclient")
    pytest.importorskip("ipykernel", reason="the notebook needs a kernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with yard_up(tmp_path / "home") as environment:
        for name, value in {**environment, "IPYTHONDIR": str(tmp_path / "ipython")}.items():
            monkeypatch.setenv(name, value)
        nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(ROOT)}}).execute()
    last = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    assert "'label': [0]" in last
    assert "pred_" in last


def test_the_notebook_holds_the_script_and_nothing_else() -> None:
    nbformat = pytest.importorskip("nbformat", reason="the notebook needs nbformat")
    cells = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    script = SCRIPT.read_text(encoding="utf-8").split('"""\n\n', 1)[1]
    assert " ".join("\n".join(cells).split()) == " ".join(script.split())
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) < 40
