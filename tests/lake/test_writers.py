"""Many writers on one table: each load is there once, whoever wrote it.

`YARD_TEST_WRITERS=4 YARD_TEST_APPENDS=25` for a crowd.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.settings import Settings
from tests.lake.stand import read

WRITERS = int(os.environ.get("YARD_TEST_WRITERS", "2"))
APPENDS = int(os.environ.get("YARD_TEST_APPENDS", "8"))
WRITER = """
import sys
from modelyard.app.house import House
from modelyard.settings import Settings
house = House(Settings(home=sys.argv[1], sync="normal"))
for n in range(int(sys.argv[3])):
    house.yard().lake.load("t", [b"who,n\\n%s,%d\\n" % (sys.argv[2].encode(), n)])
house.close()
"""


@pytest.mark.slow
def test_processes_and_threads_lose_and_double_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    house = House(Settings(home=str(home), sync="normal"))
    try:
        house.yard().lake.load("t", [b"who,n\nfirst,0\n"])
        children = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(home), f"child{n}", str(APPENDS)])
            for n in range(WRITERS)
        ]

        def write(who: int) -> None:
            for n in range(APPENDS):
                house.yard().lake.load("t", [b"who,n\nthread%d,%d\n" % (who, n)])

        threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert [child.wait(120) for child in children] == [0] * WRITERS
        total = 1 + (2 + WRITERS) * APPENDS
        assert house.yard().lake.table("t").rows == total
        rows = read(house.yard().lake, "t")
        assert len({(row["who"], row["n"]) for row in rows}) == len(rows) == total
        versions = [v.rows for v in house.yard().lake.history("t", limit=500).items]
        assert versions == list(range(total, 0, -1))
    finally:
        house.close()
