"""What a governed write costs in process: one row, one event, one audit row, against bare sqlite3 doing the same.

The floor is sqlite3 with hand-written SQL, one INSERT each for row, event and audit, a hash computed from the head read
in the transaction, one BEGIN IMMEDIATE and COMMIT a group. Ours is the database port with its journal: thread hop,
records, compiled Core statements, group commit. CPU is that of the whole process, so both columns of one line are from
the same run; quote their ratio.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa
from benchmarks.row import Row

from modelyard.adapters.journal import DatabaseJournal
from modelyard.adapters.sqlite import SqliteDatabase
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.events import Entry, Event
from modelyard.kernel.ids import EVENT, ActorId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Migration, Statement, Transaction

Sync = Literal["FULL", "NORMAL"]
TABLES = (Migration("bench", 1, "rows", ("CREATE TABLE bench_row (id {serial}, name {text}, size {int})",)),)
_row = sa.table("bench_row", sa.column("id"), sa.column("name"), sa.column("size"))
ADD = Statement(_row.insert().values(name=sa.bindparam("name"), size=sa.bindparam("size")))
CLOCK = SystemClock()
WHO = ActorId("actor_01J9ZQ3V7W01J9ZQ3V7W01J9ZQ")


class Call:
    """A governed call as the guard hands it to the writer."""

    def __init__(self, n: int, done: Callable[[], None]) -> None:
        self._n = n
        self._done = done

    def run(self, tx: Transaction) -> None:
        tx.run(ADD, {"name": "trips", "size": self._n})

    def settle(self, error: BaseException | None) -> Sequence[Entry]:
        now = CLOCK.now_ms()
        about = Ref("table:trips")
        event = Event(
            id=EVENT.new(CLOCK), kind="lake.table_committed", at_ms=now, actor=WHO, request_id="req_1",
            writes=(about,), body=msgspec.Raw(b'{"table":"trips","version":12}'),
        )  # fmt: skip
        return (
            Entry(
                at_ms=now, actor=WHO, operation="lake.commit", about=about, outcome="ok" if error is None else "bad",
                request_id="req_1", detail='{"name":"trips"}', events=(event,),
            ),
        )  # fmt: skip

    def answer(self, error: BaseException | None) -> None:
        if error is not None:
            raise error
        self._done()


def ours(home: Path, *, calls: int, group: int, sync: Sync) -> tuple[float, float]:
    database = SqliteDatabase(home / f"ours-{sync}-{group}.db", journal=DatabaseJournal(), synchronous=sync)
    database.migrate(TABLES)
    done = threading.Semaphore(0)

    def round_(size: int) -> None:
        for n in range(size):
            database.submit(Call(n, done.release))
        for _ in range(size):
            done.acquire()

    for _ in range(20):
        round_(group)
    took = measured(lambda: [round_(group) for _ in range(calls // group)], calls // group * group)
    database.close()
    return took


def floor(home: Path, *, calls: int, group: int, sync: Sync) -> tuple[float, float]:
    db = sqlite3.connect(home / f"floor-{sync}-{group}.db", isolation_level=None)
    db.executescript(
        f"""PRAGMA journal_mode = WAL; PRAGMA synchronous = {sync};
        CREATE TABLE bench_row (id INTEGER PRIMARY KEY, name TEXT, size INTEGER);
        CREATE TABLE event (seq INTEGER PRIMARY KEY, id TEXT, kind TEXT, at INTEGER, actor TEXT, request TEXT,
            reads TEXT, writes TEXT, body BLOB);
        CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER, actor TEXT, operation TEXT, about TEXT, outcome TEXT,
            request TEXT, detail TEXT, hash BLOB);
        CREATE INDEX audit_about ON audit (about, seq);"""
    )

    def round_(size: int) -> None:
        db.execute("BEGIN IMMEDIATE")
        for n in range(size):
            db.execute("INSERT INTO bench_row (name, size) VALUES (?, ?)", ("trips", n))
        seq, head = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone() or (0, bytes(32))
        for _ in range(size):
            now = time.time_ns() // 1_000_000
            event = ("ev_01J9ZQ3V7W01J9ZQ3V7W01J9ZQ", "lake.table_committed", now, WHO, "req_1", "[]", "[]", b"{}")
            db.execute(
                "INSERT INTO event (id, kind, at, actor, request, reads, writes, body) VALUES (?,?,?,?,?,?,?,?)", event
            )
            seq += 1
            row = (seq, now, WHO, "lake.commit", "table:trips", "ok", "req_1", '{"name":"trips"}')
            head = hashlib.sha256(head + json.dumps(row).encode()).digest()
            db.execute("INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?)", (*row, head))
        db.execute("COMMIT")

    for _ in range(20):
        round_(group)
    took = measured(lambda: [round_(group) for _ in range(calls // group)], calls // group * group)
    db.close()
    return took


def measured(work: Callable[[], object], calls: int) -> tuple[float, float]:
    """CPU and wall microseconds a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) / calls * 1e6, (time.perf_counter() - wall) / calls * 1e6


def verified(home: Path) -> float:
    """Audit rows a second, recomputed along the chain."""
    database = SqliteDatabase(home / "ours-NORMAL-64.db", journal=DatabaseJournal())
    with database.read() as tx:
        began = time.perf_counter()
        checked = DatabaseJournal().verify(tx).checked
        took = time.perf_counter() - began
    database.close()
    return checked / took


def measure() -> Iterator[Row]:
    """Medians of three rounds in which the floor and ours take turns."""
    syncs: tuple[Sync, ...] = ("NORMAL", "FULL")
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / str(n) for n in range(3)]
        for home in homes:
            home.mkdir()
        for sync, group in itertools.product(syncs, (1, 8, 64)):
            pairs = [
                (*floor(h, calls=1920, group=group, sync=sync), *ours(h, calls=1920, group=group, sync=sync))
                for h in homes
            ]
            f_cpu, f_wall, o_cpu, o_wall = (statistics.median(column) for column in zip(*pairs, strict=True))
            what = f"write, {sync}, {group} at once"
            yield Row(f"{what}: CPU", o_cpu, "us", beside=f_cpu, beside_what="sqlite3")
            yield Row(f"{what}: wall", o_wall, "us", beside=f_wall, beside_what="sqlite3")
        yield Row("audit rows verified", verified(homes[0]), "rows/s", reach=500_000, more_is_better=True)
