"""Many writers on one table: each load is there once, whoever wrote it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.settings import Settings

WRITER = """
import sys
from modelyard.app.house import House
from modelyard.settings import Settings
house = House(Settings(home=sys.argv[1], sync="normal"))
for n in range(10):
    house.yard().lake.load("t", [b"who,n\\n%s,%d\\n" % (sys.argv[2].encode(), n)])
house.close()
"""


@pytest.mark.slow
def test_processes_and_threads_lose_and_double_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    house = House(Settings(home=str(home), sync="normal"))
    try:
        house.yard().lake.load("t", [b"who,n\nfirst,0\n"])
        children = [subprocess.Popen([sys.executable, "-c", WRITER, str(home), f"child{n}"]) for n in range(2)]

        def write(who: int) -> None:
            for n in range(10):
                house.yard().lake.load("t", [b"who,n\nthread%d,%d\n" % (who, n)])

        threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [child.wait(60) for child in children] == [0, 0]
        table = house.yard().lake.table("t")
        assert table.rows == 41
        rows = house.yard().lake.preview("t", limit=100).rows
        assert len({(who, n) for who, n in rows}) == 41
        versions = [v.rows for v in house.yard().lake.history("t", limit=100).items]
        assert versions == list(range(41, 0, -1))
    finally:
        house.close()
