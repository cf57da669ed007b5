"""The yard is killed at some moment of the demo's day; the next start has all that was acknowledged, all of it whole.

`KILL_DAYS=20` kills as many days, each at a moment of its own; `KILL_AFTER=30` bounds the moment in seconds.
"""

from __future__ import annotations

import io
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from rich.console import Console

from modelyard.app.demo.config import DELIVERIES, read_config
from modelyard.app.demo.day import Day
from modelyard.app.demo.input import cut
from modelyard.app.demo.narrator import Narrator
from modelyard.app.demo.run import STEPS
from modelyard.app.demo.simulation import deliveries
from modelyard.app.demo.traffic import Caller, Sent
from modelyard.app.lock import Running
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.operations import Operation
from modelyard.kernel.pages import Page
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from tests.journeys.killing import assert_clean, assert_quick, kill_everything, start

pytest.importorskip("mlflow", reason="needs the demo extra: pip install 'modelyard[demo]'")
Item = TypeVar("Item")
DAYS = int(os.environ.get("KILL_DAYS", "1"))
AFTER_S = float(os.environ.get("KILL_AFTER", "12"))


class Heard(HttpTransport):
    """A transport that writes down which changes were acknowledged."""

    def __init__(self, address: str, token: str, acknowledged: Counter[str]) -> None:
        super().__init__(address, token)
        self._acknowledged = acknowledged

    def call(self, op: Operation, arguments: dict[str, Any]) -> Any:
        answer = super().call(op, arguments)
        self._note(op)
        return answer

    def upload(self, op: Operation, arguments: dict[str, Any], content: Iterable[bytes]) -> Any:
        answer = super().upload(op, arguments, content)
        self._note(op)
        return answer

    def _note(self, op: Operation) -> None:
        if op.changes and op.audited:
            self._acknowledged[op.name] += 1


class HeardCaller(Caller):
    """An application that writes down which predictions it got."""

    def __init__(self, caller: Caller, got: list[str]) -> None:
        vars(self).update(vars(caller))
        self._got = got

    def ask(self, values: dict[str, Any], keys: dict[str, Any], path: str | None = None) -> Sent:
        sent = super().ask(values, keys, path)
        self._got.append(sent.prediction)
        return sent


class KilledDay(Day):
    """A day whose acknowledgements are written down."""

    def begin(self, acknowledged: Counter[str], predictions: list[str]) -> None:
        self._acknowledged = acknowledged
        self._predictions = predictions

    @property
    def caller(self) -> Caller:
        return super().caller

    @caller.setter
    def caller(self, caller: Caller) -> None:
        self._caller = HeardCaller(caller, self._predictions)

    def give_up(self) -> None:
        """Stop waiting for the webhook that a killed yard no longer calls."""
        if self._hook is not None:
            self._hook.arrived.set()

    def reviewer_yard(self) -> Yard:
        transport = Heard(self.address, self.reviewer, self._acknowledged)
        self._open.append(Yard(transport, close=transport.close))
        return self._open[-1]


class Living:
    """One day under way in a thread of its own."""

    def __init__(self, running: Running, home: Path) -> None:
        self.acknowledged: Counter[str] = Counter()
        self.predictions: list[str] = []
        self.step = ""
        token = (home / "state" / "owner.token").read_text().strip()
        config = read_config(DELIVERIES)
        transport = Heard(running.address, token, self.acknowledged)
        project = home / "project"
        project.mkdir(exist_ok=True)
        tell = Narrator(SystemClock(), Console(file=io.StringIO()))
        yard = Yard(transport, close=transport.close)
        self.day = KilledDay(config, cut(deliveries(), config), yard, tell, folder=project, source="deliveries.csv")
        self.day.begin(self.acknowledged, self.predictions)
        self.day.address = tell.address = running.address
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()

    def _live(self) -> None:
        try:
            for title, step in STEPS:
                self.step = title
                step(self.day)
            self.step = "over"
        except Exception as err:  # noqa: BLE001  # the yard under it was killed
            self.step += f" ({type(err).__name__})"

    def end(self) -> None:
        self.day.give_up()
        self.thread.join(60)
        assert not self.thread.is_alive(), f"the day hangs in {self.step!r}"
        self.day.close()


class Asked(Protocol[Item]):
    def __call__(self, *, cursor: str | None) -> Page[Item]: ...


def pages(ask: Asked[Item]) -> Iterator[Item]:
    cursor: str | None = None
    while True:
        page = ask(cursor=cursor)
        yield from page.items
        if (cursor := page.next) is None:
            return


def assert_kept(yard: Yard, lived: Living) -> None:
    """Every change that was acknowledged is in the audit as done, every prediction in the log."""
    done = Counter(row.operation for row in pages(partial(yard.governance.audit, outcome="ok")))
    missing = {name: n for name, n in lived.acknowledged.items() if done[name] < n}
    assert not missing, (missing, lived.step)
    assert yard.governance.verify_audit().intact
    wanted, ends = set(lived.predictions), time.monotonic() + 20
    while wanted and time.monotonic() < ends:
        for endpoint in pages(yard.serving.endpoints):
            wanted -= {p.id for p in pages(partial(yard.serving.predictions, endpoint.name))}
        time.sleep(0.2)
    assert not wanted, f"{len(wanted)} predictions of {len(lived.predictions)} are lost"


def assert_only_whole(yard: Yard) -> None:
    """Every version of every table, every file of every run and model is read back as it is told."""
    for table in pages(yard.lake.tables):
        for version in pages(partial(yard.lake.history, table.name)):
            assert yard.lake.preview(table.name, at=str(version.version), limit=1).total == version.rows
    experiments = [e.id for e in pages(yard.tracking.experiments)]
    for run in yard.tracking.runs(experiments).items:
        for artifact in pages(partial(yard.tracking.artifacts, run.id)):
            if not artifact.is_folder:
                got = b"".join(yard.tracking.download(run.id, artifact.path))
                assert len(got) == artifact.size_bytes, artifact.path
    for model in yard.registry.versions().items:
        for file in pages(partial(yard.registry.files, model.name, model.version)):
            assert len(b"".join(yard.registry.download(model.name, model.version, file.path))) == file.size_bytes


def one_day(home: Path, after_s: float) -> str:
    """A day in a fresh home, killed after some seconds; where it was."""
    process, running, _ = start(home)
    try:
        lived = Living(running, home)
        lived.thread.join(after_s)
        kill_everything(process, home)
        lived.end()
        process, running, took = start(home)
        assert_quick(took)
        token = (home / "state" / "owner.token").read_text().strip()
        transport = HttpTransport(running.address, token)
        with Yard(transport, close=transport.close) as yard:
            assert_kept(yard, lived)
            assert_only_whole(yard)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert_clean(home)
    finally:
        if process.poll() is None:
            kill_everything(process, home)
    acknowledged = sum(lived.acknowledged.values())
    return f"{lived.step}: {acknowledged} changes, {len(lived.predictions)} predictions kept; up after {took:.1f} s"


@pytest.mark.slow
@pytest.mark.timeout(120 + 240 * DAYS)
def test_a_day_that_is_killed_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_SEED", random.randrange(10**6)))
    draw = random.Random(seed)
    for number in range(DAYS):
        after_s = draw.uniform(1.0, AFTER_S)
        print(f"seed {seed}, day {number}, killed after {after_s:.1f} s", flush=True)
        print("   " + one_day(tmp_path / f"day{number}", after_s), flush=True)
