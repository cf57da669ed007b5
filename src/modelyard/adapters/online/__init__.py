"""The online port answered by LMDB in a local folder, or by a Redis or Valkey server.

The address picks the adapter: a path is a folder, `redis://host:port/db` and `rediss://` (TLS) are servers.
"""

from __future__ import annotations

from pathlib import Path

from modelyard.kernel.errors import InvalidInput, MissingExtra
from modelyard.ports.online import Online

SERVERS = ("redis", "rediss", "unix")


def open_online(address: str | Path, *, namespace: str = "yard") -> Online:
    """The online store behind an address; a folder is made if it is missing.

    Args:
        address: a folder's path, or `redis://host:6379/0`.
        namespace: on a server, the first part of every key, so that several yards can share it.

    Raises:
        InvalidInput: the address is of no store known here.
        MissingExtra: the library for servers is not installed.
        Unavailable: the server does not answer.
    """
    scheme, divider, _ = str(address).partition("://")
    if not divider or isinstance(address, Path):
        from modelyard.adapters.online.embedded import opened

        return opened(Path(address))
    if scheme not in SERVERS:
        raise InvalidInput(f"no online store is known for {scheme}:// addresses; give a folder's path or redis://")
    try:
        from modelyard.adapters.online.server import ServerOnline
    except ModuleNotFoundError as err:
        raise MissingExtra(
            "online rows on a Redis server need one more library: pip install 'modelyard[redis]'"
        ) from err
    return ServerOnline(str(address), namespace=namespace)
