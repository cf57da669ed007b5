"""Which hosts and sockets sinks may write to: those that are listed, and no others."""

from __future__ import annotations

from modelyard.adapters.sinks.opening import Opening
from modelyard.adapters.sources.addresses import refuse_host
from modelyard.adapters.sources.places import confined_path
from modelyard.kernel.errors import Forbidden, InvalidInput


def refuse_unlisted(host: str | None, opening: Opening) -> str:
    """The host, if it is listed.

    Raises:
        Forbidden: it is not.
        InvalidInput: there is none.
    """
    if not opening.grounds.hosts:
        raise Forbidden("this yard writes to no other system; whoever runs it lists hosts in `sink_hosts`")
    return refuse_host(host, opening.grounds)


def refuse_server(opening: Opening, *, host: str | None, socket: str) -> None:
    """Refuse a server that may not be written to, whether behind a host or a socket.

    Raises:
        Forbidden: it is not listed.
        InvalidInput: the address names neither, or both.
    """
    if socket.startswith("/"):
        confined_path(socket, opening.grounds)
        return
    refuse_unlisted(host, opening)
    if socket:
        raise InvalidInput("name the host in the address itself, or a folder of sockets as `host`")
