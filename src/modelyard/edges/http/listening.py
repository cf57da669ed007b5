"""The listening socket: bound once by whoever stays, handed on to whoever serves.

It stands apart from the server so that the supervisor can hold it without loading one; connections that come while the
control process is being started again wait in its queue.
"""

from __future__ import annotations

import socket

from modelyard.kernel.errors import Conflict, InvalidInput


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the machine choose.

    Raises:
        Conflict: the port is in use.
        InvalidInput: the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except socket.gaierror as err:
        listener.close()
        raise InvalidInput(f"{host} is no address of this machine; take 127.0.0.1") from err
    except OSError as err:
        listener.close()
        raise Conflict(
            f"port {port} on {host} cannot be taken ({err.strerror}); another program may hold it: "
            f"choose one with --port, or --port 0 for any"
        ) from err
    listener.setblocking(False)
    return listener


def inherited(handle: int) -> socket.socket:
    """A listening socket that this process was started with."""
    listener = socket.socket(fileno=handle)
    listener.setblocking(False)
    return listener
