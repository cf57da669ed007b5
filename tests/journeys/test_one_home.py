"""An embedded SDK and a served yard on one home at once, and a backup taken while both work."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

import modelyard
from modelyard.app.backup import backup, restore
from modelyard.app.examination import Health, examine
from modelyard.app.house import House
from modelyard.kernel.errors import YardError
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from modelyard.settings import Settings
from tests.journeys.killing import kill_everything, start

ROWS = 20


class Writer:
    """A client that makes actors and loads, and knows which were acknowledged."""

    def __init__(self, yard: Yard, name: str, over: threading.Event) -> None:
        self.actors: list[str] = []
        self.loads: list[int] = []
        self.faults: list[YardError] = []
        self.name = name
        self._yard = yard
        self._over = over
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _write(self) -> None:
        number = 0
        while not self._over.is_set() and number < 200:
            number += 1
            try:
                actor = f"{self.name}-{number}"
                self._yard.governance.create_actor(actor)
                self.actors.append(actor)
                if number % 5 == 1:
                    mark = number + (0 if self.name == "served" else 10_000)
                    rows = "".join(f"{mark},{place}\n" for place in range(ROWS))
                    self._yard.lake.load("marks", [f"mark,place\n{rows}".encode()], source=f"{mark}.csv")
                    self.loads.append(mark)
            except YardError as err:
                self.faults.append(err)
                return


def names(yard: Yard) -> set[str]:
    found, cursor = set[str](), None
    while True:
        page = yard.governance.actors(limit=1000, cursor=cursor)
        found |= {member.name for member in page.items}
        if (cursor := page.next) is None:
            return found


def assert_whole(yard: Yard, writers: list[tuple[list[str], list[int]]]) -> None:
    actors, loads = {a for made, _ in writers for a in made}, {m for _, made in writers for m in made}
    assert actors <= names(yard)
    assert yard.governance.verify_audit().intact
    kept = {load.source: load for load in yard.lake.loads(table="marks", limit=500).items}
    assert {f"{mark}.csv" for mark in loads} <= set(kept)
    assert yard.lake.table("marks").rows == ROWS * len(kept), "each load is there once and whole"


@pytest.mark.slow
def test_two_processes_write_one_home_and_a_backup_of_it_is_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process, running, _ = start(home)
    over = threading.Event()
    try:
        token = (home / "state" / "owner.token").read_text().strip()
        transport = HttpTransport(running.address, token)
        with Yard(transport, close=transport.close) as served, modelyard.connect(str(home)) as embedded:
            served.lake.load("marks", [b"mark,place\n" + b"0,0\n" * ROWS], source="0.csv")
            writers = [Writer(served, "served", over), Writer(embedded, "embedded", over)]
            while min(len(w.loads) for w in writers) < 2 and all(w.thread.is_alive() for w in writers):
                over.wait(0.05)
            before = [(list(w.actors), list(w.loads)) for w in writers]
            kept = backup(Settings(home=str(home)), tmp_path / "kept.tar")
            over.set()
            for writer in writers:
                writer.thread.join(60)
            assert [w.faults for w in writers] == [[], []]
            for yard in (served, embedded):
                assert_whole(yard, [(w.actors, w.loads) for w in writers])
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        over.set()
        if process.poll() is None:
            kill_everything(process, home)
    assert len(kept.files) > 3
    restore(tmp_path / "kept.tar", tmp_path / "again")
    house = House(Settings(home=str(tmp_path / "again")))
    try:
        assert_whole(house.yard(), before)
        assert [f for f in examine(house) if f.health is Health.BAD] == []
    finally:
        house.close()
