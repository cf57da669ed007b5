"""SQLite's own dangers: other processes, sudden death, torn logs, full disks, damaged and foreign files."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa

from modelyard.adapters.databases import open_database
from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.sqlite import SqliteDatabase
from modelyard.kernel.errors import Damaged, InvalidInput, Unavailable
from modelyard.ports.database import Statement
from modelyard.testing import notes

PROGRAM = Path(__file__).with_name("sqlite_writer.py")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "yard.db"


@contextmanager
def opened(file: Path, *, busy_timeout_s: float = 10) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(file, journal=DatabaseJournal(), busy_timeout_s=busy_timeout_s)
    try:
        database.migrate(notes.TABLES)
        yield database
    finally:
        database.close()


def started(file: Path, name: str, count: int) -> subprocess.Popen[str]:
    source = str(Path(notes.__file__).parents[2])
    path = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(file), name, str(count)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def check(database: SqliteDatabase) -> tuple[list[str], int]:
    """The notes' names and the length of the chain, which must be whole and match them."""
    with database.read() as tx:
        names = notes.names(tx)
        found = DatabaseJournal().verify(tx)
        assert found.broken_at is None
        assert found.checked == len(names) == len(DatabaseJournal().events(tx, after=0, limit=100_000))
    return names, found.checked


@pytest.mark.slow
def test_two_processes_that_start_at_once_on_a_new_file_share_it(file: Path) -> None:
    programs = [started(file, name, 60) for name in "ab"]
    for program in programs:
        program.communicate(timeout=60)
        assert program.returncode == 0
    with opened(file) as database:
        assert check(database)[1] == 120


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_survives_a_kill_at_any_moment(file: Path, seed: int) -> None:
    program = started(file, "n", 100_000)
    assert program.stdout is not None
    acknowledged = [program.stdout.readline()]
    time.sleep(random.Random(seed).random() * 0.2)
    program.send_signal(signal.SIGKILL)
    acknowledged += program.stdout.readlines()
    program.stdout.close()
    program.wait()
    whole = [line for line in acknowledged if line.endswith("\n")]
    with opened(file) as database:
        names, _ = check(database)
        assert {f"n{int(line)}" for line in whole} <= set(names)
        assert len(names) - len(whole) <= 1
        database.write(lambda tx: notes.add(tx, "after"), lambda: [notes.entry("after")])
        check(database)


def test_a_torn_log_leaves_a_whole_prefix(file: Path, tmp_path: Path) -> None:
    with opened(file) as database:
        for n in range(30):
            database.write(lambda tx, n=n: notes.add(tx, f"n{n:02}"), lambda: [notes.entry("add")])  # type: ignore[misc]  # mypy cannot type a default in a lambda
        log = (tmp_path / "yard.db-wal").read_bytes()
        base = file.read_bytes()
    dice = random.Random(5)
    kept = set()
    for cut in [len(log), *(dice.randrange(len(log) // 2, len(log)) for _ in range(6))]:
        home = tmp_path / f"cut{cut}"
        home.mkdir()
        (home / "yard.db").write_bytes(base)
        torn = log[:cut] + (b"" if cut % 2 else b"\x5a" * (len(log) - cut))
        (home / "yard.db-wal").write_bytes(torn)
        with opened(home / "yard.db") as database:
            names, _ = check(database)
        assert names == [f"n{n:02}" for n in range(len(names))]
        kept.add(len(names))
    assert max(kept) == 30
    assert min(kept) < 30


def test_a_disk_that_takes_no_more_is_told_and_goes_on_once_it_does(file: Path) -> None:
    blob = os.urandom(200_000)
    with opened(file) as database:
        database.write(lambda tx: notes.add(tx, "before"), lambda: [notes.entry("before")])
        size = (file.parent / "yard.db-wal").stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50_000, hard))
        try:
            with pytest.raises(Unavailable, match="full") as told:
                database.write(lambda tx: notes.add(tx, "big", raw=blob), lambda: [notes.entry("big")])
            assert str(file.parent) not in told.value.detail
            with database.read() as tx:
                assert notes.names(tx) == ["before"]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        database.write(lambda tx: notes.add(tx, "big", raw=blob), lambda: [notes.entry("big")])
        assert check(database)[0] == ["before", "big"]


def test_another_process_that_holds_the_lock_for_too_long_is_told_and_nothing_changes(file: Path) -> None:
    with opened(file, busy_timeout_s=0.1) as database:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            database.write(lambda tx: notes.add(tx, "a"))
        with database.read() as tx:
            assert notes.names(tx) == []
        other.execute("ROLLBACK")
        other.close()
        database.write(lambda tx: notes.add(tx, "a"))


def test_a_writer_waits_for_a_lock_that_is_soon_free(file: Path) -> None:
    with opened(file) as database:
        other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.05, other.execute, ["ROLLBACK"])
        timer.start()
        database.write(lambda tx: notes.add(tx, "a"))
        timer.join()
        other.close()


def test_a_file_that_is_no_database_is_called_damaged(file: Path) -> None:
    file.write_bytes(b"not a database at all, " * 100)
    with pytest.raises(Damaged, match="restore"):
        SqliteDatabase(file)


