"""Where a yard may listen, and what its address is called."""

from __future__ import annotations

from modelyard.kernel.errors import InvalidInput
from modelyard.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


def address_of(settings: Settings, port: int) -> str:
    """The address to give to people."""
    scheme = "https" if settings.tls_cert else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{port}"


def refuse_open_bind(settings: Settings) -> None:
    """Refuse to listen beyond this machine without TLS.

    Raises:
        InvalidInput: the host is not loopback, there is no certificate, and nobody said --insecure.
    """
    if settings.host in LOOPBACK or settings.insecure or (settings.tls_cert and settings.tls_key):
        return
    raise InvalidInput(
        f"{settings.host} can be reached from other machines and tokens would travel in the clear; "
        "give --tls-cert and --tls-key, or --insecure if a proxy in front adds TLS"
    )
