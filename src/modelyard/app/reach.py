"""How a command or script finds its yard: an address, the yard that serves a home, or the home itself."""

from __future__ import annotations

from pathlib import Path

from modelyard.app.lock import running_at
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings


def reach(settings: Settings, address: str | None = None, token: str | None = None) -> Yard:
    """A client of the yard that these settings mean.

    Raises:
        Unavailable: the address does not answer (at the first call).
    """
    running = None if address else running_at(settings.home_path)
    if address is None and running is None:
        from modelyard.app.house import House

        return House(settings).yard(closes=True)
    from modelyard.sdk.remote import HttpTransport

    if address is None and running is not None:
        address, token = running.address, token or owner_token(settings.home_path)
    transport = HttpTransport(address or "", token, trust=settings.tls_cert or None)
    return Yard(transport, close=transport.close)


def owner_token(home: Path) -> str | None:
    """The token of the home's owner, if the file is there and may be read."""
    try:
        return (home / "state" / "owner.token").read_text().strip() or None
    except OSError:
        return None
