"""The operations on sources; what dials, reads or writes stands in `pulling`, imported at first use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Self

from modelyard.kernel.refs import Name
from modelyard.lake.api import (
    Drawing,
    Look,
    Progress,
    Pulled,
    PullMode,
    Source,
    SourceOperations,
    SourceStream,
)
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk, Outside
from modelyard.lake.store import sources
from modelyard.ports import calls


class SourcingService(SourceOperations):
    """Tables filled from other systems."""

    _desk: Desk

    def reaching(self, outside: Outside) -> Self:
        """The same service, with the way to other systems."""
        self._desk = replace(self._desk, outside=outside)
        return self

    def declare_source(
        self, name: Name, address: str, table: Name, *, stream: str = "", mode: PullMode = PullMode.APPEND,
        cursor: str = "", keys: tuple[str, ...] = (), drawing: Drawing | None = None,
    ) -> Source:  # fmt: skip
        """Say where a table is filled from."""
        from modelyard.lake.service.pulling.declaring import declare

        call = calls.current()
        wanted = sources.Kept(
            name=name, address=address, table=table, stream=stream, mode=mode, keys=keys, cursor=cursor,
            drawing=drawing or Drawing(), author=call.actor.id, created_ms=call.now_ms, updated_ms=call.now_ms,
        )  # fmt: skip
        return declare(self._desk, wanted)

    def seal_source(self, name: Name, secret: str) -> Source:
        """Keep the password or key of a source."""
        from modelyard.lake.service.pulling.declaring import seal

        return seal(self._desk, name, secret)

    def sources(self) -> tuple[Source, ...]:
        """List the declared sources."""
        from modelyard.lake.service.pulling.declaring import shown

        return tuple(shown(self._desk, each) for each in sources.listed(calls.current().tx))

    def declared_source(self, name: Name, *, branch: Name | None = None) -> Source:
        """Show one declared source."""
        from modelyard.lake.service.pulling.declaring import found, shown

        return shown(self._desk, found(name), branch or MAIN)

    def remove_source(self, name: Name) -> None:
        """Forget a source and its secret."""
        from modelyard.lake.service.pulling.declaring import remove

        remove(self._desk, name)

    def streams(self, name: Name) -> tuple[SourceStream, ...]:
        """List what a source can be read from."""
        from modelyard.lake.service.pulling.looking import streams

        return streams(self._desk, name)

    def look(self, name: Name, *, stream: str = "", rows: int = 20) -> Look:
        """Read the first rows of a source; nothing is kept."""
        from modelyard.lake.service.pulling.looking import look

        return look(self._desk, name, stream=stream, rows=rows)

    def pull(self, name: Name, *, branch: Name | None = None) -> Pulled:
        """Read what is new in a source into its table."""
        from modelyard.lake.service.pulling.pulling import pull

        return pull(self._desk, name, branch=branch)

    def pull_live(self, name: Name, *, branch: Name | None = None) -> Iterator[Progress]:
        """Pull, and tell how far it is."""
        from modelyard.lake.service.pulling.pulling import pulling

        return pulling(self._desk, name, branch=branch)

    def give(self, name: Name, content: Iterable[bytes], *, branch: Name | None = None) -> Pulled:
        """Take in what somebody read out of a source."""
        from modelyard.lake.service.pulling.giving import give

        return give(self._desk, name, content, branch=branch)

    def pulls(self) -> tuple[Progress, ...]:
        """List the pulls that run now."""
        return self._desk.under_way.now()

    def backfill(self, name: Name, *, low: str = "", high: str = "", branch: Name | None = None) -> Pulled:
        """Read a range of the cursor column again."""
        from modelyard.lake.service.pulling.pulling import pull

        return pull(self._desk, name, branch=branch, low=low, high=high, ranged=True)
