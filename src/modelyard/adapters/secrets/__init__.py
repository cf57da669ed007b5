"""The secrets port answered by a sealed file in the home, or by the environment.

The address picks the adapter: a folder's path is the sealed file in it, `env:` the environment.
"""

from __future__ import annotations

from pathlib import Path

from modelyard.kernel.errors import InvalidInput
from modelyard.ports.secrets import Secrets


def open_secrets(address: str | Path) -> Secrets:
    """The secrets behind an address; nothing is written until the first secret is put.

    Args:
        address: the `state` folder of a home, or `env:` (variables `YARD_SECRET_...`), or `env:PREFIX_`.

    Raises:
        InvalidInput: the address is of no store known here.
    """
    scheme, divider, rest = str(address).partition(":")
    if isinstance(address, str) and divider and scheme == "env":
        from modelyard.adapters.secrets.environment import PREFIX, EnvironmentSecrets

        return EnvironmentSecrets(rest or PREFIX)
    if isinstance(address, str) and "://" in address:
        raise InvalidInput(f"no store of secrets is known for {scheme}:// addresses; give a folder's path or env:")
    from modelyard.adapters.secrets.sealed import SealedSecrets

    return SealedSecrets(Path(address))
