"""Modelyard: the whole ML lifecycle as one Python package.

    import modelyard
    yard = modelyard.connect("./home")                 # embedded, no service
    yard = modelyard.connect("https://yard.example")   # remote, the same static type

This module is the public face and stays light: nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.kernel.version import VERSION

if TYPE_CHECKING:
    from modelyard.sdk.authoring import StepFile, context, flow, step
    from modelyard.sdk.hub import Yard
    from modelyard.sdk.notebook.extension import Shell

__version__ = VERSION
__all__ = ["StepFile", "__version__", "connect", "context", "flow", "load_ipython_extension", "step"]
_AUTHORING = frozenset({"StepFile", "context", "flow", "step"})


def __getattr__(name: str) -> object:
    """The words in which pipelines are written, imported when first used."""
    if name not in _AUTHORING:
        raise AttributeError(f"module 'modelyard' has no attribute {name!r}")
    from modelyard.sdk import authoring

    return getattr(authoring, name)


def connect(address: str | None = None, *, token: str | None = None) -> Yard:
    """A yard: remote behind `http(s)://...`, else embedded in this process over a home folder.

    Args:
        address: an address or a folder; by default YARD_ADDRESS, else the home that the settings name.
        token: for a remote yard; by default YARD_TOKEN.

    Raises:
        Unavailable: the address does not answer (at the first call).
        Conflict: the folder holds a home of a newer version.
    """
    import os

    target = address or os.environ.get("YARD_ADDRESS") or ""
    if target.startswith(("http://", "https://")):
        from modelyard.sdk.hub import Yard as Hub
        from modelyard.sdk.remote import HttpTransport

        transport = HttpTransport(target, token)
        return Hub(transport, close=transport.close)
    from modelyard.app.embedded import open_home

    return open_home(target or None)


def load_ipython_extension(shell: Shell) -> None:
    """What `%load_ext modelyard` calls: `%%run`, and tables in place of records."""
    from modelyard.sdk.notebook.extension import load

    load(shell, connect)
