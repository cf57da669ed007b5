"""Foreign wires: routes in somebody else's words, which pass the same guard as our own operations.

A translator in `protocols/` declares `WireRoute`s. The edge matches, authenticates and authorises them, then runs
`decode` (pure, on the loop) and `handle` (where the effect says). A translator holds no rule of its own: `handle`
calls a slice's api.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from modelyard.kernel.errors import YardError
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref


class WireRequest(NamedTuple):
    """A request as the edge took it apart.

    Attributes:
        path_params: the holes of the route's path, percent-decoded.
        query: the raw query string, undecoded.
        headers: names in lower case.
        body: all of it; empty where the route streams.
        content: the body in chunks where the route's `streams` is set; else None.
    """

    verb: str
    path: str
    path_params: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    content: Iterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What goes back; an iterator body is streamed."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WireRoute:
    """One address of a foreign wire.

    Attributes:
        name: audit name, `wire.what`, e.g. `mlflow.log_batch`.
        path: whole path with `{hole}`s; `{hole*}` at the end takes the rest.
        scope: what a caller needs; None only for addresses that must be open, and then it may change nothing.
        decode: the request as the handler's argument; raises InvalidInput; quick, no I/O.
        handle: does it, within a call of the route's effect (`calls.current()`).
        error: a YardError in the wire's own form.
        about: the ref that the decoded request touches, for grants and audit.
        streams: True to hand the body over in chunks (`content`), for uploads.
        audited: False for calls too frequent and small for an audit row.
        scope_of: what the decoded request needs beside or in place of `scope`, where that depends on what it asks.
    """

    name: str
    verb: str
    path: str
    scope: str | None
    effect: Effect
    decode: Callable[[WireRequest], Any]
    handle: Callable[[Any], WireResponse]
    error: Callable[[YardError], WireResponse]
    about: Callable[[Any], Ref | None] | None = None
    streams: bool = False
    audited: bool = True
    scope_of: Callable[[Any], str] | None = None
