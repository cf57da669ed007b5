"""What serving asks of slices above it, as small Protocols that the app wires: who may predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Credential(Struct, frozen=True, kw_only=True):
    """A credential that the model server may meet.

    Attributes:
        digest: SHA-256 of the token, lower-case hex.
        caller: the actor's id.
        predict, read: names of the endpoints that it may ask, and look at.
    """

    digest: str
    caller: str
    predict: tuple[str, ...]
    read: tuple[str, ...]
    expires_ms: int | None = None


class Credentials(Protocol):
    """Who may predict."""

    def rights_version(self) -> int:
        """A number that grows whenever anybody's rights change; cheap, asked several times a second."""
        ...

    def credentials(self, endpoints: Sequence[str]) -> Sequence[Credential]:
        """Every credential that stands and may ask or look at any of these endpoints."""
        ...
