"""Two processes that publish to `main` at the same moment: what does not clash comes in whole, of what does only one.

`YARD_TEST_ROUNDS=50` lets them meet more often.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.lake.api import Column, Declared
from modelyard.settings import Settings
from tests.lake.stand import read

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("YARD_TEST_ROUNDS", "2"))
TABLES = ("a", "b", "c")
PUBLISHER = """
import json, sys
from modelyard.app.house import House
from modelyard.kernel.errors import Conflict
from modelyard.lake.api import Mode
from modelyard.settings import Settings
home, database, who, rounds = sys.argv[1:]
house = House(Settings(home=home, database=database, sync="normal"))
lake = house.yard().lake
for number in range(int(rounds)):
    branch = f"{who}-{number}"
    lake.create_branch(branch)
    for table in ("a", "b", "c"):
        id = 2 * number + (who == "two" and not number % 2)
        lake.load(table, [b"id,who\\n%d,%s\\n" % (id, who.encode())], mode=Mode.MERGE, branch=branch)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        lake.publish(branch)
        print(json.dumps(""), flush=True)
    except Conflict as err:
        print(json.dumps(str(err)), flush=True)
        lake.discard(branch)
house.close()
"""


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_two_publishers_at_once_are_both_whole_or_one_is_told_why_not(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    home = str(tmp_path / "home")
    database = str(request.getfixturevalue("postgres_address")) if engine == "postgres" else ""
    house = House(Settings(home=home, database=database, sync="normal"))
    columns = (Column(name="id", type="int64"), Column(name="who", type="string"))
    try:
        lake = house.yard().lake
        for table in TABLES:
            lake.create(table, Declared(columns=columns, keys=("id",)))
        publishers = {
            who: subprocess.Popen(
                [sys.executable, "-c", PUBLISHER, home, database, who, str(ROUNDS)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True,
            )
            for who in ("one", "two")
        }  # fmt: skip
        expected: dict[int, str] = {}
        for number in range(ROUNDS):
            for each in publishers.values():
                assert _said(each) == "ready"
            for each in publishers.values():
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            refused = {who: str(json.loads(_said(each))) for who, each in publishers.items()}
            through = [who for who, why in refused.items() if not why]
            if number % 2:
                assert len(through) == 1, refused
                (loser,) = refused.keys() - set(through)
                assert f"{loser}-{number} and main changed the same differently in a, b, c" in refused[loser]
                expected[2 * number] = through[0]
            else:
                assert len(through) == 2, refused
                expected |= {2 * number: "one", 2 * number + 1: "two"}
        for each in publishers.values():
            assert (each.communicate(timeout=60)[0], each.returncode) == ("", 0)
        for table in TABLES:
            assert {row["id"]: row["who"] for row in read(lake, table)} == expected
        assert lake.examine(deep=True).findings == ()
    finally:
        house.close()


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
