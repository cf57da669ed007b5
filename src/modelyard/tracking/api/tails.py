"""The operations that follow runs while they log: what came since a mark, and a number that moves when anything did."""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct

from modelyard.kernel.operations import operation
from modelyard.tracking.api.records import Real, RunStatus


class Tail(Struct, frozen=True, kw_only=True):
    """What a run logged after a mark.

    Attributes:
        mark: what to ask with next.
        again: some of it cannot be told one by one any more (it was packed, or it is too much): read the series anew.
        points: by metric, each point as (step, milliseconds since 1970, value), in the order they came.
    """

    run: str
    mark: str
    status: RunStatus
    again: bool = False
    points: dict[str, list[tuple[int, int, Real]]] = {}


class TailOperations(ABC):
    """What can be asked about runs that go on."""

    @operation("GET", "/runs/{run}/tail", scope="tracking:read", about="run:{run}")
    @abstractmethod
    def tail(self, run: str, after: str = "") -> Tail:
        """Tell what a run has logged since a mark, or where its tail ends now.

        Args:
            run: its id.
            after: the mark of the answer before; without it nothing is told but the mark.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the mark is not one of this run.

        Example:
            yard tracking tail 0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/run-pulse", scope="tracking:read")
    @abstractmethod
    def pulse(self) -> int:
        """Give a number that is another one whenever some run has logged a metric.

        Example:
            yard tracking pulse
        """
