"""kill -9 in the middle of adding folders: what was acknowledged is whole, the rest is as if it had never begun."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.settings import Settings

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("YARD_TEST_KILLS", "1"))
FILES = 120
ADD = """
import os, sys
from pathlib import Path
from modelyard.app.house import House
from modelyard.settings import Settings
house = House(Settings(home=sys.argv[1], sync="normal", seal=sys.argv[3] == "sealed"))
house.recover()
lake, folder = house.yard().lake, Path(sys.argv[2])
began = sys.argv[4]
for number in range(1000):
    for place in range(120):
        size = 400_000 if place % 40 == 0 else 3_000
        (folder / f"{place}.bin").write_bytes(f"{began} {number} {place} ".encode() * (size // 16))
    print(lake.add_folder("photos", folder, mirror=True).version, flush=True)
"""


def test_killed_addings_leave_whole_versions_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home, folder = tmp_path / "home", tmp_path / "photos"
    folder.mkdir()
    acknowledged = 0
    draw = random.Random(5)
    for began in range(KILLS):
        argv = [sys.executable, "-c", ADD, str(home), str(folder), "sealed" if began % 2 else "plain", str(began)]
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(draw.random() * 1.5)
        child.kill()
        acknowledged = max([acknowledged, *(int(line) for line in (first, *child.stdout))])
        child.stdout.close()
        assert child.wait(60) == -9
        check(home, acknowledged)


def check(home: Path, acknowledged: int) -> None:
    house = House(Settings(home=str(home), sync="normal"))
    try:
        house.recover()
        lake = house.yard().lake
        versions = lake.fileset_history("photos", limit=500).items
        assert versions[0].version in (acknowledged, acknowledged + 1), "at most the one that was under way"
        assert {each.rows for each in versions} == {FILES}
        last = list(lake.verify_files("photos"))[-1]
        assert (last.missing, last.damaged, last.done) == ((), (), True)
        assert [each.fault for each in lake.examine().findings if each.fault != "small"] == []
        assert list((home / "objects" / "files" / "unfinished").iterdir()) == []
        assert [path for path in (home / "lake" / "staging").iterdir() if path.is_dir()] == []
    finally:
        house.close()
