"""Running the day as a user does, and looking at what it told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = 11


def run(*arguments: str, temporary: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelyard", "demo", *arguments],
        capture_output=True, text=True, timeout=400, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | ({"TMPDIR": temporary} if temporary else {}),
    )  # fmt: skip


def day(*arguments: str) -> str:
    """What a day told that went well and left nothing behind in its folder for temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(*arguments, temporary=folder)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert list(Path(folder).glob("yard-demo-*")) == [], "the demo leaves nothing behind"
    return done.stdout


def assert_whole(told: str) -> None:
    assert len(re.findall(r"^\d+\. ", told, re.MULTILINE)) == STEPS
    assert "none vanished" in told
    assert "3 from the cache" in told
    assert "approved by mei, merged" in told
    assert "compiled to ONNX" in told
    assert re.search(r"columns drifted|column drifted", told)
    assert "rolled back in one call: revision 1 takes 100%" in told
    walked = re.search(r"(\d+) steps back", told)
    assert walked is not None
    assert int(walked[1]) >= 10
    for stage in ("prediction:", "endpoint:", "model:", "run:", "code:", "view:", "table:", "source:"):
        assert stage in told
    assert re.search(r"reached \d+ models, \d+ endpoints and [\d,]+ predictions", told)
    assert ": 0 hits" in told
    assert "the receipt is signed by this home; clean: True" in told
    assert re.search(r"predictions, \$0\.\d+ per 1,000", told)
