"""`yard lake pull` as a person types it; and a planted password that must come out nowhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from modelyard.app.house import House
from modelyard.kernel.errors import YardError
from modelyard.lake.api import PullMode
from modelyard.settings import Settings
from tests.lake.test_pulling import Shop

PASSWORD = "correct-horse-battery"


def yard(home: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelyard", "--home", str(home), *words], input=given, capture_output=True, text=True,
        timeout=120, check=False, env={**os.environ, "YARD_SOURCE_FOLDERS": str(home.parent)}, cwd=home.parent,
    )  # fmt: skip


@pytest.mark.slow
def test_a_source_is_pulled_by_command_again_and_again_until_it_is_stopped(tmp_path: Path) -> None:
    home, shop = tmp_path / "home", Shop(tmp_path / "shop.db")
    shop.add(range(1, 6))
    declared = yard(
        home, "lake", "declare-source", "o", shop.address, "orders", "--stream", "orders", "--mode", "incremental",
        "--cursor", "id", "--json",
    )  # fmt: skip
    assert declared.returncode == 0, declared.stderr
    repeated = subprocess.Popen(
        [sys.executable, "-m", "modelyard", "--home", str(home), "lake", "pull", "o", "--every", "0.2s"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "YARD_SOURCE_FOLDERS": str(tmp_path)},
    )  # fmt: skip
    assert repeated.stdout is not None
    assert "5 rows loaded" in repeated.stdout.readline()
    shop.add([6])
    assert any("1 rows loaded" in repeated.stdout.readline() for _ in range(200))
    repeated.send_signal(signal.SIGINT)
    _, errors = repeated.communicate(timeout=60)
    assert (repeated.returncode, "stopped" in errors) == (0, True)
    once = yard(home, "lake", "pull", "o")
    assert "0 rows loaded, 0 held, 1 unchanged" in once.stdout
    missing = yard(home, "lake", "pull", "none")
    assert (missing.returncode, "there is no source none" in missing.stderr) == (3, True)


def test_a_planted_password_is_found_nowhere(tmp_path: Path, postgres_address: str) -> None:
    import psycopg

    home = tmp_path / "home"
    address = postgres_address.replace("://postgres:@", "://postgres@")
    said = []
    with psycopg.connect(postgres_address, autocommit=True) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY)")
        db.execute("INSERT INTO t VALUES (1)")
    with closing(House(Settings(home=str(home), source_folders=("/tmp",)))) as house:
        lake = house.yard().lake
        said.append(repr(lake.declare_source("p", address, "t", stream="t", mode=PullMode.FULL)))
        said.append(repr(lake.seal_source("p", PASSWORD)))
        said.append(repr(lake.pull("p")))
        said += [repr(lake.look("p")), repr(lake.streams("p")), repr(lake.sources()), repr(lake.loads().items)]
        for wrong in (address.replace("/postgres?", "/nowhere?").replace("/yard_test", "/no_test"), address):
            try:
                lake.declare_source("p", wrong, "t", stream="no such table", mode=PullMode.FULL)
                lake.pull("p")
            except YardError as err:
                said += [err.detail, repr(err), str(err.__cause__), str(err.__context__)]
        said += [repr(each) for each in house.yard().governance.audit().items]
    assert PASSWORD not in " ".join(said)
    found = [path for path in home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert found == []
