"""The operations that read metric series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.operations import Effect, operation, stream
from modelyard.kernel.pages import Page
from modelyard.tracking.api.records import Point, Real

SeriesLimit = Annotated[int, Meta(ge=1, le=100_000, description="points in one page, 1 to 100,000")]
Smoothing = Annotated[int, Meta(ge=0, le=100_000, description="points on each side, 0 to 100,000")]
Buckets = Annotated[int, Meta(ge=1, le=4096, description="buckets, 1 to 4,096")]


class Axis(StrEnum):
    """What a chart's x-axis counts."""

    STEP = "step"
    TIME = "time"
    RELATIVE = "relative"


class Summary(Struct, frozen=True, kw_only=True):
    """What a metric of a run did, without its points.

    Attributes:
        points: how many were logged, one that came twice counted twice while it is new.
        low, high: the extremes of those that are numbers; None if none is.
        first_step, last_step: the range of steps.
    """

    key: str
    points: int
    low: Real | None
    high: Real | None
    first_step: int
    last_step: int


class MetricOperations(ABC):
    """What can be asked of metric series."""

    @operation("GET", "/runs/{run}/metrics/{key*}", scope="tracking:read", effect=Effect.SCAN, about="run:{run}")
    @abstractmethod
    def history(self, run: str, key: str, limit: SeriesLimit = 10_000, *, cursor: str | None = None) -> Page[Point]:
        """List the points of one metric by time, then step, then value.

        Args:
            run: the run's id.
            key: the metric's name.
            limit: points in one page.
            cursor: where the page before ended.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking history 0199c7a1b2c37d4e5f60718293a4b5c6 loss
        """

    @operation("GET", "/metric-samples/{key*}", scope="tracking:read", effect=Effect.SCAN)
    @abstractmethod
    def sample(
        self,
        key: str,
        runs: list[str],
        limit: SeriesLimit = 320,
        *,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> list[Point]:
        """Give evenly chosen points of one metric in several runs, first and last of each always among them.

        Args:
            key: the metric's name.
            runs: ids of runs.
            limit: the most points of each run.
            first_step: leave out what comes before.
            last_step: leave out what comes after.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking sample loss --runs 0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @stream("GET", "/charts/{key*}", scope="tracking:read", effect=Effect.SCAN, media="application/octet-stream")
    @abstractmethod
    def chart(
        self,
        key: str,
        runs: list[str],
        buckets: Buckets = 700,
        *,
        axis: Axis = Axis.STEP,
        smooth: Smoothing = 0,
        first: float | None = None,
        last: float | None = None,
    ) -> Iterator[bytes]:
        """Draw one metric of several runs, thinned to the lowest and highest point of each bucket.

        The answer is binary, little-endian, one block a run in the order asked: `uint32` the number of points n,
        `uint32` zero, `float64` where x begins, then n `float32` of x after that beginning, then n `float32` of y.
        Points that are not a number are left out; an infinity stays one. A run without the metric has n = 0.

        Args:
            key: the metric's name.
            runs: ids of runs.
            buckets: how many; at most twice as many points come back.
            axis: step, time (milliseconds since 1970) or relative (milliseconds since the first point).
            smooth: draw the mean of each point with so many before and after it, of all points, not of the thinned.
            first: draw from this x on, and the point before it, so that the line comes from where it was.
            last: draw up to this x, and the point after it.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking chart loss --runs 0199c7a1b2c37d4e5f60718293a4b5c6
        """

    @operation("GET", "/runs/{run}/summaries", scope="tracking:read", effect=Effect.SCAN, about="run:{run}")
    @abstractmethod
    def summaries(self, run: str) -> list[Summary]:
        """Tell of each metric of a run how many points it has and between which values, by name.

        Args:
            run: its id.

        Raises:
            NotFound: there is no such run.

        Example:
            yard tracking summaries 0199c7a1b2c37d4e5f60718293a4b5c6
        """
