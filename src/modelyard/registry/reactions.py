"""What the registry does unasked: nothing yet. Serving compiles what it deploys; monitoring reacts to moved aliases."""

from __future__ import annotations

from modelyard.ports.duties import Reaction
from modelyard.registry.api import Registry


def reactions(service: Registry) -> tuple[Reaction, ...]:
    """The registry listens to nobody: what tracking tells changes no registered version."""
    del service
    return ()
