"""The closed door to the network: no test, and no Python process that a test starts, talks to another machine.

`tests/conftest.py` installs it in the test process and puts this folder on PYTHONPATH, so that every interpreter that
a test starts imports it as `sitecustomize` before anything else. An attempt raises at the spot and is written to a
log, so that it fails its test even where the caller swallows the error. It listens to Python's own audit events:
sockets that native code opens by itself (Rust, libuv) are not seen here and meet the closed proxy of `conftest.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

LOG = "OFFLINE_LOG"

CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class OutboundConnection(RuntimeError):
    """A test, or a process that it started, tried to leave the machine."""


def is_here(host: object) -> bool:
    """Whether a host name or address, as sockets take it, means this machine."""
    import ipaddress
    import socket

    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host
    if name is None or not isinstance(name, str):
        return name is None
    name = name.rstrip(".").lower()
    if name in {"", "localhost", socket.gethostname().lower()} or name.endswith((".localhost", ".localdomain")):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(address, "ipv4_mapped", None) or address
    return bool(inner.is_loopback or inner.is_unspecified)


def refused(event: str, args: tuple[object, ...]) -> str:
    """What an audit event tries to reach outside the machine, or an empty string."""
    if event in CONNECTS:
        address = args[1] if len(args) > 1 else None
        if isinstance(address, tuple) and address and not is_here(address[0]):
            return f"a connection to {address[0]}:{address[1] if len(address) > 1 else ''}"
    elif event in LOOKUPS and args and not is_here(args[0]):
        return f"a look-up of {args[0]!r}"
    return ""


def listen(event: str, args: tuple[object, ...]) -> None:
    """The audit hook: refuse, and leave a line in the log."""
    if not event.startswith("socket."):
        return
    what = refused(event, args)
    if not what:
        return
    log = os.environ.get(LOG)
    if log:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{what} (process {os.getpid()}: {' '.join(sys.orig_argv[:4])})\n")
    raise OutboundConnection(
        f"the network is off in tests, but the code tried {what}. "
        "Serve what the test needs on 127.0.0.1 at a free port (fixture `free_port`) and pass its address."
    )


def install() -> None:
    """Close the door in this process; it cannot be opened again.

    A pytest-xdist worker was started by a process with the door closed, so its own start has closed it already.
    """
    earlier = getattr(sys.modules.get("sitecustomize"), "__file__", None)
    if __name__ == "sitecustomize" or earlier != __file__:
        sys.addaudithook(listen)


if __name__ == "sitecustomize":
    install()
