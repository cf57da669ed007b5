"""A yard that is up, and a way to write flows for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from modelyard.settings import Settings


@contextmanager
def serving(home: Path) -> Iterator[tuple[Yard, House]]:
    """A yard on a home, with its runner, and the owner's client over HTTP."""
    house = House(Settings(home=str(home), port=0, sync="normal"))
    house.owner()
    house.recover()
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(10)
    transport = HttpTransport(control.address, (home / "state" / "owner.token").read_text())
    try:
        with Yard(transport, close=transport.close) as yard:
            yield yard, house
    finally:
        control.stop()
        thread.join(20)


@pytest.fixture
def served(tmp_home: Path) -> Iterator[tuple[Yard, House]]:
    with serving(tmp_home) as made:
        yield made


@pytest.fixture
def yard(served: tuple[Yard, House]) -> Yard:
    return served[0]
