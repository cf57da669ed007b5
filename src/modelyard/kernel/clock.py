"""Time as a dependency: the one place that reads the wall clock, so that every other room can be given a clock.

It never formats time for people; that is the screens' business.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where a room gets its time from; always UTC."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; for measuring durations, never for dating."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC."""
        return datetime.now(UTC)

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()


class FrozenClock:
    """A clock that stands still until it is told to move; for tests, simulations and replays."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs a time zone: pass datetime(..., tzinfo=UTC)")
        self._now = start.astimezone(UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The moment the clock was set to."""
        return self._now

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return to_ms(self._now)

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return to_ms(self._now) * 1_000_000 + (self._now.microsecond % 1000) * 1000

    def monotonic(self) -> float:
        """Seconds by which the clock was advanced."""
        return self._elapsed

    def advance(self, by: timedelta) -> None:
        """Move the clock forward by `by`."""
        self._now += by
        self._elapsed += by.total_seconds()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since the Unix epoch, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The UTC moment that many milliseconds after the Unix epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
