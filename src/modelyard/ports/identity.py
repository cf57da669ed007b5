"""The identity port: who stands behind a credential.

How tokens are made, stored (hashed) and revoked is the answerer's business. It never decides what an actor may do.
"""

from __future__ import annotations

from typing import Protocol

from modelyard.kernel.actors import Actor


class Identities(Protocol):
    """Turns a credential into an actor."""

    def authenticate(self, token: str) -> Actor | None:
        """The actor behind a bearer token; None if it is unknown, expired or revoked. Cheap: asked for each call."""
        ...

    def session(self, cookie: str) -> Actor | None:
        """The actor behind a browser session; None if it is unknown or over."""
        ...

    def csrf(self, cookie: str) -> str:
        """The token that forms of this session must carry; never guessable from outside it."""
        ...
