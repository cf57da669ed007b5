"""How far a pull is: rows, bytes, rate and time left, told at most four times a second."""

from __future__ import annotations

from modelyard.kernel.clock import Clock
from modelyard.lake.api import Progress, PullStage

_EVERY_S = 0.25


class Meter:
    """Counts what a pull reads."""

    def __init__(self, clock: Clock, source: str) -> None:
        self._clock = clock
        self._source = source
        self._began = clock.monotonic()
        self._told = self._began
        self.of = ""
        self.rows = 0
        self.size_bytes = 0
        self.total_rows: int | None = None
        self.total_bytes: int | None = None

    @property
    def took_ms(self) -> int:
        """Since the pull began."""
        return int((self._clock.monotonic() - self._began) * 1000)

    def due(self, stage: PullStage, *, checked: int | None = None) -> tuple[Progress, ...]:
        """What to tell now: nothing, or one progress.

        Args:
            checked: rows of the load under way that were checked already.
        """
        now = self._clock.monotonic()
        if now - self._told < _EVERY_S:
            return ()
        self._told = now
        return (self.now(stage, checked=checked),)

    def now(self, stage: PullStage, *, checked: int | None = None) -> Progress:
        """How far it is."""
        took = max(self._clock.monotonic() - self._began, 1e-3)
        rows = self.rows if checked is None else checked
        share = None
        if self.total_bytes and stage is PullStage.READING:
            share = self.size_bytes / self.total_bytes
        elif self.total_rows:
            share = rows / self.total_rows
        left = None if not share or share > 1 else took / share - took
        return Progress(
            source=self._source, stage=stage, of=self.of, rows=rows, size_bytes=self.size_bytes,
            total_rows=self.total_rows, total_bytes=self.total_bytes, rows_per_s=round(rows / took, 1),
            bytes_per_s=round(self.size_bytes / took, 1), left_s=None if left is None else round(left, 1),
        )  # fmt: skip
