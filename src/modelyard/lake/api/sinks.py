"""Tables delivered into other systems: declared once, delivered as often as one likes, each change once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name, Ref

SinkId = NewType("SinkId", str)
SINK = IdKind("sink", SinkId)
Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Target = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:\-]*$", max_length=120, description="letters, digits, `_`, `.`, `:`, `-`"),
]


class Way(StrEnum):
    """What a delivery does to what is there: replace all of it, add to it, or replace and remove by key."""

    OVERWRITE = "overwrite"
    APPEND = "append"
    MERGE = "merge"


class Sink(Struct, frozen=True, kw_only=True):
    """Where a table is delivered to.

    Attributes:
        id: another one each time it is declared.
        ref: `sink:shop`.
        target: the table, or the first part of the keys, on the other side.
        position: the table's version that was delivered last; 0 if none was.
        has_secret: True if a secret is kept for it.
        options: what the system's adapter takes beside the address.
    """

    id: SinkId
    name: str
    ref: Ref
    table: str
    address: str
    target: str
    way: Way
    position: int
    has_secret: bool
    author: ActorId
    at_ms: int
    options: dict[str, str] = {}


class Delivery(Struct, frozen=True, kw_only=True):
    """One delivery.

    Attributes:
        since, version: it brought what changed between these versions of the table; equal if nothing did.
        written, removed: rows; by key where the sink merges.
        arrived: False if the other side had it already, from a delivery that was cut off before it could be noted.
    """

    sink: str
    table: str
    since: int
    version: int
    written: int
    removed: int
    arrived: bool
    at_ms: int
    took_ms: int


class SinkDeclared(News, frozen=True, kw_only=True):
    """A table is to be delivered somewhere."""

    sink: str
    table: str
    way: str


class SinkRemoved(News, frozen=True, kw_only=True):
    """A table is no longer delivered there."""

    sink: str


class SinkDelivered(News, frozen=True, kw_only=True):
    """Rows of a table reached another system; `reads` is the version, `writes` the sink."""

    sink: str
    table: str
    since: int
    version: int
    written: int
    removed: int


class SinkOperations(ABC):
    """Sinks, from declaring to removing."""

    @operation(
        "PUT", "/sinks/{name}", scope="lake:deliver", about="sink:{name}", effect=Effect.WORK, private=("secret",)
    )
    @abstractmethod
    def declare_sink(
        self,
        name: Name,
        table: Name,
        address: Address,
        *,
        target: Target = "",
        way: Way = Way.MERGE,
        secret: str | None = None,
        options: dict[str, str] | None = None,
    ) -> Sink:
        """Say where a table is delivered; nothing is delivered yet. A sink of that name begins anew.

        Args:
            address: `postgresql://writer@host/shop`, `redis://host:6379/0`, `file:///folder`, `s3://bucket/folder` or
                `https://host/path`, without a password.
            target: the table, the first part of the keys, or the folder of files on the other side; the table's name
                where left out.
            way: `merge` by the table's keys (databases, webhooks); `append` what is new (Postgres, files, webhooks);
                `overwrite` all (Postgres, files).
            secret: the password or key, or what a webhook's messages are signed with; kept sealed, shown nowhere.
            options: of a bucket, `{"region": "eu-1", "endpoint": "https://...", "access_key_id": "..."}`, as JSON.

        Raises:
            NotFound: no such table.
            InvalidInput: the table has no keys to merge by, or the address cannot be written that way.
            Forbidden: the host, folder or bucket is not listed in `sink_hosts`.
        """

    @operation("GET", "/sinks", scope="lake:read")
    @abstractmethod
    def sinks(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[Sink]:
        """List sinks, by name."""

    @operation("DELETE", "/sinks/{name}", scope="lake:deliver", about="sink:{name}", effect=Effect.WORK)
    @abstractmethod
    def remove_sink(self, name: Name) -> None:
        """Forget a sink and its secret; what was delivered stays on the other side."""

    @operation("POST", "/sinks/{name}/deliveries", scope="lake:deliver", about="sink:{name}", effect=Effect.WORK)
    @abstractmethod
    def deliver(self, name: Name) -> Delivery:
        """Bring what changed in the table since the last delivery to its sink.

        Safe to repeat: what was cut off is brought again, and comes to the same rows on the other side. A delivery that
        was begun is finished first, as one of its own; the answer is the last.

        Raises:
            Conflict: the table was made anew since; declare the sink again.
            Unavailable: the other side does not answer; nothing is lost, deliver again.
        """

    @operation("GET", "/sinks/{name}/deliveries", scope="lake:read", about="sink:{name}")
    @abstractmethod
    def deliveries(self, name: Name, *, cursor: str | None = None, limit: Limit = 50) -> Page[Delivery]:
        """List a sink's deliveries, newest first."""
