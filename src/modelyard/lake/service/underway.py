"""The pulls that run now, for whoever asks and did not start them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from modelyard.lake.api import Progress, PullStage


class UnderWay:
    """Pulls that run now in this process, each as it last told of itself."""

    def __init__(self) -> None:
        self._told: dict[object, Progress] = {}

    def follow(self, source: str, telling: Generator[Progress]) -> Iterator[Progress]:
        """The same pull, known here from its first step to its end."""
        mark = object()
        self._told[mark] = Progress(source=source, stage=PullStage.READING)
        try:
            with closing(telling):
                for progress in telling:
                    self._told[mark] = progress
                    yield progress
        finally:
            del self._told[mark]

    def now(self) -> tuple[Progress, ...]:
        """All of them, in the order in which they began."""
        return tuple(self._told.values())
