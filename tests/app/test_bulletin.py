"""One look at the log for all who listen, none for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from modelyard.app.bulletin import Bulletin
from modelyard.ui.kit.calls import PageNews

AT = datetime(2026, 11, 28, tzinfo=UTC)


class Log:
    """A log that counts how often it is begun and looked at."""

    def __init__(self) -> None:
        self.begun, self.looks, self.waiting = 0, 0, list[PageNews]()

    def begin(self) -> Looker:
        self.begun += 1
        return Looker(self)


class Looker:
    """A look from now on."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __call__(self) -> Sequence[PageNews]:
        self._log.looks += 1
        found, self._log.waiting = self._log.waiting, []
        return found


def test_many_listen_to_one_look_and_nobody_looks_for_nobody() -> None:
    log = Log()
    bulletin = Bulletin(log.begin)

    async def listen() -> None:
        ears = [bulletin.listen() for _ in range(20)]
        waiting = [asyncio.ensure_future(anext(ear)) for ear in ears]
        await asyncio.sleep(0.1)
        log.waiting.append(PageNews(7, ("runs",), AT))
        heard = await asyncio.wait_for(asyncio.gather(*waiting), 5)
        assert [news.number for news in heard if news] == [7] * 20
        assert log.begun == 1 and log.looks <= 3
        for ear in ears:
            await ear.aclose()  # type: ignore[attr-defined]  # what `listen` gives is a generator
        seen = log.looks
        await asyncio.sleep(1.1)
        assert log.looks == seen

    asyncio.run(listen())
    assert log.begun == 1
