"""A process that collects what is deleted in a home and is killed at one of its units: before it, or within it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from modelyard.app.house import House
from modelyard.ports import calls
from modelyard.settings import Settings
from modelyard.tracking.service import TrackingService

T = TypeVar("T")


class Mortal:
    """A call that ends with its process at the n-th unit: before it begins, or where all is done but the commit."""

    def __init__(self, call: calls.Call, unit: int, *, within: bool) -> None:
        self._call, self._left, self._within = call, unit, within

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def unit(self, work: Callable[[], T]) -> T:
        self._left -= 1
        if self._left == 0 and not self._within:
            os.kill(os.getpid(), signal.SIGKILL)

        def dying() -> T:
            done = work()
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return self._call.unit(dying)


def collect(house: House, unit: int, *, within: bool) -> None:
    """Collect all that is deleted, until the n-th unit."""
    with calls.running(cast("calls.Call", Mortal(calls.current(), unit, within=within))):
        house.engines.service(TrackingService).collect(apply=True)


if __name__ == "__main__":
    place = House(Settings(home=sys.argv[1]))
    place.guard.as_system("test.collect", lambda: collect(place, int(sys.argv[2]), within=sys.argv[3] == "within"))
