"""The demo ends as it is told to, and takes its yard with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelyard.app.lock import running_at


def test_a_demo_that_is_told_to_end_leaves_no_yard_behind(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="the demo needs: pip install 'modelyard[demo]'")
    home = tmp_path / "home"
    said = tmp_path / "said.txt"
    with said.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "demo", "--home", str(home)], stdout=out, stderr=out
        )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while running_at(home) is None:
            assert demo.poll() is None and time.monotonic() < until, said.read_text()
            time.sleep(0.02)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 128 + signal.SIGTERM, said.read_text()
        assert running_at(home) is None
    finally:
        demo.kill()
