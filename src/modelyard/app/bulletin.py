"""The bulletin: what happened, looked up twice a second for all who listen together, and not at all for nobody.

However many pages stand open, the log is read once a look. Each listener gets what came after it began to listen; one
that falls behind is told only that it did, never the backlog.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from modelyard.ui.kit.calls import PageNews

LOOK_S, SIGN_OF_LIFE_S, _BEHIND = 0.5, 10.0, 100


@dataclass(eq=False)
class _Round:
    """Those who listen on one event loop, and the task that looks for them."""

    ears: set[asyncio.Queue[PageNews]] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class Bulletin:
    """Hands on news; `look` gives what came since it was asked last, and is called from a thread.

    Args:
        begin: makes a `look` of its own, which starts from now.
    """

    def __init__(self, begin: Callable[[], Callable[[], Sequence[PageNews]]]) -> None:
        self._begin = begin
        self._rounds: dict[asyncio.AbstractEventLoop, _Round] = {}

    async def listen(self) -> AsyncIterator[PageNews | None]:
        """News as it is seen; None after each ten seconds of silence."""
        loop = asyncio.get_running_loop()
        here = self._rounds.setdefault(loop, _Round())
        ear: asyncio.Queue[PageNews] = asyncio.Queue(_BEHIND)
        here.ears.add(ear)
        if here.task is None:
            here.task = loop.create_task(self._look(here))
        try:
            while True:
                try:
                    yield await asyncio.wait_for(ear.get(), SIGN_OF_LIFE_S)
                except TimeoutError:
                    yield None
        finally:
            here.ears.discard(ear)
            if not here.ears:
                self._rounds.pop(loop, None)
                here.task.cancel()

    async def _look(self, here: _Round) -> None:
        look = await asyncio.to_thread(self._begin)
        while True:
            await asyncio.sleep(LOOK_S)
            for news in await asyncio.to_thread(look):
                for ear in here.ears:
                    if not ear.full():
                        ear.put_nowait(news)