def test_a_broken_page_is_called_damaged(file: Path) -> None:
    with opened(file) as database:
        database.write(lambda tx: notes.add_all(tx, {f"n{n:05}": 1 for n in range(5000)}))
    whole = bytearray(file.read_bytes())
    whole[8192:-4096] = b"\x7f" * (len(whole) - 12288)
    file.write_bytes(whole)
    database = SqliteDatabase(file)
    try:
        assert database.check() != []
        with pytest.raises(Damaged, match="restore"), database.read() as tx:
            notes.rows(tx)
    finally:
        database.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written_is_told(file: Path) -> None:
    with opened(file):
        pass
    file.chmod(0o400)
    with pytest.raises(Unavailable, match="written"), opened(file):
        pass


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="folder exists"):
        SqliteDatabase(tmp_path / "nowhere" / "yard.db")


def test_moving_the_file_moves_the_database(file: Path, tmp_path: Path) -> None:
    with opened(file) as database:
        database.write(lambda tx: notes.add(tx, "a"), lambda: [notes.entry("a")])
    assert [p.name for p in tmp_path.iterdir()] == ["yard.db"]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(file, moved / "yard.db")
    with opened(moved / "yard.db") as database:
        assert check(database)[0] == ["a"]


def test_space_that_deleted_rows_left_goes_back_to_the_disk_when_nobody_writes(file: Path) -> None:
    insert = Statement(sa.text("INSERT INTO pad VALUES (zeroblob(4000))"))
    delete = Statement(sa.text("DELETE FROM pad"))
    with opened(file) as database:
        database.write(lambda tx: tx.run(Statement(sa.text("CREATE TABLE pad (body BLOB)"))))
        database.write(lambda tx: [tx.run(insert) for _ in range(2000)])
        database.write(lambda tx: notes.add(tx, "a"), lambda: [notes.entry("a")])
        database.write(lambda tx: tx.run(delete))
        assert database.trim() == 0  # something was written since
        before = file.stat().st_size
        assert database.trim() > 1500
        assert file.stat().st_size < before / 4
        assert database.trim() == 0
        assert check(database)[0] == ["a"]


def test_a_file_of_an_older_yard_stays_as_long_as_it_is(file: Path) -> None:
    with closing(sqlite3.connect(file)) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("CREATE TABLE pad (body BLOB)")
        old.executemany("INSERT INTO pad VALUES (zeroblob(?))", [(4000,)] * 500)
        old.commit()
    with opened(file) as database:
        database.write(lambda tx: tx.run(Statement(sa.text("DELETE FROM pad"))))
        assert [database.trim() for _ in range(3)] == [0, 0, 0]


def test_the_address_picks_the_adapter(tmp_path: Path) -> None:
    for address in (tmp_path / "a.db", str(tmp_path / "a.db"), f"sqlite:///{tmp_path}/a.db"):
        database = open_database(address)
        assert not database.caps.shared_between_machines
        database.close()
    with pytest.raises(InvalidInput, match="mysql"):
        open_database("mysql://root@host/db")


@pytest.mark.parametrize(("asked", "level"), [(None, 2), ("FULL", 2), ("NORMAL", 1)])
def test_full_sync_is_the_default(file: Path, asked: Literal["FULL", "NORMAL"] | None, level: int) -> None:
    database = SqliteDatabase(file) if asked is None else SqliteDatabase(file, synchronous=asked)
    assert database.write(lambda tx: tx.one(Statement(sa.text("PRAGMA synchronous")))) == (level,)
    assert database.write(lambda tx: tx.one(Statement(sa.text("PRAGMA foreign_keys")))) == (1,)
    assert database.write(lambda tx: tx.one(Statement(sa.text("PRAGMA journal_mode")))) == ("wal",)
    database.close()


def test_nobody_who_carries_waits_for_another_process(file: Path) -> None:
    with opened(file) as database, closing(sqlite3.connect(file, isolation_level=None)) as other:
        database.write(lambda tx: notes.add(tx, "first"), lambda: [notes.entry("add")])
        task = notes.Task(lambda tx: notes.add(tx, "carried"), [notes.entry("add")])
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert not database.carry([task])
        assert time.monotonic() - began < 5  # the others wait for ten
        database.submit(task)
        other.execute("ROLLBACK")
        assert task.wait() is None
        assert database.carry([notes.Task(lambda tx: notes.add(tx, "again"), [notes.entry("add")])])
        assert check(database)[1] == 3


def test_the_log_is_folded_back_however_much_is_carried(file: Path) -> None:
    with opened(file) as database:
        carried = 0
        for n in range(2000):
            task = notes.Task(lambda tx, n=n: notes.add(tx, f"{n}", raw=bytes(20_000)), [notes.entry("add")])  # type: ignore[misc]  # mypy cannot type a default in a lambda
            if database.carry([task]):
                carried += 1
            else:
                database.submit(task)
            assert task.wait() is None
        assert carried > 1900
        assert file.with_name(file.name + "-wal").stat().st_size < 30_000_000  # of some hundred that were written
        assert check(database)[1] == 2000


def test_many_may_carry_and_submit_at_once(file: Path) -> None:
    with opened(file) as database:
        database.write(lambda _: None)

        def work(who: int) -> None:
            for n in range(100):
                group = [notes.Task(partial(notes.add, name=f"{who}-{n}-{k}"), [notes.entry("add")]) for k in range(2)]
                if who % 2:
                    while not database.carry(group):
                        database.write(lambda _: None)  # whoever may wait folds a log back that has grown
                else:
                    for task in group:
                        database.submit(task)
                assert [task.wait() for task in group] == [None, None]

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
        assert check(database)[1] == 1200
