"""The stream of runs that go on: what each has logged since the reader's marks, as it comes.

However many readers follow a run, what came after one mark is read once; each reader's right to it is asked again every
ten seconds, and with every sign of life.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.tracking.api import Tail, Tracking
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls, PageNews
from modelyard.ui.kit.pages import Ask, Screens, Told

MOST, _KEPT = 50, 512
ASK_EVERY_S = 10.0


class Follow(Struct, frozen=True):
    """What some runs have logged; those that have nothing to tell are left out."""

    tails: tuple[Tail, ...]


class Tails:
    """What came after which mark, read once for all who wait at it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], Tail] = {}

    def after(self, tracking: Tracking, run: str, mark: str, beat: int) -> Tail:
        """What a run logged after a mark, as of a beat of the yard."""
        key = (run, mark, beat)
        if key not in self._known:
            found = tracking.tail(run, mark)
            while len(self._known) >= _KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[key] = found
        return self._known[key]


def screens() -> Screens:
    """The stream that charts of running runs listen to."""
    mine, tails = Screens("follows"), Tails()

    @mine.stream("/follow")
    async def follow(calls: PageCalls, ask: Ask, news: AsyncIterator[PageNews | None]) -> AsyncIterator[Told | None]:
        tracking, runs = slices(calls).tracking, list(dict.fromkeys(ask.texts("run")))
        if not 0 < len(runs) <= MOST:
            raise InvalidInput(f"follow 1 to {MOST} runs: /follow?run=ID")
        marks = ask.text("last").split(",")
        known = marks if len(marks) == len(runs) and all(marks) else [""] * len(runs)
        first = await asyncio.to_thread(_first, tracking, runs, known)
        marks = [tail.mark for tail in first]
        yield _told(first, marks, every="" in known)
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async for one in news:
            if one is None or loop.time() - asked >= ASK_EVERY_S:  # as the reader himself: his rights may be gone
                await asyncio.to_thread(_first, tracking, runs, marks)
                asked = loop.time()
            if one is None:
                yield None
                continue
            beat = int(one.at.timestamp() * 2)
            found = await asyncio.to_thread(_all, tails, tracking, runs, marks, beat)
            marks = [tail.mark for tail in found]
            if any(tail.points or tail.again for tail in found) or "runs" in one.topics:
                yield _told(found, marks, every="runs" in one.topics)

    return mine


def _first(tracking: Tracking, runs: Sequence[str], marks: Sequence[str]) -> list[Tail]:
    return [tracking.tail(run, mark) for run, mark in zip(runs, marks, strict=True)]


def _all(tails: Tails, tracking: Tracking, runs: Sequence[str], marks: Sequence[str], beat: int) -> list[Tail]:
    return [tails.after(tracking, run, mark, beat) for run, mark in zip(runs, marks, strict=True)]


def _told(found: Sequence[Tail], marks: Sequence[str], *, every: bool) -> Told:
    told = tuple(tail for tail in found if every or tail.points or tail.again)
    return Told(msgspec.json.encode(Follow(told)), mark=",".join(marks), kind="tails")
