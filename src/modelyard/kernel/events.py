"""News: what happened, what it read and what it wrote.

A slice declares its news as frozen records derived from `News`; the guard wraps them into `Event`s in the commit of the
call that caused them. Lineage, audit, cost and reactions are projections of events. High-volume data (predictions,
metric points) are never events.
"""

from __future__ import annotations

import re
from typing import ClassVar, TypeVar

import msgspec
from msgspec import Struct

from modelyard.kernel.ids import ActorId, EventId
from modelyard.kernel.refs import Ref

N = TypeVar("N", bound="News")


class News(Struct, frozen=True, kw_only=True):
    """Base of every event body; its `kind` is `slice.class_name`, e.g. `lake.table_committed`."""

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, **options: object) -> None:
        """Derive the kind from where the class stands, unless it names its own."""
        super().__init_subclass__(**options)  # type: ignore[arg-type]  # Struct takes its options here
        if "kind" not in vars(cls):
            home = cls.__module__.split(".")
            room = home[1] if len(home) > 1 and home[0] == "modelyard" else home[-1]
            cls.kind = room + "." + re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened, as it stands in the log.

    Attributes:
        at_ms: when, in milliseconds since the Unix epoch, UTC.
        reads: refs that the change was made from.
        writes: refs that it made or changed.
        body: the news as JSON; `decode` gives the record back.
        seq: place in the log; 0 until stored.
    """

    id: EventId
    kind: str
    at_ms: int
    actor: ActorId
    request_id: str
    body: msgspec.Raw
    reads: tuple[Ref, ...] = ()
    writes: tuple[Ref, ...] = ()
    seq: int = 0

    def decode(self, news: type[N]) -> N:
        """The body as its record; fields this version does not know are ignored."""
        return msgspec.json.decode(self.body, type=news)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One call as the audit remembers it, with the events it caused.

    Attributes:
        outcome: `ok`, the code of the error it ended in, or `begun` for a long call that goes on after it.
        detail: the arguments as JSON, private ones left out, cut to 2,000 characters.
        audited: False keeps the events and leaves no audit row.
    """

    at_ms: int
    actor: ActorId
    operation: str
    about: Ref | None
    outcome: str
    request_id: str
    detail: str = ""
    events: tuple[Event, ...] = ()
    audited: bool = True
