"""The sinks port: the scheme of an address picks the adapter; only hosts that are listed are ever written to."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

from modelyard.adapters.sources.addresses import Grounds, refuse_host, refuse_secrets, scheme_of, split
from modelyard.adapters.sources.places import confined_path
from modelyard.kernel.errors import Forbidden, InvalidInput, MissingExtra
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Target, Way

_KNOWN = {
    "postgresql": ("postgres", frozenset(Way)), "postgres": ("postgres", frozenset(Way)),
    "redis": ("redis", frozenset({Way.MERGE})), "rediss": ("redis", frozenset({Way.MERGE})),
    "redis+unix": ("redis", frozenset({Way.MERGE})),
}  # fmt: skip


class KnownSinks:
    """Every sink that this installation can write.

    Args:
        allowed: hosts, and folders of sockets, that may be written to; none where it is empty.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._hosts = tuple(each for each in allowed if not each.startswith("/"))
        self._grounds = Grounds(folders=tuple(each for each in allowed if each.startswith("/")), hosts=self._hosts)

    def check(self, address: str, way: Way) -> None:
        """Refuse an address before anybody keeps it."""
        _module(self._checked(address, way))

    def open(self, address: str, *, way: Way, secret: Secret | None) -> Target:
        """The system behind an address."""
        target: Target = _module(self._checked(address, way)).opened(address, secret)
        return target

    def _checked(self, address: str, way: Way) -> str:
        refuse_secrets(address)
        scheme = scheme_of(address)
        if scheme not in _KNOWN:
            raise InvalidInput(f"no sink is known for {scheme}:// addresses; there are {', '.join(sorted(_KNOWN))}")
        name, ways = _KNOWN[scheme]
        if way not in ways:
            raise InvalidInput(f"{scheme}:// takes rows by {', '.join(sorted(ways))} alone, not by {way}")
        parts = split(address, takes=("host", "sslmode") if name == "postgres" else ())
        socket = parts.path if scheme == "redis+unix" else (parse_qs(parts.query).get("host") or [""])[0]
        if socket.startswith("/"):
            confined_path(socket, self._grounds)
            return name
        if not self._hosts:
            raise Forbidden("this yard writes to no other system; whoever runs it lists hosts in `sink_hosts`")
        if socket:
            raise InvalidInput("name the host in the address itself, or a folder of sockets as `host`")
        refuse_host(parts.hostname, self._grounds)
        return name


def _module(name: str) -> Any:
    try:
        return import_module(f"modelyard.adapters.sinks.{name}")
    except ModuleNotFoundError as err:
        raise MissingExtra(f"this sink needs {err.name}: pip install 'modelyard[{name}]'") from err
